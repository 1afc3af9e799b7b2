create index if not exists rostra_webhook_lanes_claimed
on public.rostra_webhook_lanes (webhook, claimed_until) where claimed_until is not null
