-- To destroy a key is to leave its owner, and how often they were erased. `wrapped` is sealed
-- with the master key whose fingerprint is `master`: a new master key rewrites this table alone.
create table if not exists rostra_keys.person_keys (
    owner uuid primary key,
    key_id bytea unique check (octet_length(key_id) = 8),
    wrapped bytea,
    master bytea,
    made_at timestamptz not null default clock_timestamp()
)
