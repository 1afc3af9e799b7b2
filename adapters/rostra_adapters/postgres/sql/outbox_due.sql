create index if not exists rostra_outbox_due on public.rostra_outbox (due_at)
where state = 'waiting'
