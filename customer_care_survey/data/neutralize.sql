-- A copy of a database asks nobody, and acts on no answer.
UPDATE care_survey_invitation SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
