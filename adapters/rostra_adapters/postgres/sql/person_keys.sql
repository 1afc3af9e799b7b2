-- To destroy a key is to delete its row. `wrapped` is sealed with the master key
-- whose fingerprint is `master`: a new master key rewrites this table alone.
create table if not exists rostra_keys.person_keys (
    owner uuid primary key,
    key_id bytea not null unique check (octet_length(key_id) = 8),
    wrapped bytea not null,
    master bytea not null,
    made_at timestamptz not null default clock_timestamp()
)
