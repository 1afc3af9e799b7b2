-- Notices that wait to be mailed: ids, never words. Those that were sent stay, so that none is sent
-- again.
create table if not exists public.rostra_outbox (
    event uuid not null,
    person uuid not null,
    site text not null,
    person_id text not null,
    reason text not null,
    discussion uuid,
    comment uuid,
    added_at timestamptz not null default clock_timestamp(),
    due_at timestamptz not null default clock_timestamp(),
    attempts integer not null default 0,
    state text not null default 'waiting',
    is_deferred boolean not null default false,
    error text,
    primary key (event, person)
)
