alter table public.stored_events
    add column if not exists event_id uuid,
    add column if not exists metadata jsonb
