-- A copy of a database plans nothing for real customers.
UPDATE care_followup SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
UPDATE care_notice SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
UPDATE care_retry SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
UPDATE care_handoff SET state = 'cancelled', answer = 'withdrawn', next_at = NULL
    WHERE next_at IS NOT NULL;
UPDATE care_promise SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
UPDATE care_backfill SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
UPDATE care_digest SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
UPDATE care_signal SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
