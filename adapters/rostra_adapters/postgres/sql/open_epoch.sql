-- Make the server's timeline known to the log. After a promotion that may have lost the last
-- events (not `lossless`), or when `forced`, the log goes on under a new id.
create or replace function public.rostra_open_epoch(lossless boolean, forced boolean)
returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '10s'
as $$
declare
    current record;
    now_on integer;
    head bigint;
begin
    lock table public.stored_events in row exclusive mode;
    perform pg_advisory_xact_lock(5940093377497353327);
    begin
        now_on := ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer;
    exception when insufficient_privilege or undefined_function or feature_not_supported
            or object_not_in_prerequisite_state then
        now_on := null;
    end;
    select id, timeline into current from public.rostra_log for update;
    if not forced and (
        lossless or current.timeline is null or current.timeline is not distinct from now_on
    ) then
        update public.rostra_log set timeline = now_on where timeline is distinct from now_on;
        return current.id;
    end if;
    select coalesce(max(notification_id), 0) into head from public.stored_events;
    insert into public.rostra_log_epochs (epoch, log_id, timeline, from_position)
        select coalesce(max(epoch), 0) + 1, current.id, current.timeline, 0
        from public.rostra_log_epochs
        having max(epoch) is null or not exists (
            select from public.rostra_log_epochs where log_id = current.id
        );
    update public.rostra_log set id = gen_random_uuid(), timeline = now_on returning id into current.id;
    insert into public.rostra_log_epochs (epoch, log_id, timeline, from_position)
        select max(epoch) + 1, current.id, now_on, head from public.rostra_log_epochs;
    return current.id;
end
$$
