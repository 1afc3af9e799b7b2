-- Let writers follow one another, before every insert by any program, so that
-- events become visible in the order of their positions. Numbers that a rolled
-- back or crashed writer took from the sequence are taken again. (In another
-- isolation level the snapshot may be older than the lock: then they are not.)
create or replace function public.rostra_one_writer() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
    head bigint;
begin
    perform pg_advisory_xact_lock(5940093377497353327);
    if current_setting('transaction_isolation') = 'read committed' then
        select max(notification_id) into head from public.stored_events;
        if head is distinct from
            pg_sequence_last_value('public.stored_events_notification_id_seq') then
            perform setval(
                'public.stored_events_notification_id_seq',
                coalesce(head, 1),
                head is not null
            );
        end if;
    end if;
    return null;
end
$$
