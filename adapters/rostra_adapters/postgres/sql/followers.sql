-- Positions up to which followers of the log have read, each in one log.
create table if not exists public.rostra_followers (
    name text not null primary key,
    log uuid not null,
    position bigint not null
)
