-- Room for writes, by bucket: a person's or an address's. A bucket that is full has no row, or one
-- of the past. Unlogged: what a crash loses is room that was taken.
create unlogged table if not exists public.rostra_write_limits (
    bucket bytea primary key,
    full_at timestamptz not null
)
