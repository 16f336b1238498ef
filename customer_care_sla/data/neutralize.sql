-- A copy of a database alerts nobody: clocks show what they showed, and nothing is due.
UPDATE care_sla_clock SET next_at = NULL WHERE next_at IS NOT NULL;
UPDATE res_company SET care_sla_woken_at = NULL WHERE care_sla_woken_at IS NOT NULL;
UPDATE care_sla_backtest SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
UPDATE care_sla_alert SET state = 'cancelled', next_at = NULL WHERE next_at IS NOT NULL;
UPDATE care_sla_apply SET next_at = NULL, state = 'cancelled' WHERE next_at IS NOT NULL;
