-- `erasures_due`: it came from a backup, and who was erased since is yet to be erased again.
alter table public.rostra_log
    add column if not exists erasures_due boolean not null default false
