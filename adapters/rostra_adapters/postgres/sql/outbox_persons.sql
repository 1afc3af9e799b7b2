create index if not exists rostra_outbox_persons on public.rostra_outbox (person)
