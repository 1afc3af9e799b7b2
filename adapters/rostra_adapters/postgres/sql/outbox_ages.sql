create index if not exists rostra_outbox_ages on public.rostra_outbox (added_at)
where state <> 'waiting'
