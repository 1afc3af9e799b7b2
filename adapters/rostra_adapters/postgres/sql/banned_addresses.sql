-- Addresses of banned guests.
create table if not exists public.rostra_banned_addresses (
    site text not null,
    address bytea not null,
    guest text not null,
    banned_until timestamptz not null,
    primary key (site, address)
)
