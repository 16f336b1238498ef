-- A copy of a database asks nobody, reminds nobody, and acts on no answer.
UPDATE care_survey_invitation SET next_at = NULL WHERE state = 'sent' AND next_at IS NOT NULL;
UPDATE care_survey_invitation SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
UPDATE care_survey_round SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
-- Nor does it finish what somebody has only begun to answer.
UPDATE care_survey_invitation SET first_answer_at = NULL WHERE first_answer_at IS NOT NULL AND answered_at IS NULL;
UPDATE care_audit_round SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
UPDATE care_staff_survey SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
UPDATE care_certification_digest SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
