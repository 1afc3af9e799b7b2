-- A row that processes on the primary write every second. A standby's copy shows how far it lags.
create table if not exists public.rostra_heartbeat (
    singleton boolean primary key default true check (singleton),
    beat_at timestamptz not null
)
