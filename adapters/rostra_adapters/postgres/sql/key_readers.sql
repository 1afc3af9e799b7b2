-- The processes that may hold keys, and up to where they have forgotten what is destroyed.
-- It outlives a crash, which they may outlive too.
create table if not exists rostra_keys.key_readers (
    reader uuid primary key,
    forgotten bigint not null,
    master bytea not null,
    seen_at timestamptz not null default clock_timestamp()
)
