create index if not exists rostra_outbox_errors on public.rostra_outbox (due_at)
where error is not null
