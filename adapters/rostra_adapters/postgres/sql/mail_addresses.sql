-- Hashes of the addresses that persons (their streams) have confirmed.
create table if not exists public.rostra_mail_addresses (
    person uuid not null primary key,
    address bytea not null,
    confirmed_at timestamptz not null default clock_timestamp()
)
