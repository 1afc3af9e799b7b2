-- The position up to which a person (their stream) has read a discussion, in one log.
create table if not exists public.rostra_read_marks (
    person uuid not null,
    discussion uuid not null,
    log uuid not null,
    position bigint not null,
    primary key (person, discussion)
)
