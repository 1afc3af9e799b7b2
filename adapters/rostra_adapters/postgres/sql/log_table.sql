create table if not exists public.rostra_log (
    singleton boolean primary key default true check (singleton),
    id uuid not null default gen_random_uuid(),
    schema_version integer not null default 0
)
