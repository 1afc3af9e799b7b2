-- Progress of jobs that carry out bans, or take them back.
create table if not exists public.rostra_ban_jobs (
    act uuid not null primary key,
    person uuid not null,
    log uuid not null,
    position bigint not null,
    stage text not null,
    cursor bigint,
    comments integer not null,
    comments_total integer not null,
    votes integer not null
)
