-- Owners whose keys every process is to forget, in order.
create table if not exists rostra_keys.erased_keys (
    number bigint primary key,
    owner uuid not null,
    erased_at timestamptz not null default clock_timestamp()
)
