-- Fingerprints of the master keys that persons' keys are wrapped with: check values by which a
-- process that was given other keys is refused when it opens the database.
create table if not exists rostra_keys.master_keys (
    master bytea primary key check (octet_length(master) = 8),
    noted_at timestamptz not null default clock_timestamp()
)
