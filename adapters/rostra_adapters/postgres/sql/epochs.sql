-- Histories of the log: each goes on from the one before at a position. `timeline` is the server's.
create table if not exists public.rostra_log_epochs (
    epoch integer primary key,
    log_id uuid not null,
    timeline integer,
    from_position bigint not null,
    at timestamptz not null default clock_timestamp()
)
