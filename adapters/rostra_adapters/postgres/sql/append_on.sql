-- The only way to append. `on_log` is the log that the groups were decided upon (null: any): another
-- one is refused by RS001. A timeline of the server that the log does not know, as after a promotion,
-- is refused by RS002, until `rostra_open_epoch` makes it known. `guarded` are the distinct streams
-- that the groups were decided upon, and `expected` their versions for which all groups hold. The
-- other arrays describe the events; each metadata is a JSON object that ends where the clock of
-- recording follows: with a comma, or with the opening brace. If all versions are as expected, all
-- events are recorded. If not, and `callers` and the arrays after it describe the groups (see
-- rostra_refused), the groups that hold are recorded; if they are null, nothing is. Returns the first
-- position (null: nothing was recorded) and whether each event was refused (null: none was).
create or replace function public.rostra_append_on(
    on_log uuid,
    guarded uuid[],
    expected bigint[],
    streams uuid[],
    versions bigint[],
    topics text[],
    states bytea[],
    event_ids uuid[],
    metadatas text[],
    callers integer[],
    guard_ends integer[],
    guard_streams integer[],
    guard_versions bigint[],
    event_ends integer[],
    event_streams integer[],
    out first bigint,
    out refused boolean[]
)
language plpgsql
-- A role that may call this function can append, and nothing else (see roles.py). So the function
-- runs with the rights of the log's owner, and finds no object that its caller may have made.
security definer
set search_path = pg_catalog, pg_temp
-- The plans may be made while the table is empty or its statistics are old.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
set lock_timeout = '10s'
as $$
declare
    time_form constant text := '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$';
    moved_on boolean;
    standing bigint[];
    head bigint;
    head_at text;
    clock text;
    recorded bigint;
    current_log uuid;
    log_timeline integer;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'rostra_append_on needs isolation read committed, not %',
            current_setting('transaction_isolation')
            using errcode = 'invalid_transaction_state',
                hint = 'A statement must see what was committed while it waited for the lock.';
    end if;

    lock table public.stored_events in row exclusive mode;
    perform pg_advisory_xact_lock(5940093377497353327);

    select id, timeline into current_log, log_timeline from public.rostra_log;
    if current_log <> on_log then
        raise exception 'another log has replaced the one that was decided upon'
            using errcode = 'RS001';
    end if;
    if log_timeline is not null then
        -- In a statement of its own: the server may not let us even prepare it.
        if log_timeline <> ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer then
            raise exception 'the server has begun another timeline' using errcode = 'RS002';
        end if;
    end if;

    -- Looked up in the order of the index, which halves the time.
    select exists (
        select
        from (
            select guard.stream, guard.version
            from unnest(guarded, expected) as guard (stream, version)
            order by guard.stream
        ) as guard
        left join lateral (
            select originator_version as version
            from public.stored_events
            where originator_id = guard.stream
            order by originator_version desc
            limit 1
        ) as last on true
        where coalesce(last.version, 0) is distinct from guard.version
    ) into moved_on;

    if moved_on then
        if callers is null then
            return;
        end if;
        select array_agg(coalesce(last.version, 0) order by guard.number)
            into standing
            from unnest(guarded) with ordinality as guard (stream, number)
            left join lateral (
                select originator_version as version
                from public.stored_events
                where originator_id = guard.stream
                order by originator_version desc
                limit 1
            ) as last on true;
        refused := public.rostra_refused(
            standing, callers, guard_ends, guard_streams, guard_versions, event_ends, event_streams
        );
        if true = all (refused) then
            return;
        end if;
    end if;

    select notification_id, substring(metadata ->> 'at' from time_form)
        into head, head_at
        from public.stored_events
        order by notification_id desc
        limit 1;
    if head is not null and head_at is null then
        select metadata ->> 'at'
            into head_at
            from public.stored_events
            where metadata ->> 'at' ~ time_form
            order by notification_id desc
            limit 1;
    end if;
    head := coalesce(head, 0);
    clock := '"at":"' || greatest(
        to_char(clock_timestamp() at time zone 'utc', 'yyyy-mm-dd"T"hh24:mi:ss.us"Z"'),
        head_at collate "C"
    ) || '"}';

    insert into public.stored_events (
        originator_id, originator_version, topic, state, notification_id, event_id, metadata
    )
    select
        event.stream,
        event.version,
        event.topic,
        event.state,
        head + row_number() over (),
        event.event_id,
        (event.metadata || clock)::jsonb
    from unnest(streams, versions, topics, states, event_ids, metadatas, refused)
        as event (stream, version, topic, state, event_id, metadata, refused)
    where event.refused is not true;
    get diagnostics recorded = row_count;

    perform setval('public.stored_events_notification_id_seq', head + recorded);
    first := head + 1;
end
$$
