def migrate(cr, version):
    """Which stage a record had entered: counted back from the one that it is in."""
    cr.execute(
        """
        WITH turns AS (
            SELECT id, journey_id, case_id, since,
                (lag(stage_id) OVER record IS DISTINCT FROM stage_id)::int AS turn
            FROM care_tenure
            WINDOW record AS (PARTITION BY journey_id, case_id ORDER BY since, id)
        ), later AS (
            SELECT id, journey_id, case_id,
                sum(turn) OVER (PARTITION BY journey_id, case_id)
                - sum(turn) OVER (PARTITION BY journey_id, case_id ORDER BY since, id) AS count
            FROM turns
        )
        UPDATE care_tenure t SET entry = greatest(1, COALESCE(j.entries, c.entries, 1) - l.count)
        FROM later l
        LEFT JOIN care_journey j ON j.id = l.journey_id
        LEFT JOIN care_case c ON c.id = l.case_id
        WHERE l.id = t.id AND t.entry IS NULL
        """
    )
