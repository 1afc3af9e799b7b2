create unique index if not exists rostra_webhooks_reviews on public.rostra_webhooks (site)
where kind = 'review'
