-- Addresses that guests write from, as hashes by a key that changes daily.
create table if not exists public.rostra_guest_addresses (
    site text not null,
    guest text not null,
    address bytea not null,
    noted_at timestamptz not null default clock_timestamp(),
    primary key (site, guest, address)
)
