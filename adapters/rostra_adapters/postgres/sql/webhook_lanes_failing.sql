create index if not exists rostra_webhook_lanes_failing
on public.rostra_webhook_lanes (webhook, failing_since) where failing_since is not null
