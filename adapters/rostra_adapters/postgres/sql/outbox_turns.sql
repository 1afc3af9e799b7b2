-- Senders take confirmations first, then what concerns a person directly, then all else, of one site
-- after the other.
create index if not exists rostra_outbox_turns on public.rostra_outbox (
    (case when reason = 'confirm' then 0 when reason = 'subscription' or is_deferred then 2
        else 1 end),
    site, due_at
) where state = 'waiting'
