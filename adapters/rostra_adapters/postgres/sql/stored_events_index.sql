create unique index if not exists stored_events_notification_id_idx
    on public.stored_events (notification_id asc)
