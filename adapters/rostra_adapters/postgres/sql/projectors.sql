-- The process that projects each lineage of views, with its last heartbeat and its rate since.
create table if not exists public.rostra_projectors (
    lineage text primary key,
    process uuid not null,
    host text not null,
    pid integer not null,
    backend integer not null,
    since timestamptz not null,
    beat_at timestamptz not null,
    lease_seconds double precision not null,
    position bigint not null,
    events_per_second double precision not null
)
