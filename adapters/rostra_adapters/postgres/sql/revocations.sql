-- Tokens that are refused: those of a person (their `sub`) and a site (or `*`) that were issued
-- until a time, in seconds since the epoch. `number` grows with every change.
create table if not exists public.rostra_revocations (
    person text not null,
    site text not null,
    issued_until double precision not null,
    number bigserial not null unique,
    primary key (person, site)
)
