-- The notices of one mail have the id of the first of them here.
alter table public.rostra_outbox add column if not exists mail uuid
