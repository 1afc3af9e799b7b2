-- The channel is the stock library's, whose subscribers look at no payload; ours
-- find the last position there. Announcing commits one after another is what
-- NOTIFY costs, and writers of the log do that already.
create or replace function public.rostra_announce() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
begin
    perform pg_notify('stored_events', max(notification_id)::text) from public.stored_events;
    return null;
end
$$
