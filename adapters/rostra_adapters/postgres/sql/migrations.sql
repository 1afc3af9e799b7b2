-- The migrations that ran. Those of before this table have the time at which it was made.
create table if not exists public.rostra_migrations (
    number integer primary key,
    name text not null,
    ran_at timestamptz not null default clock_timestamp()
)
