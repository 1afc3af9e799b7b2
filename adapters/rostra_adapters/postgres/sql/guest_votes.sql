-- From which address a guest has voted on a comment, as a hash by a key that changes daily.
create table if not exists public.rostra_guest_votes (
    comment uuid not null,
    guest text not null,
    address bytea not null,
    holder uuid not null,
    reserved_at timestamptz not null default clock_timestamp(),
    primary key (comment, guest)
)
