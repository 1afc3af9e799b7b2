-- Rows are only ever added: vacuum has no dead ones to find, but it marks pages
-- all-visible (index-only look-ups) and, at age 0, freezes them for good in the
-- same visit, so that no wrap-around vacuum ever has the whole log to read.
alter table public.stored_events set (
    autovacuum_enabled = true,
    autovacuum_vacuum_insert_threshold = 50000,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_freeze_min_age = 0,
    autovacuum_analyze_threshold = 10000,
    autovacuum_analyze_scale_factor = 0.05
)
