create index if not exists rostra_webhook_lanes_due on public.rostra_webhook_lanes (due_at)
