create index if not exists rostra_webhook_lanes_next
on public.rostra_webhook_lanes (webhook, due_at)
