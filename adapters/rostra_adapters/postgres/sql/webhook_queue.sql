-- Events that wait to be sent, as positions in the log: never words.
create table if not exists public.rostra_webhook_queue (
    webhook uuid not null references public.rostra_webhooks on delete cascade,
    lane uuid not null,
    position bigint not null,
    primary key (webhook, lane, position)
)
