-- A copy of a database asks nobody, reminds nobody, and acts on no answer.
UPDATE care_survey_invitation SET next_at = NULL WHERE state = 'sent' AND next_at IS NOT NULL;
UPDATE care_survey_invitation SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
UPDATE care_survey_round SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
UPDATE care_audit_round SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
