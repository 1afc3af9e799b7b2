-- Items of a person's inbox that were read: up to a position of one log, and single ones after it.
create table if not exists public.rostra_inbox_marks (
    person uuid not null primary key,
    log uuid not null,
    up_to bigint not null,
    positions bigint[] not null
)
