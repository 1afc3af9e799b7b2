drop index if exists public.rostra_webhook_lanes_due
