from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import SQL

#: Days that are looked at, and as many before them for comparison.
FIGURE_DAYS = 90
#: Fewer records say nothing.
FIGURE_LEAST = 20
#: From this share on a check counts as kept.
FIGURE_KEPT = 0.9
#: From this share on what comes after it counts as a low outcome.
FIGURE_WRONG = 0.1


class CareStandard(models.Model):
    """Kept, but does not work: proposed by figures.

    Of the records that left the stages of a check in the last 90 days, at least 20: the check
    was done on 90 % of them or more, and yet on 10 % or more something went wrong afterwards (a
    complaint about the journey, a case that was reopened), and that share is not lower than in
    the 90 days before. Then the standard's owner gets the task to revise it, once a version.
    """

    _inherit = "care.standard"  # pylint: disable=consider-merging-classes-inherited

    figures_version_id = fields.Many2one(
        "care.standard.version",
        "Proposed For",
        readonly=True,
        copy=False,
        ondelete="set null",
        help="The version for which the figures have asked for a revision.",
    )

    @property
    def _engine_fields(self):
        return super()._engine_fields | {"figures_version_id"}

    @api.model_create_multi
    def create(self, vals_list):
        # a default in the context forges nothing
        standards = self.with_context(default_figures_version_id=False)
        return super(CareStandard, standards).create(vals_list).with_env(self.env)

    @api.model
    def _cron_remind_once(self):
        # sudo: the engine looks at all of them
        self.sudo()._propose_revisions()
        return super()._cron_remind_once()

    @api.model
    def _propose_revisions(self):
        """Ask the owners of checks that are kept and do not help to revise them."""
        checks = self.search([("is_check", "=", True), ("state", "=", "published")]).filtered(
            lambda standard: standard.figures_version_id != standard.version_id
        )
        figures = checks._check_figures()
        triples = []
        for standard in checks:
            now, before = (figures.get((standard.id, recent)) for recent in (True, False))
            if not now or not standard._is_kept_in_vain(now, before):
                continue
            count, kept, wrong = now
            owner = standard.owner_id
            words = standard.with_context(lang=owner.lang).env._(
                "By the figures of the last %(days)s days: done on %(kept)s %% of %(count)s "
                "records, and on %(wrong)s %% something went wrong afterwards, no less than "
                "before.",
                days=FIGURE_DAYS,
                kept=round(100 * kept / count),
                count=count,
                wrong=round(100 * wrong / count),
            )
            triples.append((standard, owner, Markup("<p>%s</p>") % words))
            standard.figures_version_id = standard.version_id
        tasks = {
            task.res_id: task
            for task in self.browse([row[0].id for row in triples])._activities("revision")
        }
        for standard, _owner, words in triples:
            standard._message_log(body=words)
            if standard.id in tasks:
                task = tasks[standard.id]
                task.note = Markup(task.note or "") + words
        return self._create_activities(
            "revision", [row for row in triples if row[0].id not in tasks]
        )

    @api.model
    def _is_kept_in_vain(self, now, before):
        """
        :param now: (records, kept, gone wrong) of the last span
        :param before: the same of the span before; None where there is nothing
        """
        count, kept, wrong = now
        if count < FIGURE_LEAST or kept < FIGURE_KEPT * count or wrong < FIGURE_WRONG * count:
            return False
        if not before or before[0] < FIGURE_LEAST:
            return True
        return wrong / count >= before[2] / before[0]

    def _check_figures(self):
        """What became of the records that left these checks' stages.

        :return: dict (standard id, whether in the last span) -> (records, on how many it was
            done, on how many something went wrong afterwards)
        """
        if not self:
            return {}
        for model in ("care.tenure", "care.check", "care.case", "care.journey"):
            self.env[model].flush_model()
        now = self.env.cr.now()
        since = now - timedelta(days=FIGURE_DAYS)
        rows = self.env.execute_query(
            SQL(
                """
                WITH stays AS (
                    SELECT s.id AS standard_id, t.journey_id, t.case_id, max(t.until) AS until
                    FROM care_standard s
                    JOIN care_standard_stage_rel r ON r.standard_id = s.id
                    JOIN care_tenure t ON t.stage_id = r.stage_id AND t.until >= %(before)s
                        AND (s.company_id IS NULL OR s.company_id = t.company_id)
                    LEFT JOIN care_journey j ON j.id = t.journey_id
                    LEFT JOIN care_case c ON c.id = t.case_id
                    WHERE s.id = ANY(%(ids)s)
                        AND COALESCE(j.stage_id, c.stage_id) <> t.stage_id
                        AND COALESCE(j.stage_category, c.stage_category) <> 'cancelled'
                    GROUP BY s.id, t.journey_id, t.case_id
                )
                SELECT standard_id, until >= %(since)s AS recent, count(*),
                    count(*) FILTER (WHERE EXISTS (
                        SELECT FROM care_check k WHERE k.standard_id = y.standard_id
                        AND k.state = 'done'
                        AND (k.journey_id = y.journey_id OR k.case_id = y.case_id))),
                    count(*) FILTER (WHERE EXISTS (
                        SELECT FROM care_case c WHERE c.journey_id = y.journey_id
                        AND c.kind = 'complaint' AND c.stage_category <> 'cancelled'
                        AND c.received_at >= y.until
                    ) OR EXISTS (
                        SELECT FROM care_tenure n JOIN care_case c ON c.id = n.case_id
                        WHERE n.case_id = y.case_id AND n.cycle > 1 AND n.since >= y.until))
                FROM stays y GROUP BY 1, 2
                """,
                ids=self.ids,
                before=since - timedelta(days=FIGURE_DAYS),
                since=since,
            )
        )
        return {
            (standard_id, recent): (count, kept, wrong)
            for standard_id, recent, count, kept, wrong in rows
        }
