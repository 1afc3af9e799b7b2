SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA rostra_keys;
CREATE DOMAIN public.rostra_bigints AS bigint[];
CREATE DOMAIN public.rostra_byteas AS bytea[];
CREATE DOMAIN public.rostra_jsonbs AS jsonb[];
CREATE DOMAIN public.rostra_texts AS text[];
CREATE DOMAIN public.rostra_uuids AS uuid[];
CREATE FUNCTION public.rostra_announce() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
begin
    perform pg_notify('stored_events', max(notification_id)::text) from public.stored_events;
    return null;
end
$$;
CREATE FUNCTION public.rostra_append(guarded uuid[], expected bigint[], streams uuid[], versions bigint[], topics text[], states bytea[], event_ids uuid[], metadatas jsonb[], callers integer[], guard_ends integer[], guard_streams integer[], guard_versions bigint[], event_ends integer[], event_streams integer[], OUT first bigint, OUT refused boolean[]) RETURNS record
    LANGUAGE plpgsql
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET jit TO 'off'
    SET lock_timeout TO '10s'
    AS $_$
declare
    time_form constant text := '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$';
    moved_on boolean;
    standing bigint[];
    head bigint;
    head_at text;
    recorded_at text;
    recorded bigint;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'rostra_append needs isolation read committed, not %',
            current_setting('transaction_isolation')
            using errcode = 'invalid_transaction_state',
                hint = 'A statement must see what was committed while it waited for the lock.';
    end if;
    lock table public.stored_events in row exclusive mode;
    perform pg_advisory_xact_lock(5940093377497353327);
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
    recorded_at := greatest(
        to_char(clock_timestamp() at time zone 'utc', 'yyyy-mm-dd"T"hh24:mi:ss.us"Z"'),
        head_at collate "C"
    );
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
        event.metadata || jsonb_build_object('at', recorded_at)
    from unnest(streams, versions, topics, states, event_ids, metadatas, refused)
        as event (stream, version, topic, state, event_id, metadata, refused)
    where event.refused is not true;
    get diagnostics recorded = row_count;
    perform setval('public.stored_events_notification_id_seq', head + recorded);
    first := head + 1;
end
$_$;
CREATE FUNCTION public.rostra_immutable() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception '% refused: what the log holds is never changed', tg_op
        using errcode = 'insufficient_privilege';
end
$$;
CREATE FUNCTION public.rostra_one_writer() RETURNS trigger
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
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
$$;
CREATE FUNCTION public.rostra_refused(standing bigint[], callers integer[], guard_ends integer[], guard_streams integer[], guard_versions bigint[], event_ends integer[], event_streams integer[]) RETURNS boolean[]
    LANGUAGE plpgsql IMMUTABLE
    AS $$
declare
    lost_by integer[] := array_fill(0, array[cardinality(standing)]);
    refused boolean[] := '{}';
    guard integer := 1;
    event integer := 1;
    stream integer;
    stale boolean;
begin
    for g in 1 .. cardinality(callers) loop
        stale := false;
        while guard <= guard_ends[g] loop
            stream := guard_streams[guard];
            if standing[stream] <> guard_versions[guard] or lost_by[stream] = callers[g] then
                stale := true;
            end if;
            guard := guard + 1;
        end loop;
        while event <= event_ends[g] loop
            stream := event_streams[event];
            refused[event] := stale;
            if stale then
                lost_by[stream] := callers[g];
            else
                standing[stream] := standing[stream] + 1;
            end if;
            event := event + 1;
        end loop;
    end loop;
    return refused;
end
$$;
CREATE TABLE public.comment_counts_v1 (
    id uuid NOT NULL,
    site text,
    comments integer,
    replies integer,
    participants integer,
    top integer,
    flat integer,
    top_hidden integer,
    flat_hidden integer,
    opened_at timestamp with time zone,
    latest_at timestamp with time zone,
    active_at timestamp with time zone,
    changed bigint
)
WITH (fillfactor='85');
CREATE TABLE public.comment_moves (
    discussion uuid NOT NULL,
    "position" bigint NOT NULL,
    comment uuid NOT NULL,
    shown smallint NOT NULL,
    pinned boolean NOT NULL,
    score integer NOT NULL,
    best double precision NOT NULL,
    controversial double precision NOT NULL,
    hot double precision NOT NULL,
    moved_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE TABLE public.comment_moves_gone (
    discussion uuid NOT NULL,
    "position" bigint NOT NULL
);
CREATE TABLE public.comment_ranks_v1 (
    id uuid NOT NULL,
    up integer,
    down integer,
    score integer,
    best double precision,
    controversial double precision,
    hot double precision,
    changed bigint,
    discussion uuid,
    parent uuid,
    pinned boolean,
    posted_at timestamp with time zone,
    "position" bigint
)
WITH (fillfactor='85');
CREATE TABLE public.comments_v1 (
    id uuid NOT NULL,
    discussion uuid,
    key text,
    parent uuid,
    depth smallint,
    passage uuid,
    author text,
    status text,
    shown smallint,
    pinned boolean,
    posted_at timestamp with time zone,
    edited_at timestamp with time zone,
    replies integer,
    descendants integer,
    shown_replies integer,
    hidden_replies integer,
    words bytea,
    words_event uuid,
    edited_words bytea,
    edited_event uuid,
    "position" bigint
)
WITH (fillfactor='85');
CREATE TABLE public.discussions_v1 (
    id uuid NOT NULL,
    site text,
    resource text,
    title text,
    url text,
    open boolean,
    settings text,
    opened_at timestamp with time zone,
    changed bigint
)
WITH (fillfactor='85');
CREATE TABLE public.moderated_sites_v1 (
    id uuid NOT NULL,
    site text
)
WITH (fillfactor='85');
CREATE TABLE public.moderation_acts_v1 (
    comment uuid NOT NULL,
    "position" bigint NOT NULL,
    discussion uuid,
    at timestamp with time zone,
    action text,
    by text,
    words bytea,
    words_event uuid
)
WITH (fillfactor='85');
CREATE TABLE public.moderation_flags_v1 (
    comment uuid NOT NULL,
    person text NOT NULL,
    at timestamp with time zone,
    words bytea,
    words_event uuid,
    flag uuid,
    "position" bigint
)
WITH (fillfactor='85');
CREATE TABLE public.moderation_queue_v1 (
    id uuid NOT NULL,
    site text,
    held_since bigint,
    flagged_since bigint,
    flags integer
)
WITH (fillfactor='85');
CREATE TABLE public.participants_v1 (
    discussion uuid NOT NULL,
    person text NOT NULL,
    comments integer
)
WITH (fillfactor='85');
CREATE TABLE public.passages_v1 (
    id uuid NOT NULL,
    discussion uuid,
    key text,
    exact text,
    prefix text,
    suffix text,
    start_at integer,
    end_at integer,
    state text,
    score double precision,
    question text,
    open boolean,
    marked boolean,
    "position" bigint,
    changed bigint
)
WITH (fillfactor='85');
CREATE TABLE public.rostra_article_texts (
    discussion uuid NOT NULL,
    hash bytea NOT NULL,
    text text NOT NULL,
    kept_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT rostra_article_texts_hash_check CHECK ((octet_length(hash) = 32))
);
CREATE TABLE public.rostra_log (
    singleton boolean DEFAULT true NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    schema_version integer DEFAULT 0 NOT NULL,
    erasures_due boolean DEFAULT false NOT NULL,
    CONSTRAINT rostra_log_singleton_check CHECK (singleton)
);
CREATE TABLE public.rostra_parked (
    view text NOT NULL,
    version integer NOT NULL,
    discussion uuid NOT NULL,
    "position" bigint NOT NULL,
    error text NOT NULL
);
CREATE TABLE public.rostra_views (
    name text NOT NULL,
    version integer NOT NULL,
    shape integer NOT NULL,
    "position" bigint NOT NULL,
    moves_from bigint NOT NULL,
    history integer NOT NULL,
    versions integer NOT NULL
);
CREATE TABLE public.stored_events (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text,
    state bytea,
    notification_id bigint NOT NULL,
    event_id uuid,
    metadata jsonb
)
WITH (autovacuum_enabled='true', autovacuum_vacuum_insert_threshold='50000', autovacuum_vacuum_insert_scale_factor='0.02', autovacuum_freeze_min_age='0', autovacuum_analyze_threshold='10000', autovacuum_analyze_scale_factor='0.05');
CREATE SEQUENCE public.stored_events_notification_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.stored_events_notification_id_seq OWNED BY public.stored_events.notification_id;
CREATE TABLE rostra_keys.erased_keys (
    number bigint NOT NULL,
    owner uuid NOT NULL,
    erased_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE TABLE rostra_keys.key_readers (
    reader uuid NOT NULL,
    forgotten bigint NOT NULL,
    master bytea NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE TABLE rostra_keys.person_keys (
    owner uuid NOT NULL,
    key_id bytea,
    wrapped bytea,
    master bytea,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    erasures bigint DEFAULT 0 NOT NULL,
    CONSTRAINT person_keys_key_id_check CHECK ((octet_length(key_id) = 8))
);
ALTER TABLE ONLY public.stored_events ALTER COLUMN notification_id SET DEFAULT nextval('public.stored_events_notification_id_seq'::regclass);
INSERT INTO public.comment_counts_v1 VALUES
	('e13a32af-017a-8b52-9800-000000000000', NULL, 3, 3, 0, 3, 6, 0, 0, NULL, '2025-05-12 08:58:00+00', '2025-05-12 08:58:00+00', 0),
	('e13a32af-017a-8b52-9df4-57a0b1ca46b5', NULL, 2, 2, 0, 2, 4, 0, 0, NULL, '2025-05-12 08:40:00+00', '2025-05-12 08:40:00+00', 0),
	('e13a32af-017a-8b52-983c-630bd1b216f3', NULL, 1, 1, 0, 1, 2, 0, 0, NULL, '2025-05-12 08:58:00+00', '2025-05-12 08:58:00+00', 0),
	('e13a32af-017a-8b52-8000-000000000000', 'gazette', 14, 6, 11, 8, 14, 0, 0, '2025-05-12 07:30:00+00', '2025-05-13 08:02:00+00', '2025-05-13 08:02:00+00', 90);
INSERT INTO public.comment_moves VALUES
	('e13a32af-017a-8b52-8000-000000000000', 90, 'e13a32af-017a-8b52-8f7e-79ef4f2153f1', 2, true, 9, 0.8456759411872691, 0, 13623.3479536, '2026-11-28 07:02:32.68388+00');
INSERT INTO public.comment_ranks_v1 VALUES
	('e13a32af-017a-8b52-887a-ed4c249e27f0', 3, 2, 1, 0.3304211243961378, 2.924017738212866, 13622.4030444, 73, 'e13a32af-017a-8b52-8000-000000000000', NULL, false, '2025-05-12 07:49:00+00', 7),
	('e13a32af-017a-8b52-8809-8373ceebb5c6', 6, 0, 6, 0.7850963161534105, 0, 13623.1918624, 30, 'e13a32af-017a-8b52-8000-000000000000', 'e13a32af-017a-8b52-887a-ed4c249e27f0', false, '2025-05-12 07:57:00+00', 8),
	('e13a32af-017a-8b52-8f8c-a2c51d8e25e1', 0, 0, 0, 0, 0, 13622.4230444, 9, 'e13a32af-017a-8b52-8000-000000000000', 'e13a32af-017a-8b52-8809-8373ceebb5c6', false, '2025-05-12 08:04:00+00', 9),
	('e13a32af-017a-8b52-8910-264b268d25f9', 3, 1, 2, 0.4325414503689865, 1.5874010519681994, 13622.7374078, 38, 'e13a32af-017a-8b52-8000-000000000000', NULL, false, '2025-05-12 08:14:00+00', 31),
	('e13a32af-017a-8b52-8cad-3e9a49f31209', 5, 0, 5, 0.7527428728792092, 0, 13623.1540144, 43, 'e13a32af-017a-8b52-8000-000000000000', 'e13a32af-017a-8b52-8910-264b268d25f9', false, '2025-05-12 08:28:00+00', 32),
	('e13a32af-017a-8b52-8cc8-c76435d8f93c', 0, 0, 0, 0, 0, 13622.4617111, 33, 'e13a32af-017a-8b52-8000-000000000000', 'e13a32af-017a-8b52-8cad-3e9a49f31209', false, '2025-05-12 08:33:00+00', 33),
	('e13a32af-017a-8b52-8887-f673fe815f74', 4, 2, 2, 0.4094013068271834, 2.449489742783178, 13622.7720744, 77, 'e13a32af-017a-8b52-8000-000000000000', NULL, false, '2025-05-12 08:40:00+00', 34),
	('e13a32af-017a-8b52-8bd7-c375c71e85ee', 4, 0, 4, 0.7089214053677908, 0, 13623.0891044, 55, 'e13a32af-017a-8b52-8000-000000000000', NULL, false, '2025-05-12 08:52:00+00', 50),
	('e13a32af-017a-8b52-8fe8-ef2134b15ff4', 4, 0, 4, 0.7089214053677908, 0, 13623.0971044, 59, 'e13a32af-017a-8b52-8000-000000000000', 'e13a32af-017a-8b52-8bd7-c375c71e85ee', false, '2025-05-12 08:58:00+00', 51),
	('e13a32af-017a-8b52-8d9f-3ca3b8718462', 1, 2, -1, 0.10577563612168649, 1.7320508075688772, 13622.5123778, 64, 'e13a32af-017a-8b52-8000-000000000000', NULL, false, '2025-05-12 09:11:00+00', 60),
	('e13a32af-017a-8b52-8ef6-0876a551ace5', 6, 1, 5, 0.6223104087452636, 1.3830875542684884, 13623.2220144, 71, 'e13a32af-017a-8b52-8000-000000000000', 'e13a32af-017a-8b52-8d9f-3ca3b8718462', false, '2025-05-12 09:19:00+00', 61),
	('e13a32af-017a-8b52-8eb2-8a30903044e1', 0, 0, 0, 0, 0, 13622.5643778, 76, 'e13a32af-017a-8b52-8000-000000000000', NULL, false, '2025-05-12 09:50:00+00', 75),
	('e13a32af-017a-8b52-89d2-124f183212ef', 5, 0, 5, 0.7527428728792092, 0, 13623.3100144, 84, 'e13a32af-017a-8b52-8000-000000000000', NULL, false, '2025-05-12 10:25:00+00', 79),
	('e13a32af-017a-8b52-8f7e-79ef4f2153f1', 8, 0, 8, 0.8296711635082107, 0, 13623.2968011, 90, 'e13a32af-017a-8b52-8000-000000000000', NULL, true, '2025-05-12 07:42:00+00', 6),
	('e13a32af-017a-8b52-8e98-a361c1726919', 0, 0, 0, 0, 0, 13624.3403778, 88, 'e13a32af-017a-8b52-8000-000000000000', NULL, false, '2025-05-13 08:02:00+00', 88);
INSERT INTO public.comments_v1 VALUES
	('e13a32af-017a-8b52-8f7e-79ef4f2153f1', 'e13a32af-017a-8b52-8000-000000000000', 'nurse', NULL, 0, NULL, 'ruth', 'published', 2, true, '2025-05-12 07:42:00+00', NULL, 0, 0, 0, 0, '\x01f42ab7e849637f279e9cff661253382eaa1a46f2d6461619c6656b988d304c72939d4c587dcba92b35c5fc462ecb3c194ebbbf949657dbd6b12099d7c3d975c13b3464625c98048c5864b16cf312bb03fbe2817409f61d85f346e80512b21c0bc9bdcf1e2566ee500ee5d5fa9a2ccaaa4d409b0d1a735a2d56db50a1f829010c497b54cd115e1ea60703781ecfd544901b7ddc9aeac8dd68d8ebb6de563b5bf16cb7b91d3da0a8c9a394bf650d8376e32cffba839e331f6d09bbcf53', '09ff9935-fc65-8fe7-a4f6-4a262d15f505', NULL, NULL, 6),
	('e13a32af-017a-8b52-887a-ed4c249e27f0', 'e13a32af-017a-8b52-8000-000000000000', 'sleep', NULL, 0, NULL, 'anton', 'published', 2, false, '2025-05-12 07:49:00+00', NULL, 1, 2, 1, 0, '\x01c2bad41e1a63bfdcee73e3528688a713891dfdd814d2458f55688ac3ec595c23a0607167dd4e79432eb4d01846ce127d5e57df1195c55a1657933fe5380a60266856b343e5abae7d17bad94cc3d0be4ac0d9084f3c2e2e1ffa42201d14d93b72a1aa97f79c2071c7fdf2919f0b61dab9f4cbeb38abcc18b866033dd7e0f3c7f2c2d3e63c4666cd702376cba89e847e18c6415539bb3f7719c8645a2dd8d6d71c70d8d4', '2d80618c-f7f3-861c-916d-d017a6f50460', NULL, NULL, 7),
	('e13a32af-017a-8b52-8809-8373ceebb5c6', 'e13a32af-017a-8b52-8000-000000000000', 'rails', 'e13a32af-017a-8b52-887a-ed4c249e27f0', 1, NULL, 'tomasz', 'published', 2, false, '2025-05-12 07:57:00+00', NULL, 1, 1, 1, 0, '\x01a4ccae7e7ccd16c424f19968468c61a4a9ace422e13a8d0b1821a89bca89097b87f7a3144d8a7ffeb7229e0ed87c6d4736aafc50454c45bd9088a92df619095d44283e2bebbe7e13154aac0a73d0141a59a11105f0cadf0f6e976027f10f7fe0135fc5e386bed378cd4ce96bc3bdec5921c7cbf71c7a9dc52ef51d8813ce6a5243c2da07a1ef297c0333c94bdc6d11fbf2b50c24b1abc2bff914', '30156184-08d1-8b76-8688-7556e6522bb1', NULL, NULL, 8),
	('e13a32af-017a-8b52-8f8c-a2c51d8e25e1', 'e13a32af-017a-8b52-8000-000000000000', 'rails-yes', 'e13a32af-017a-8b52-8809-8373ceebb5c6', 2, NULL, 'anton', 'published', 2, false, '2025-05-12 08:04:00+00', NULL, 0, 0, 0, 0, '\x01c2bad41e1a63bfdcbb61b5361e1a20980e316d5e8747aa27f74d2b1f4706db98b680c3432415b311fa956b89ed4c57572e4d52efa731f46754046f8bd0fefd82c9f356ac6f5d307b3988b41f38db51e89e86b3de2726a26593320d2ac4f9eff1175d631dbb0666d4e4c16c5d1fe16b15be807b9deefef4194f977345', '0224f62c-c1d6-8f93-8bd1-5ba545ec8c1f', NULL, NULL, 9),
	('e13a32af-017a-8b52-8910-264b268d25f9', 'e13a32af-017a-8b52-8000-000000000000', 'millions', NULL, 0, 'e13a32af-017a-8b52-9df4-57a0b1ca46b5', 'margot', 'published', 2, false, '2025-05-12 08:14:00+00', NULL, 1, 2, 1, 0, '\x01d62b3b6fcf4687c464eed4bd2121cc90326087087d0c0ba3cc840f24eea3d37cc736d7a08096cddd4e9c5d2f4bae9011274e666778b388d8a1d47692ae72096d9b445c371650dbdded339215209bbe52cdf4f1d37137f67cb28152907ae43bb1d70f94269a8348c4f55bf0a77785ed8355c7596b6fbe37d5c8c476e46829026611b02f21e24d9c737766c19046fa15177af012b0c362657295df137473a43ecbca3e903db8b5874bf7b651ded7bb00', '4e6a5f03-b3f2-8d34-bfc5-f3bd99e86414', NULL, NULL, 31),
	('e13a32af-017a-8b52-8cad-3e9a49f31209', 'e13a32af-017a-8b52-8000-000000000000', 'page31', 'e13a32af-017a-8b52-8910-264b268d25f9', 1, 'e13a32af-017a-8b52-9df4-57a0b1ca46b5', 'priya', 'published', 2, false, '2025-05-12 08:28:00+00', NULL, 1, 1, 1, 0, '\x015baa9fdd7ccf9bf192bc16a1058fdf6d0792fa958384df5e78fee8666f6e793ba25c3068158a5337e280d105fa1853cf9cde2cea8d338060212419ac8fd22d4f381f5aaaecde2ff9c0de6ca3d71496b7186f668cc0e07e4f5b948e57f4d4cf84785ddeccf0dea8cb05478315c0a2dd24925da56fd5709a3794e8a10341b92f22bb0a2c0f70', '8a184f94-1c1a-8128-8e92-5f47047a94d4', NULL, NULL, 32),
	('e13a32af-017a-8b52-8cc8-c76435d8f93c', 'e13a32af-017a-8b52-8000-000000000000', 'page31-thanks', 'e13a32af-017a-8b52-8cad-3e9a49f31209', 2, 'e13a32af-017a-8b52-9df4-57a0b1ca46b5', 'margot', 'published', 2, false, '2025-05-12 08:33:00+00', NULL, 0, 0, 0, 0, '\x01d62b3b6fcf4687c4c7c134c610ac3bc1952eaaf7cca192bf2040d6a3153c980a0a1399a0c092474bdbd712a13ff1099e564b0c66aa40a5bd55e6a07f22b5b8e1bf6c9ea2091fb1785a3ea4732e57a59621405736552fcb2edce7d4bf1ca6962541ae4c1336d16d83ee84584e04b014f9796b5ae47f1a2d9e82700431b1bb15303c206096030acaa6', 'bc4b28d3-d53d-80b2-8e82-db320b07872b', NULL, NULL, 33),
	('e13a32af-017a-8b52-8887-f673fe815f74', 'e13a32af-017a-8b52-8000-000000000000', 'parking', NULL, 0, 'e13a32af-017a-8b52-9df4-57a0b1ca46b5', 'oskar', 'published', 2, false, '2025-05-12 08:40:00+00', '2025-05-12 10:00:00+00', 0, 0, 0, 0, '\x012ac7d527475f6eee9c3e58c633f02f24fe99b9b6f0532a5d4ca210eeb81ae78babd1f29a5c3365aaa5f53e40ddc05129c5e2cebdfb841cd57ebb816b21742e5ce735fa7bf3531c006c12b271c1d0cee34b23bb225ccb5707d85fa90b006696f006c5107c7f6933043bf79979a8819323f92fc20db418839dc4284b7703d5ddc6e5f9aab7c5d3d32b5a2bb126aef3421771a0', '4853ba71-4f02-8494-a675-21498d3982d4', '\x012ac7d527475f6eee425503fe0d9032c5c59d78d101bcfd77aeb704ea6702d007b7febb6029eaa321c215f17b7e7ba5bdd7d22842fe3135227b12606b2c77c6f79a881942af3e5aa82f2875bf2505469847a1c77a4ee0b34b53378d98f5342c8ee1b522e49bd9f797671ad7d9dcb65237a083ec2b94f8de50e5fc253e3ac9809034405974c061764d3f1dec5c0645c8a6a724dc6ed9cfbc5214d10ecc30d5c2794bc4d838', 'b68946de-21fa-8b45-bca3-aa1202e25965', 34),
	('e13a32af-017a-8b52-8bd7-c375c71e85ee', 'e13a32af-017a-8b52-8000-000000000000', 'slow', NULL, 0, 'e13a32af-017a-8b52-983c-630bd1b216f3', 'leila', 'published', 2, false, '2025-05-12 08:52:00+00', NULL, 1, 1, 1, 0, '\x0117442f9df96658cc48bb22201ea38f8989ee8e567366af2e8e53529b907462955fc2ddbf23a93f1b7d78bab1d421b91c194611836091dd656cdd88acd87d56f655e5349d39a64777c36026305d796b6dbca195d724df2bb97e055c0bf52cf5b994a7cb53156025842b34b6aff138c752bc436b9199e23e74a2877973da64ee511a9c468ced11e296094513d37f7b5b69be837767d72e304d2e5f4fd9600a0bc91f16f8ec', 'bfd53188-f525-89a0-a706-b2b1284ec859', NULL, NULL, 50),
	('e13a32af-017a-8b52-8fe8-ef2134b15ff4', 'e13a32af-017a-8b52-8000-000000000000', 'basel', 'e13a32af-017a-8b52-8bd7-c375c71e85ee', 1, 'e13a32af-017a-8b52-983c-630bd1b216f3', 'dev', 'published', 2, false, '2025-05-12 08:58:00+00', NULL, 0, 0, 0, 0, '\x01d395a61e4a7c9a205e182705af734a745e635de413fa771ec6284016b86136b40f9c59d9b2e4388dee7782ba5c553c90a066c8bcac53bc6dd57cfa2f6697874c2540478b00b2900234848924d33ea9dec6f6b14ed731549945c28fd4e95ec3d968faf69b5783eb8cb22f', 'bb791ad4-47d5-830b-a04e-a1dec83c402b', NULL, NULL, 51),
	('e13a32af-017a-8b52-8d9f-3ca3b8718462', 'e13a32af-017a-8b52-8000-000000000000', 'buses', NULL, 0, NULL, 'sam', 'published', 2, false, '2025-05-12 09:11:00+00', NULL, 1, 1, 1, 0, '\x01226dce1f1202303635310b927a437125eefc761e262e05e12d4bfc950950b1d699298ff0a735691fee93ec6bc690b5ca4a35f492435ba1becb7eabb0fbf115e3795079d3e68fbb5f6b8a5189f77165690c6cbf001135503b1e04967ca47c754d4693343809d72d8502aff0f5c272a9f1e21c26c7293a4ac7f5', '01d5e9b0-1eef-89ea-b9c0-4504b9e06182', NULL, NULL, 60),
	('e13a32af-017a-8b52-8ef6-0876a551ace5', 'e13a32af-017a-8b52-8000-000000000000', 'buses-no', 'e13a32af-017a-8b52-8d9f-3ca3b8718462', 1, NULL, 'ines', 'published', 2, false, '2025-05-12 09:19:00+00', NULL, 0, 0, 0, 0, '\x010eda8964a9b1e2bfc4ada582a6e00ac85321c175f53e6f1d926bf5c0c28e8805172ab4ed74dc844c8319de5a3e493562152295f9d55f17fd6cc76fac2697f5b28a80d5a4eef48f65808720a5c9292b482974b9dc7d75174279df8c28d3d7daf7e660fb86ae78a0d0ba4c05bd8e9bcf527fc62877742e029dfd24200b2164c5087b0d7c66c28c539ff3a2ba2163cbd327817b089d7c2b3055ffeeae3e3ee602', '3a15d3df-4e03-8251-a8aa-12ae9066309c', NULL, NULL, 61),
	('e13a32af-017a-8b52-8eb2-8a30903044e1', 'e13a32af-017a-8b52-8000-000000000000', 'spam', NULL, 0, NULL, 'oskar', 'removed', 0, false, '2025-05-12 09:50:00+00', NULL, 0, 0, 0, 0, '\x012ac7d527475f6eee27c43b213107f17d9fd583711745a4caddd69b75a433eb67cd0755511b0f33d2194a7e1777cd20b72493653bb7d43a44e87451b0c9f9c348e47a52a65faf26f27d7c7b831a22a4fa98f7ffd7c48e40534b8f2e3892', '8468536b-da01-82df-bdae-40870e535d62', NULL, NULL, 75),
	('e13a32af-017a-8b52-89d2-124f183212ef', 'e13a32af-017a-8b52-8000-000000000000', 'vote-day', NULL, 0, NULL, 'ines', 'published', 2, false, '2025-05-12 10:25:00+00', NULL, 0, 0, 0, 0, '\x010eda8964a9b1e2bf9210653906b4c9bce0129b0cf7ea036c35a35e75a59f126e0bf6b5c1c562bfc533a7177d16793f37bfd3df9079cd89e449ca9bf1ae7d87e5e9b396d5a131513e87015ce6d088e91f9db113a188131df1e6ebc2bc68efb7e455a68887f310412854696c9044553a89f3a2079be779b6eefa26ca00d832b61827bf260b3bf5b52ce329', '708589a9-d306-81c3-8a37-3cf7eba7a696', NULL, NULL, 79),
	('e13a32af-017a-8b52-8e98-a361c1726919', 'e13a32af-017a-8b52-8000-000000000000', 'late', NULL, 0, NULL, 'zoe', 'published', 2, false, '2025-05-13 08:02:00+00', NULL, 0, 0, 0, 0, '\x01ccbd64476439cfdbe3b367f6ab7a5f8674efaebd562c5ce531a113edeed993db35f33a1fe817c796f551a59df471e883b11a59a808211c4cff8b12226b517ddb', '87357f17-1a28-8628-9c8f-921a64ed3844', NULL, NULL, 88);
INSERT INTO public.discussions_v1 VALUES
	('e13a32af-017a-8b52-8000-000000000000', 'gazette', '/2025/05/night-trams', 'Council to vote on trams all night', 'https://gazette.example/2025/05/night-trams', true, '{}', '2025-05-12 07:30:00+00', 1);
INSERT INTO public.moderated_sites_v1 VALUES
	('e13a32af-017a-8b52-8000-000000000000', 'gazette');
INSERT INTO public.moderation_acts_v1 VALUES
	('e13a32af-017a-8b52-8eb2-8a30903044e1', 76, 'e13a32af-017a-8b52-8000-000000000000', '2025-05-12 09:52:00+00', 'remove', 'editor-kim', '\x012f47c62e8a604d707827674f5a87ac0ed97d41fc421390e28279b51a08a650b69ed8ee4fb585a5fb00db32d5da79ac5b417cfda4c2dd141948c24595f017', 'd223a5bd-4eac-84f4-a3eb-558b7878e3c3'),
	('e13a32af-017a-8b52-8f7e-79ef4f2153f1', 78, 'e13a32af-017a-8b52-8000-000000000000', '2025-05-12 10:10:00+00', 'pin', 'editor-kim', NULL, 'e4e4ac0d-62c2-89ab-bd0a-cd5b641260a1');
INSERT INTO public.moderation_flags_v1 VALUES
	('e13a32af-017a-8b52-8e98-a361c1726919', 'ruth', '2025-05-13 08:03:00+00', '\x01f42ab7e849637f27c14de2f44d4efb5651fef7055fdd9057060d5dcbcf8142daa61f4502c6bebdd88bfe796488385812f00b5c7b2fcd663841138b599f197b5b', '42f71cf2-7d03-8d62-8b64-370fb6e84670', 'e13a32af-017a-8b52-baab-d27f0afff769', 89);
INSERT INTO public.moderation_queue_v1 VALUES
	('e13a32af-017a-8b52-8e98-a361c1726919', 'gazette', NULL, 89, 1);
INSERT INTO public.participants_v1 VALUES
	('e13a32af-017a-8b52-8000-000000000000', 'ruth', 1),
	('e13a32af-017a-8b52-8000-000000000000', 'anton', 2),
	('e13a32af-017a-8b52-8000-000000000000', 'tomasz', 1),
	('e13a32af-017a-8b52-8000-000000000000', 'margot', 2),
	('e13a32af-017a-8b52-8000-000000000000', 'priya', 1),
	('e13a32af-017a-8b52-8000-000000000000', 'oskar', 1),
	('e13a32af-017a-8b52-8000-000000000000', 'leila', 1),
	('e13a32af-017a-8b52-8000-000000000000', 'dev', 1),
	('e13a32af-017a-8b52-8000-000000000000', 'sam', 1),
	('e13a32af-017a-8b52-8000-000000000000', 'ines', 2),
	('e13a32af-017a-8b52-8000-000000000000', 'zoe', 1);
INSERT INTO public.passages_v1 VALUES
	('e13a32af-017a-8b52-983c-630bd1b216f3', 'e13a32af-017a-8b52-8000-000000000000', 'noise', 'residents along Mill Street fear for their sleep', NULL, '.', NULL, NULL, 'orphaned', NULL, NULL, true, true, 4, 86),
	('e13a32af-017a-8b52-9df4-57a0b1ca46b5', 'e13a32af-017a-8b52-8000-000000000000', 'cost', 'The night service would cost 1.4 million a year', 'says the report. ', ', less than the', 32, 79, 'moved', 0.97796, 'Is it worth it?', true, true, 2, 91);
INSERT INTO public.rostra_article_texts VALUES
	('e13a32af-017a-8b52-8000-000000000000', '\x2a5dd5b38ebb862227b97bbce274bbdb948b2e9788d19e2048233f083f5873d8', 'The council votes on night trams. The night service would cost 1.4 million a year, less than the new car park. A last tram leaves at 0:40.', '2026-11-28 07:02:32.621754+00'),
	('e13a32af-017a-8b52-8000-000000000000', '\x462c066e922c235fd55a9d971b212ecdf4a92402163e2dc65a2f4f06801f3598', 'A council votes on night trams. The night service would cost 1.4 million a year, less than the new car park. A last tram leaves at 0:40.', '2026-11-28 07:02:32.641122+00');
INSERT INTO public.rostra_log VALUES
	(true, '0c6bcc04-1f84-4df2-bcb6-d6a8fc09352b', 6, false);
INSERT INTO public.rostra_views VALUES
	('moderation', 1, 1, 93, 0, 0, 1),
	('comments', 1, 2, 93, 0, 0, 1),
	('passages', 1, 2, 93, 0, 0, 1),
	('discussions', 1, 1, 93, 0, 0, 1);
INSERT INTO public.stored_events VALUES
	('e13a32af-017a-8b52-8000-000000000000', 1, 'discussion.opened', '\x7b2274696d65223a22323032352d30352d31325430373a33303a30302e3030303030305a222c2273697465223a2267617a65747465222c227265736f75726365223a222f323032352f30352f6e696768742d7472616d73222c227469746c65223a22436f756e63696c20746f20766f7465206f6e207472616d7320616c6c206e69676874222c2275726c223a2268747470733a2f2f67617a657474652e6578616d706c652f323032352f30352f6e696768742d7472616d73227d', 1, '24a33d2e-92d0-8cfa-a44b-fcb4b98cf10d', '{"at": "2026-11-28T07:02:32.597579Z", "id": "001", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9df4-57a0b1ca46b5', 1, 'passage.marked', '\x7b2274696d65223a22323032352d30352d31325430373a33313a30302e3030303030305a222c226b6579223a22636f7374222c226578616374223a22546865206e69676874207365727669636520776f756c6420636f737420312e34206d696c6c696f6e20612079656172222c22707265666978223a227361797320746865207265706f72742e20222c22737566666978223a222c206c657373207468616e20746865222c227374617274223a3431322c22656e64223a3435392c227175657374696f6e223a22497320697420776f7274682069743f227d', 2, 'c12418be-51f6-8ec9-9dc9-60360640e387', '{"at": "2026-11-28T07:02:32.597579Z", "id": "002", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-81eb-b99eec2a449c', 1, 'article.marked', '\x7b2274696d65223a22323032352d30352d31325430373a33313a30302e3030303030305a222c2270617373616765223a2265313361333261662d303137612d386235322d396466342d353761306231636134366235227d', 3, 'c12418be-51f6-8ec9-9dc9-60360640e387', '{"at": "2026-11-28T07:02:32.597579Z", "id": "002", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-983c-630bd1b216f3', 1, 'passage.marked', '\x7b2274696d65223a22323032352d30352d31325430373a33313a30302e3030303030305a222c226b6579223a226e6f697365222c226578616374223a227265736964656e747320616c6f6e67204d696c6c20537472656574206665617220666f7220746865697220736c656570222c22737566666978223a222e222c227374617274223a3738302c22656e64223a3832387d', 4, '1b79dc93-c8ee-877b-bf77-5dc1bbe457ff', '{"at": "2026-11-28T07:02:32.597579Z", "id": "003", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-81eb-b99eec2a449c', 2, 'article.marked', '\x7b2274696d65223a22323032352d30352d31325430373a33313a30302e3030303030305a222c2270617373616765223a2265313361333261662d303137612d386235322d393833632d363330626431623231366633227d', 5, '1b79dc93-c8ee-877b-bf77-5dc1bbe457ff', '{"at": "2026-11-28T07:02:32.597579Z", "id": "003", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8f7e-79ef4f2153f1', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31325430373a34323a30302e3030303030305a222c22617574686f72223a2272757468222c22737461747573223a227075626c6973686564222c226b6579223a226e75727365222c22706572736f6e616c223a2241665171742b684a5933386e6e707a2f5a684a544f433671476b6279316b595747635a6c6135694e4d4578796b35314d5748334c71537331786678474c7373384755363776355357563976577353435a3138505a646345374e475269584a67456a46686b73577a7a457273442b2b4b4264416e324859587a527567464572496343386d397a78346c5a753551447558562b706f737971704e514a734e476e4e614c566262554b48344b51454d535874557a52466548715948413367657a3956456b427439334a7271794e316f324f7532336c5937572f467374376b645061436f79614f557632554e6733626a4c502b366735347a4832304a75383954227d', 6, '09ff9935-fc65-8fe7-a4f6-4a262d15f505', '{"at": "2026-11-28T07:02:32.597579Z", "by": "ruth", "id": "004", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-887a-ed4c249e27f0', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31325430373a34393a30302e3030303030305a222c22617574686f72223a22616e746f6e222c22737461747573223a227075626c6973686564222c226b6579223a22736c656570222c22706572736f6e616c223a2241634b363142346159372f63376e506a556f614970784f4a48663359464e4a466a31566f697350735756776a6f4742785a39314f65554d75744e415952733453665635583378475678566f5756354d2f3554674b59435a6f56724e44356175756652653632557a44304c354b774e6b49547a77754c682f3651694164464e6b37637147716c2f6563494848482f664b526e77746832726e30792b7334713877597547594450646667383866797774506d50455a6d7a58416a6473756f6e6f522b474d5a4256546d375033635a794752614c646a5731787877324e513d227d', 7, '2d80618c-f7f3-861c-916d-d017a6f50460', '{"at": "2026-11-28T07:02:32.597579Z", "by": "anton", "id": "005", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8809-8373ceebb5c6', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31325430373a35373a30302e3030303030305a222c22617574686f72223a22746f6d61737a222c22737461747573223a227075626c6973686564222c226b6579223a227261696c73222c22706172656e74223a2265313361333261662d303137612d386235322d383837612d656434633234396532376630222c226465707468223a312c2270617468223a5b2265313361333261662d303137612d386235322d383837612d656434633234396532376630225d2c22706572736f6e616c223a224161544d726e35387a5262454a50475a6145614d59615370724f51693454714e43786768714a764b69516c37682f656a4645324b662f36334970344f32487874527a61712f464246544557396b4969704c66595a435631454b4434723637352b4578564b7241707a30425161576145524266444b337739756c32416e3851392f34424e6678654f4776744e347a557a7061384f3937466b68783876334848716478533731485967547a6d705351384c61423648764b5877444d386c4c334730522b2f4b314443537871384b2f2b52513d227d', 8, '30156184-08d1-8b76-8688-7556e6522bb1', '{"at": "2026-11-28T07:02:32.597579Z", "by": "tomasz", "id": "006", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8f8c-a2c51d8e25e1', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31325430383a30343a30302e3030303030305a222c22617574686f72223a22616e746f6e222c22737461747573223a227075626c6973686564222c226b6579223a227261696c732d796573222c22706172656e74223a2265313361333261662d303137612d386235322d383830392d383337336365656262356336222c226465707468223a322c2270617468223a5b2265313361333261662d303137612d386235322d383837612d656434633234396532376630222c2265313361333261662d303137612d386235322d383830392d383337336365656262356336225d2c22706572736f6e616c223a2241634b363142346159372f63753247314e683461494a674f4d573165683065714a2f644e4b78394842747559746f444451795156737848366c57754a375578585679354e55752b6e4d66526e564152766939442b2f594c4a3831617362313077657a6d49744238343231486f6e6f617a3369636d6f6d57544d67307178506e763852646459783237426d6255354d467358522f686178572b674875643776373047552b586330553d227d', 9, '0224f62c-c1d6-8f93-8bd1-5ba545ec8c1f', '{"at": "2026-11-28T07:02:32.597579Z", "by": "anton", "id": "007", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9223-aad7f0424735', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30303a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303038222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386637652d373965663466323135336631222c22766f746572223a22696e6573222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 10, '995b57f6-b345-897a-84a9-519fdf04db4b', '{"at": "2026-11-28T07:02:32.597579Z", "by": "ines", "id": "008", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-96a3-61e0fc9fccb2', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30313a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303039222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386637652d373965663466323135336631222c22766f746572223a22746f6d61737a222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 11, '3c8eec25-a858-83c9-ab80-97454cf68b7e', '{"at": "2026-11-28T07:02:32.597579Z", "by": "tomasz", "id": "009", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9176-cd456b3d329d', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30323a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303130222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386637652d373965663466323135336631222c22766f746572223a22646576222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 12, '134d3a3e-b865-8324-8715-5bfb57ffae96', '{"at": "2026-11-28T07:02:32.597579Z", "by": "dev", "id": "010", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9661-bb1041d9d468', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30333a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303131222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386637652d373965663466323135336631222c22766f746572223a226d6172676f74222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 13, 'db61376b-3a5a-8c3e-9e0d-7b5c0fc01403', '{"at": "2026-11-28T07:02:32.597579Z", "by": "margot", "id": "011", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-93e6-56ef7e2b9cf6', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30343a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303132222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386637652d373965663466323135336631222c22766f746572223a226c65696c61222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 14, '99579498-2377-8e6e-a494-591ca3617b84', '{"at": "2026-11-28T07:02:32.597579Z", "by": "leila", "id": "012", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-925c-3cd6f3c7457f', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30353a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303133222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386637652d373965663466323135336631222c22766f746572223a2273616d222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 15, '21a82437-b9bb-84e0-b7b8-0544e26d2f53', '{"at": "2026-11-28T07:02:32.597579Z", "by": "sam", "id": "013", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-939c-89e5fc280f29', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30363a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303134222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386637652d373965663466323135336631222c22766f746572223a227072697961222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 16, 'e10ad51c-8c73-8072-b982-0c681720e430', '{"at": "2026-11-28T07:02:32.597579Z", "by": "priya", "id": "014", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9645-a072513ee55f', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30373a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303135222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386637652d373965663466323135336631222c22766f746572223a226f736b6172222c2276616c7565223a2d312c22776173223a302c226e6f77223a2d317d', 17, '25499763-d4dd-8261-b3e8-a3e36c9f140c', '{"at": "2026-11-28T07:02:32.597579Z", "by": "oskar", "id": "015", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9719-e1ff8dd521dc', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30383a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303136222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386637652d373965663466323135336631222c22766f746572223a22616e746f6e222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 18, 'e88bb6df-056f-8028-93bc-78aa9fe3277f', '{"at": "2026-11-28T07:02:32.597579Z", "by": "anton", "id": "016", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9473-de05bb932862', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30323a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303137222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383837612d656434633234396532376630222c22766f746572223a226d6172676f74222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 19, '0d7e0034-bd74-8d35-b737-17ef025512c5', '{"at": "2026-11-28T07:02:32.597579Z", "by": "margot", "id": "017", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9063-481d2af64101', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30333a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303138222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383837612d656434633234396532376630222c22766f746572223a226f736b6172222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 20, '8ce918bc-723c-88be-88f7-7256a88dc755', '{"at": "2026-11-28T07:02:32.597579Z", "by": "oskar", "id": "018", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9752-cd17848d54c5', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30343a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303139222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383837612d656434633234396532376630222c22766f746572223a22696e6573222c2276616c7565223a2d312c22776173223a302c226e6f77223a2d317d', 21, 'b5414e00-9529-8a9d-acdc-87e87656b13d', '{"at": "2026-11-28T07:02:32.597579Z", "by": "ines", "id": "019", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9042-b1dbde947c0b', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30353a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303230222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383837612d656434633234396532376630222c22766f746572223a22646576222c2276616c7565223a2d312c22776173223a302c226e6f77223a2d317d', 22, 'c995c0fe-b1c4-8611-b4c1-3879596f6b06', '{"at": "2026-11-28T07:02:32.597579Z", "by": "dev", "id": "020", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9325-497737955c7a', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30363a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303231222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383837612d656434633234396532376630222c22766f746572223a2272757468222c2276616c7565223a2d312c22776173223a302c226e6f77223a2d317d', 23, '893e290e-2047-808e-ba42-037c201e526c', '{"at": "2026-11-28T07:02:32.597579Z", "by": "ruth", "id": "021", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-917b-dd2815fc59f8', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a30373a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303232222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383837612d656434633234396532376630222c22766f746572223a2273616d222c2276616c7565223a2d312c22776173223a302c226e6f77223a2d317d', 24, 'e3a119d2-be28-84a0-8b32-740266ade89d', '{"at": "2026-11-28T07:02:32.597579Z", "by": "sam", "id": "022", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-943e-9f937d67c373', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a31303a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303233222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383830392d383337336365656262356336222c22766f746572223a22616e746f6e222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 25, 'de25b830-da01-8575-bb46-c87b6b98dbc7', '{"at": "2026-11-28T07:02:32.597579Z", "by": "anton", "id": "023", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-92e7-2ca2bd489138', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a31313a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303234222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383830392d383337336365656262356336222c22766f746572223a2272757468222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 26, 'ffd93f3a-88ee-8fdb-ac3d-4b21c29ee0e1', '{"at": "2026-11-28T07:02:32.597579Z", "by": "ruth", "id": "024", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9090-9fbd4a20eeeb', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a31323a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303235222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383830392d383337336365656262356336222c22766f746572223a22646576222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 27, '06d8c616-04d4-85de-a307-8eb3f612bb72', '{"at": "2026-11-28T07:02:32.597579Z", "by": "dev", "id": "025", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-96c9-037961cc68df', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a31333a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303236222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383830392d383337336365656262356336222c22766f746572223a226c65696c61222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 28, '7ee6da52-b4cf-8ca0-a47c-1a3acabaeb5c', '{"at": "2026-11-28T07:02:32.597579Z", "by": "leila", "id": "026", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9630-50dc7c7a5268', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a31343a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303237222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383830392d383337336365656262356336222c22766f746572223a227072697961222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 29, '6a292ee0-8f65-8630-a819-6e37d6abd4c8', '{"at": "2026-11-28T07:02:32.597579Z", "by": "priya", "id": "027", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-93ee-b93d06a342a4', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a31353a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303238222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383830392d383337336365656262356336222c22766f746572223a2273616d222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 30, '0c8fc951-a136-87d6-8fa4-b0f1663e1a0a', '{"at": "2026-11-28T07:02:32.597579Z", "by": "sam", "id": "028", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8910-264b268d25f9', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31325430383a31343a30302e3030303030305a222c22617574686f72223a226d6172676f74222c22737461747573223a227075626c6973686564222c226b6579223a226d696c6c696f6e73222c2270617373616765223a2265313361333261662d303137612d386235322d396466342d353761306231636134366235222c22706572736f6e616c223a22416459724f322f50526f66455a4f3755765345687a4a4179594963496651774c6f387945447954756f394e38787a62586f4943577a64314f6e463076533636514553644f5a6d643473346a596f6452326b7135794357326252467733466c44623365307a6b6855676d3735537a66547830334533396e797967564b5165755137736463506c43616167306a45395676777033654637594e5678316c726237343331636a456475526f4b514a6d4562417649654a4e6e484e335a73475152766f564633727745724444596d56796c64385464484f6b5073764b50704139754c5748532f6532556437587577413d227d', 31, '4e6a5f03-b3f2-8d34-bfc5-f3bd99e86414', '{"at": "2026-11-28T07:02:32.597579Z", "by": "margot", "id": "029", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8cad-3e9a49f31209', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31325430383a32383a30302e3030303030305a222c22617574686f72223a227072697961222c22737461747573223a227075626c6973686564222c226b6579223a22706167653331222c22706172656e74223a2265313361333261662d303137612d386235322d383931302d323634623236386432356639222c226465707468223a312c2270617468223a5b2265313361333261662d303137612d386235322d383931302d323634623236386432356639225d2c2270617373616765223a2265313361333261662d303137612d386235322d396466342d353761306231636134366235222c22706572736f6e616c223a22415675716e3931387a3576786b7277576f515750333230486b76715667345466586e6a2b36475a76626e6b376f6c77776142574b557a6669674e45462b6868547a357a654c4f714e4d3442674953515a72492f534c55383448317171374e34762b634465624b5058464a61334747396d6a4d4467666b39626c493558394e54506848686433737a7733716a4c42556544466343693353535358615676315843614e35546f6f514e427553386975776f734433413d227d', 32, '8a184f94-1c1a-8128-8e92-5f47047a94d4', '{"at": "2026-11-28T07:02:32.597579Z", "by": "priya", "id": "030", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8cc8-c76435d8f93c', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31325430383a33333a30302e3030303030305a222c22617574686f72223a226d6172676f74222c22737461747573223a227075626c6973686564222c226b6579223a227061676533312d7468616e6b73222c22706172656e74223a2265313361333261662d303137612d386235322d386361642d336539613439663331323039222c226465707468223a322c2270617468223a5b2265313361333261662d303137612d386235322d383931302d323634623236386432356639222c2265313361333261662d303137612d386235322d386361642d336539613439663331323039225d2c2270617373616765223a2265313361333261662d303137612d386235322d396466342d353761306231636134366235222c22706572736f6e616c223a22416459724f322f50526f664578384530786843734f3847564c7172337a4b47537679424131714d56504a674b43684f5a6f4d43535230766231784b68502f454a6e6c5a4c44476171514b57395665616766794b31754f472f624a366943522b7865466f2b70484d7556365757495542584e6c5576797937633539532f484b61574a55477554424d3230573244376f52595467537746506c356131726b66786f746e6f4a774244477875785577504342676c674d4b7971593d227d', 33, 'bc4b28d3-d53d-80b2-8e82-db320b07872b', '{"at": "2026-11-28T07:02:32.597579Z", "by": "margot", "id": "031", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8887-f673fe815f74', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31325430383a34303a30302e3030303030305a222c22617574686f72223a226f736b6172222c22737461747573223a227075626c6973686564222c226b6579223a227061726b696e67222c2270617373616765223a2265313361333261662d303137612d386235322d396466342d353761306231636134366235222c22706572736f6e616c223a224153724831536448583237756e443559786a50774c79542b6d626d3238464d7158557969454f36344775654c713948796d6c777a5a61716c39543541336342524b6358697a72333768427a5666727542617946304c6c7a6e4e66703738314d6341477753736e4842304d376a53794f37496c7a4c5677665958366b4c41476157384162464548782f61544d454f2f655a656169426b7950354c38494e744269446e63516f533363443164334735666d7174385854307974614b37456d72764e4346334767227d', 34, '4853ba71-4f02-8494-a675-21498d3982d4', '{"at": "2026-11-28T07:02:32.597579Z", "by": "oskar", "id": "032", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-95b8-a3a00a674f7b', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a33303a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303333222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383931302d323634623236386432356639222c22766f746572223a22646576222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 35, '975e60d5-8bd2-8f1a-8efd-174e0e97b4bd', '{"at": "2026-11-28T07:02:32.597579Z", "by": "dev", "id": "033", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-94e3-720075a237b2', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a33313a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303334222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383931302d323634623236386432356639222c22766f746572223a226f736b6172222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 36, '5a5bfa19-730b-8f55-b575-c427164fa315', '{"at": "2026-11-28T07:02:32.597579Z", "by": "oskar", "id": "034", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9681-e3e3b1e230ef', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a33323a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303335222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383931302d323634623236386432356639222c22766f746572223a22616e746f6e222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 37, 'e7c7f0c5-dacc-8cdf-aadd-ffc41d0ebf93', '{"at": "2026-11-28T07:02:32.597579Z", "by": "anton", "id": "035", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9498-937a4156bfd9', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a33333a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303336222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383931302d323634623236386432356639222c22766f746572223a2273616d222c2276616c7565223a2d312c22776173223a302c226e6f77223a2d317d', 38, '6cd34fc7-c63b-8ef0-baf2-d945f2bcead1', '{"at": "2026-11-28T07:02:32.597579Z", "by": "sam", "id": "036", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9235-fc1e8878daae', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a33363a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303337222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386361642d336539613439663331323039222c22766f746572223a226d6172676f74222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 39, '2c89ab2b-ed84-8fb9-8b2a-f3a78f7bf9ed', '{"at": "2026-11-28T07:02:32.597579Z", "by": "margot", "id": "037", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-956a-7e61f57a3efc', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a33373a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303338222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386361642d336539613439663331323039222c22766f746572223a22646576222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 40, '9d14cf81-15c2-897e-aef1-0ba827b105b0', '{"at": "2026-11-28T07:02:32.597579Z", "by": "dev", "id": "038", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9344-3fd661f89022', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a33383a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303339222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386361642d336539613439663331323039222c22766f746572223a22696e6573222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 41, '2f597833-59cf-80fd-b555-a5c89189e887', '{"at": "2026-11-28T07:02:32.597579Z", "by": "ines", "id": "039", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9564-c56964d23f65', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a33393a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303430222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386361642d336539613439663331323039222c22766f746572223a22746f6d61737a222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 42, 'cfc92499-ff32-8e42-96f0-e41f67eee3a3', '{"at": "2026-11-28T07:02:32.597579Z", "by": "tomasz", "id": "040", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-93ba-acd864304a6e', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a34303a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303431222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386361642d336539613439663331323039222c22766f746572223a226c65696c61222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 43, '3e6c12a8-bd87-8df7-a2a8-d68ee70a551a', '{"at": "2026-11-28T07:02:32.597579Z", "by": "leila", "id": "041", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9165-e0312f548d32', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a34353a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303432222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383838372d663637336665383135663734222c22766f746572223a226c65696c61222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 44, '526a3294-5a92-8547-9e8a-e9dfe634ab06', '{"at": "2026-11-28T07:02:32.597579Z", "by": "leila", "id": "042", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9169-30b26b512957', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a34363a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303433222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383838372d663637336665383135663734222c22766f746572223a22696e6573222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 45, 'efe762a4-d2eb-8476-96be-c508d180a590', '{"at": "2026-11-28T07:02:32.597579Z", "by": "ines", "id": "043", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-90f7-51ee40181b97', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a34373a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303434222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383838372d663637336665383135663734222c22766f746572223a2273616d222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 46, '7e9b0e28-0576-8b9f-9245-35c9786ac60e', '{"at": "2026-11-28T07:02:32.597579Z", "by": "sam", "id": "044", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9704-3f411b896a7a', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a34383a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303435222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383838372d663637336665383135663734222c22766f746572223a226d6172676f74222c2276616c7565223a2d312c22776173223a302c226e6f77223a2d317d', 47, '5e2bdbef-3e13-8f9c-8b50-b7db8aade804', '{"at": "2026-11-28T07:02:32.597579Z", "by": "margot", "id": "045", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-96ae-6f68cde5ad71', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a34393a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303436222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383838372d663637336665383135663734222c22766f746572223a22616e746f6e222c2276616c7565223a2d312c22776173223a302c226e6f77223a2d317d', 48, '654e510a-ce97-8d56-a8d8-7bff40bbfbe2', '{"at": "2026-11-28T07:02:32.597579Z", "by": "anton", "id": "046", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9580-a5a731149b56', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430383a35303a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303437222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383838372d663637336665383135663734222c22766f746572223a22746f6d61737a222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 49, '6f2afa39-af15-8e67-bb11-32c90303b567', '{"at": "2026-11-28T07:02:32.597579Z", "by": "tomasz", "id": "047", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8bd7-c375c71e85ee', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31325430383a35323a30302e3030303030305a222c22617574686f72223a226c65696c61222c22737461747573223a227075626c6973686564222c226b6579223a22736c6f77222c2270617373616765223a2265313361333261662d303137612d386235322d393833632d363330626431623231366633222c22706572736f6e616c223a22415264454c3533355a6c6a4d534c73694942366a6a346d4a376f3557633261764c6f35545570755164474b5658384c6476794f7050787439654c71783143473548426c4745594e676b64316c624e3249724e683956765a56355453644f615a4864384e674a6a426465577474764b4756317954664b376c2b4256774c39537a31755a536e79314d56594357454b7a5332722f453478314b38513275526d65492b644b4b48655850615a4f3552477078476a4f30523470594a525250546633746261623644643266584c6a424e4c6c39503257414b43386b6646766a73227d', 50, 'bfd53188-f525-89a0-a706-b2b1284ec859', '{"at": "2026-11-28T07:02:32.597579Z", "by": "leila", "id": "048", "source": "urn:gazette:cms"}');
INSERT INTO public.stored_events VALUES
	('e13a32af-017a-8b52-8fe8-ef2134b15ff4', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31325430383a35383a30302e3030303030305a222c22617574686f72223a22646576222c22737461747573223a227075626c6973686564222c226b6579223a22626173656c222c22706172656e74223a2265313361333261662d303137612d386235322d386264372d633337356337316538356565222c226465707468223a312c2270617468223a5b2265313361333261662d303137612d386235322d386264372d633337356337316538356565225d2c2270617373616765223a2265313361333261662d303137612d386235322d393833632d363330626431623231366633222c22706572736f6e616c223a2241644f567068354b664a6f675868676e4261397a536e52655931336b452f70334873596f51426134595461304435785a32624c6b4f49337564344b36584655386b4b426d794c79735537787431587a364c3261586830776c5145654c414c4b51416a53456953545450716e657876617854746378564a6c46776f2f553656374432576a3639707458672b754d7369383d227d', 51, 'bb791ad4-47d5-830b-a04e-a1dec83c402b', '{"at": "2026-11-28T07:02:32.597579Z", "by": "dev", "id": "049", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-955d-3734ee9a9ce7', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a30303a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303530222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386264372d633337356337316538356565222c22766f746572223a22616e746f6e222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 52, '7f60f589-d476-8445-9e7d-1039e92cffe5', '{"at": "2026-11-28T07:02:32.597579Z", "by": "anton", "id": "050", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9534-9b2fb0a9be41', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a30313a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303531222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386264372d633337356337316538356565222c22766f746572223a22746f6d61737a222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 53, '1424e6f3-a66c-8a3b-bc15-ea9b5104aeed', '{"at": "2026-11-28T07:02:32.597579Z", "by": "tomasz", "id": "051", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-97db-e5225a29d5ee', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a30323a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303532222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386264372d633337356337316538356565222c22766f746572223a2272757468222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 54, '1d1c5750-fc88-87c7-b25f-b6e4734a81ab', '{"at": "2026-11-28T07:02:32.597579Z", "by": "ruth", "id": "052", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9412-b47b2ed6e184', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a30333a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303533222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386264372d633337356337316538356565222c22766f746572223a227072697961222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 55, 'e6ac6948-1749-89c6-b585-94e0f237d4fe', '{"at": "2026-11-28T07:02:32.597579Z", "by": "priya", "id": "053", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-971d-1f11db00e61b', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a30353a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303534222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386665382d656632313334623135666634222c22766f746572223a226d6172676f74222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 56, '9469b5d8-1593-8e24-8ffb-6e92cabfe698', '{"at": "2026-11-28T07:02:32.597579Z", "by": "margot", "id": "054", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9676-e57cd0c8acd8', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a30363a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303535222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386665382d656632313334623135666634222c22766f746572223a226f736b6172222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 57, 'b8892e1c-d767-8834-a011-bcb309effbcd', '{"at": "2026-11-28T07:02:32.597579Z", "by": "oskar", "id": "055", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-92d2-fee95edd2088', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a30373a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303536222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386665382d656632313334623135666634222c22766f746572223a226c65696c61222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 58, '4650087c-5393-89b5-95e1-efe38526267a', '{"at": "2026-11-28T07:02:32.597579Z", "by": "leila", "id": "056", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-94bf-b01458d0341d', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a30383a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303537222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386665382d656632313334623135666634222c22766f746572223a2273616d222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 59, '2aeb458f-0d17-824d-a944-e15d18d77d3b', '{"at": "2026-11-28T07:02:32.597579Z", "by": "sam", "id": "057", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9108-f2e14e9ba0ea', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325431303a33303a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303738222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383964322d313234663138333231326566222c22766f746572223a2272757468222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 80, '18d48941-1fa2-8653-b295-f7e493d45a30', '{"at": "2026-11-28T07:02:32.597579Z", "by": "ruth", "id": "078", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8d9f-3ca3b8718462', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31325430393a31313a30302e3030303030305a222c22617574686f72223a2273616d222c22737461747573223a227075626c6973686564222c226b6579223a226275736573222c22706572736f6e616c223a2241534a747a683853416a41324e54454c6b6e7044635358752f4859654a6934463453314c2f4a554a554c48576d536d50384b633161522f756b2b787278704331796b6f31394a4a445736472b793336727350767846654e3555486e54356f2b375832754b55596e33635756704447792f4142453155447365424a5a3870487831545561544e44674a3179324641712f7739634a7971664869484362484b54704b782f553d227d', 60, '01d5e9b0-1eef-89ea-b9c0-4504b9e06182', '{"at": "2026-11-28T07:02:32.597579Z", "by": "sam", "id": "058", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8ef6-0876a551ace5', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31325430393a31393a30302e3030303030305a222c22617574686f72223a22696e6573222c22737461747573223a227075626c6973686564222c226b6579223a2262757365732d6e6f222c22706172656e74223a2265313361333261662d303137612d386235322d386439662d336361336238373138343632222c226465707468223a312c2270617468223a5b2265313361333261662d303137612d386235322d386439662d336361336238373138343632225d2c22706572736f6e616c223a22415137616957537073654b2f784b326c67716267437368544963463139543576485a4a72396344436a6f674646797130375854636845794447643561506b6b31596855696c666e5658786639624d64767243615839624b4b674e576b377653505a594348494b584a4b5374494b5853353348313146304a353334776f30396661392b5a672b346175654b4451756b7746765936627a314a2f78696833644334436e66306b494173685a4d5549657731385a734b4d55352f7a6f726f68593876544a344637434a31384b7a42562f2b3675506a376d41673d3d227d', 61, '3a15d3df-4e03-8251-a8aa-12ae9066309c', '{"at": "2026-11-28T07:02:32.597579Z", "by": "ines", "id": "059", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-93da-bf61d278c348', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a31353a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303630222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386439662d336361336238373138343632222c22766f746572223a226f736b6172222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 62, 'e8a809aa-01a0-81dd-986a-5647d2e61470', '{"at": "2026-11-28T07:02:32.597579Z", "by": "oskar", "id": "060", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-912d-8355cf1cb1ef', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a31363a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303631222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386439662d336361336238373138343632222c22766f746572223a22646576222c2276616c7565223a2d312c22776173223a302c226e6f77223a2d317d', 63, '6f11ae58-1351-80b5-bfd0-ffed6a8d4dbd', '{"at": "2026-11-28T07:02:32.597579Z", "by": "dev", "id": "061", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-91f2-b5d94f4f41ef', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a31373a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303632222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386439662d336361336238373138343632222c22766f746572223a227072697961222c2276616c7565223a2d312c22776173223a302c226e6f77223a2d317d', 64, '07557dc7-368c-8514-a774-275c6d361348', '{"at": "2026-11-28T07:02:32.597579Z", "by": "priya", "id": "062", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9050-2d18d4e855da', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a32323a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303633222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386566362d303837366135353161636535222c22766f746572223a2272757468222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 65, '8b779a5e-d22c-8184-8a6a-1e586d639f3c', '{"at": "2026-11-28T07:02:32.597579Z", "by": "ruth", "id": "063", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-90dc-69ba576bd466', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a32333a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303634222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386566362d303837366135353161636535222c22766f746572223a22746f6d61737a222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 66, '210a0fdc-9efa-8f14-ad55-054a07510f24', '{"at": "2026-11-28T07:02:32.597579Z", "by": "tomasz", "id": "064", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-938c-6d2b36ab12a3', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a32343a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303635222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386566362d303837366135353161636535222c22766f746572223a226c65696c61222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 67, 'addde2e9-c178-8701-b73d-59a31e2312b5', '{"at": "2026-11-28T07:02:32.597579Z", "by": "leila", "id": "065", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9782-ecaf45822891', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a32353a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303636222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386566362d303837366135353161636535222c22766f746572223a22646576222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 68, '05ec7d4d-9df5-89d6-9321-287bf6b7098d', '{"at": "2026-11-28T07:02:32.597579Z", "by": "dev", "id": "066", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-91ec-54da59946e3d', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a32363a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303637222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386566362d303837366135353161636535222c22766f746572223a227072697961222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 69, '3ed9d3a0-996b-87b8-9ceb-5bb9d9ff9ef7', '{"at": "2026-11-28T07:02:32.597579Z", "by": "priya", "id": "067", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9423-221fc468341d', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a32373a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303638222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386566362d303837366135353161636535222c22766f746572223a226d6172676f74222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 70, 'd99fdf07-c97e-8af5-83a8-3dc5fffbd2fe', '{"at": "2026-11-28T07:02:32.597579Z", "by": "margot", "id": "068", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-969a-25e4de5e3ff5', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a32383a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303639222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386566362d303837366135353161636535222c22766f746572223a2273616d222c2276616c7565223a2d312c22776173223a302c226e6f77223a2d317d', 71, 'a16a36ce-e71a-80f7-85ca-f49a6c8112b1', '{"at": "2026-11-28T07:02:32.597579Z", "by": "sam", "id": "069", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9325-497737955c7a', 2, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a34303a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303730222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383837612d656434633234396532376630222c22766f746572223a2272757468222c2276616c7565223a302c22776173223a2d312c226e6f77223a307d', 72, 'c88f1fa0-7604-83d1-8040-19792982fc0f', '{"at": "2026-11-28T07:02:32.597579Z", "by": "ruth", "id": "070", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9042-b1dbde947c0b', 2, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a34313a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303731222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383837612d656434633234396532376630222c22766f746572223a22646576222c2276616c7565223a312c22776173223a2d312c226e6f77223a317d', 73, 'eb5e6ac6-78b8-8c88-8df2-e76688eb1a3d', '{"at": "2026-11-28T07:02:32.597579Z", "by": "dev", "id": "071", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9645-a072513ee55f', 2, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325430393a34333a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303732222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386637652d373965663466323135336631222c22766f746572223a226f736b6172222c2276616c7565223a312c22776173223a2d312c226e6f77223a317d', 74, '8396a2be-e49e-8464-8c10-440189cad5e7', '{"at": "2026-11-28T07:02:32.597579Z", "by": "oskar", "id": "072", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8eb2-8a30903044e1', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31325430393a35303a30302e3030303030305a222c22617574686f72223a226f736b6172222c22737461747573223a227075626c6973686564222c226b6579223a227370616d222c22706572736f6e616c223a224153724831536448583237754a385137495445483858326631594e784630576b797433576d33576b4d2b746e7a516456555273504d39495a536e345864383067747953545a5475333144704536485252734d6e3577306a6b656c4b6d5836386d386e313865344d61497154366d50662f3138534f51464e4c6a7934346b673d3d227d', 75, '8468536b-da01-82df-bdae-40870e535d62', '{"at": "2026-11-28T07:02:32.597579Z", "by": "oskar", "id": "073", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8eb2-8a30903044e1', 2, 'comment.removed', '\x7b2274696d65223a22323032352d30352d31325430393a35323a30302e3030303030305a222c22776173223a227075626c6973686564222c226e6f77223a2272656d6f766564222c22617574686f72223a226f736b6172222c226279223a22656469746f722d6b696d222c22706572736f6e616c223a22415339487869364b594531776543646e543171487241375a6655483851684f51346f4a3574526f49706c43326e746a755437574670667341327a4c56326e6d73573046382f6154433352515a534d4a466c664158227d', 76, 'd223a5bd-4eac-84f4-a3eb-558b7878e3c3', '{"at": "2026-11-28T07:02:32.597579Z", "by": "editor-kim", "id": "074", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8887-f673fe815f74', 2, 'comment.edited', '\x7b2274696d65223a22323032352d30352d31325431303a30303a30302e3030303030305a222c22617574686f72223a226f736b6172222c226279223a226f736b6172222c22706572736f6e616c223a22415372483153644858323775516c55442f6732514d7358466e586a5241627a3964363633424f706e41744148742f363759436e716f79484346664637666e756c766466534b454c2b4d54556965784a67617978337876656169426c43727a35617143386f6462386c4255615952364848656b3767733074544e343259395451736a75473149755362326665585a78725832647932556a6567672b77726c506a65554f58384a543436795943514e45425a644d4268646b302f48657863426b58497071636b3347375a7a377853464e454f7a444456776e6c4c784e6734227d', 77, 'b68946de-21fa-8b45-bca3-aa1202e25965', '{"at": "2026-11-28T07:02:32.597579Z", "by": "oskar", "id": "075", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8f7e-79ef4f2153f1', 2, 'comment.pinned', '\x7b2274696d65223a22323032352d30352d31325431303a31303a30302e3030303030305a222c226279223a22656469746f722d6b696d227d', 78, 'e4e4ac0d-62c2-89ab-bd0a-cd5b641260a1', '{"at": "2026-11-28T07:02:32.597579Z", "by": "editor-kim", "id": "076", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-89d2-124f183212ef', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31325431303a32353a30302e3030303030305a222c22617574686f72223a22696e6573222c22737461747573223a227075626c6973686564222c226b6579223a22766f74652d646179222c22706572736f6e616c223a22415137616957537073654b2f6b68426c4f51613079627a674570734d392b6f446244576a586e576c6e784a75432f6131776356697638557a70786439466e6b2f4e372f54333542357a596e6b5363716238613539682b5870733562566f544652506f6342584f6251694f6b666e6245546f5967544866486d36384b38614f2b333546576d6949667a4545456f56476c736b4552564f6f6e7a6f67656235336d3237766f6d796744594d7259594a37386d437a763174537a6a4b513d3d227d', 79, '708589a9-d306-81c3-8a37-3cf7eba7a696', '{"at": "2026-11-28T07:02:32.597579Z", "by": "ines", "id": "077", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-97d1-279f4295223f', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325431303a33313a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303739222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383964322d313234663138333231326566222c22766f746572223a22746f6d61737a222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 81, '5863a370-995e-88e0-a507-557491c5bb77', '{"at": "2026-11-28T07:02:32.597579Z", "by": "tomasz", "id": "079", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-920d-b4e06ed5cb80', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325431303a33323a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303830222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383964322d313234663138333231326566222c22766f746572223a226c65696c61222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 82, 'a6f9cef4-42f4-8c4d-8ddd-b4dadd6092e8', '{"at": "2026-11-28T07:02:32.597579Z", "by": "leila", "id": "080", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-976e-d836f3a52df7', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325431303a33333a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303831222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383964322d313234663138333231326566222c22766f746572223a227072697961222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 83, 'c8a03207-0afc-8461-bec5-7a03ee29f278', '{"at": "2026-11-28T07:02:32.597579Z", "by": "priya", "id": "081", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-96b2-eb8a19100639', 1, 'vote.cast', '\x7b2274696d65223a22323032352d30352d31325431303a33343a30302e3030303030305a222c22736f75726365223a2275726e3a67617a657474653a636d73222c226964223a22303832222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d383964322d313234663138333231326566222c22766f746572223a22646576222c2276616c7565223a312c22776173223a302c226e6f77223a317d', 84, '08f8f128-c717-8022-bc21-ba437444d5c3', '{"at": "2026-11-28T07:02:32.597579Z", "by": "dev", "id": "082", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9df4-57a0b1ca46b5', 2, 'passage.moved', '\x7b2274696d65223a22323032352d30352d31335430383a30313a30302e3030303030305a222c227374617274223a33342c22656e64223a38312c2273636f7265223a302e3832323231342c227374617465223a226d6f766564227d', 85, 'eb41cb8b-2bf6-845a-b614-64c903a6d601', '{"at": "2026-11-28T07:02:32.623633Z", "id": "more-1", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-983c-630bd1b216f3', 2, 'passage.orphaned', '\x7b2274696d65223a22323032352d30352d31335430383a30313a30302e3030303030305a222c227374617274223a3738307d', 86, 'eb41cb8b-2bf6-845a-b614-64c903a6d601', '{"at": "2026-11-28T07:02:32.623633Z", "id": "more-1", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-81eb-b99eec2a449c', 3, 'article.revised', '\x7b2274696d65223a22323032352d30352d31335430383a30313a30302e3030303030305a222c227265766973696f6e223a227231222c2268617368223a2232613564643562333865626238363232323762393762626365323734626264623934386232653937383864313965323034383233336630383366353837336438222c2263686172616374657273223a3133382c226e6f726d616c69736174696f6e223a317d', 87, 'eb41cb8b-2bf6-845a-b614-64c903a6d601', '{"at": "2026-11-28T07:02:32.623633Z", "id": "more-1", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-8e98-a361c1726919', 1, 'comment.posted', '\x7b2274696d65223a22323032352d30352d31335430383a30323a30302e3030303030305a222c22617574686f72223a227a6f65222c22737461747573223a227075626c6973686564222c226b6579223a226c617465222c22706572736f6e616c223a22416379395a45646b4f632f6234374e6e3971743658345a30373636395669786335544768452b3375325a50624e664d36482b675878356231556157643948486f67374561576167494952784d2f347353496d74526664733d227d', 88, '87357f17-1a28-8628-9c8f-921a64ed3844', '{"at": "2026-11-28T07:02:32.634902Z", "by": "zoe", "id": "more-2", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-baab-d27f0afff769', 1, 'comment.flagged', '\x7b2274696d65223a22323032352d30352d31335430383a30333a30302e3030303030305a222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386539382d613336316331373236393139222c226279223a2272757468222c22706572736f6e616c223a2241665171742b684a5933386e775533693945314f2b315a522f766346583932515677594e5863765067554c61706839464173612b7664694c2f6e6c6b694468594576414c584873767a57593451524f4c575a385a6531733d227d', 89, '42f71cf2-7d03-8d62-8b64-370fb6e84670', '{"at": "2026-11-28T07:02:32.634902Z", "by": "ruth", "id": "more-3", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9223-aad7f0424735', 2, 'vote.nullified', '\x7b2274696d65223a22323032352d30352d31335430383a30343a30302e3030303030305a222c22636f6d6d656e74223a2265313361333261662d303137612d386235322d386637652d373965663466323135336631222c22766f746572223a22696e6573222c226279223a226b696d222c22776173223a312c226e6f77223a302c22706572736f6e616c223a2241533973582f55497a30443441507249775665744f54552b7553525a6f774b7a73426e6f484b4d55783650502f5758504e6f6e6354425272545531704370723841325068466f67785a513d3d227d', 90, 'ba549a6f-9ac2-89cc-ac9c-e82e69b5bdc3', '{"at": "2026-11-28T07:02:32.634902Z", "by": "kim", "id": "more-4", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-9df4-57a0b1ca46b5', 3, 'passage.moved', '\x7b2274696d65223a22323032352d30352d31335430383a30353a30302e3030303030305a222c227374617274223a33322c22656e64223a37392c2273636f7265223a302e39373739362c227374617465223a226d6f766564227d', 91, 'd6caa6a9-4233-8713-b65e-e8f27f36960d', '{"at": "2026-11-28T07:02:32.642032Z", "id": "more-5", "source": "urn:gazette:cms"}'),
	('e13a32af-017a-8b52-81eb-b99eec2a449c', 4, 'article.revised', '\x7b2274696d65223a22323032352d30352d31335430383a30353a30302e3030303030305a222c227265766973696f6e223a227232222c2268617368223a2234363263303636653932326332333566643535613964393731623231326563646634613932343032313633653264633635613266346630363830316633353938222c2263686172616374657273223a3133362c226e6f726d616c69736174696f6e223a317d', 92, 'd6caa6a9-4233-8713-b65e-e8f27f36960d', '{"at": "2026-11-28T07:02:32.642032Z", "id": "more-5", "source": "urn:gazette:cms"}'),
	('b2e6bc03-40e5-8e26-ad89-48c6f5cfaddf', 1, 'person.erased', '\x7b2274696d65223a22323032352d30352d31335430383a30363a30302e3030303030305a222c2273697465223a2267617a65747465222c22706572736f6e223a227a6f65227d', 93, '44feb76e-6589-8739-ad95-a56957f5266e', '{"at": "2026-11-28T07:02:32.645376Z", "id": "more-6", "source": "urn:gazette:cms"}');
INSERT INTO rostra_keys.erased_keys VALUES
	(1, 'b2e6bc03-40e5-8e26-ad89-48c6f5cfaddf', '2026-11-28 07:02:32.644254+00');
INSERT INTO rostra_keys.person_keys VALUES
	('b2e6bc03-40e5-8e26-a821-282d6b0b38b2', '\x226dce1f12023036', '\xa7602392b453636ff0259797ad26658b2bf5a216eb9d7ab17632152dc7898d150fa5a11d204ab554d493fa18c1ca08de7c136cfe366e27b42ceefb20', '\xb12e57ae62d08023', '2026-11-28 07:02:32.586641+00', 0),
	('b2e6bc03-40e5-8e26-ab24-6d42241453db', '\x5baa9fdd7ccf9bf1', '\x9a1b098b08e4f3fd195f6de36e3992bc2d20e58246d483b963e7fde28c02a9d3958873a55458a363f94b8ae17d34de9bdca8ef6eb72d03278c4a2bd0', '\xb12e57ae62d08023', '2026-11-28 07:02:32.586958+00', 0),
	('b2e6bc03-40e5-8e26-ad33-fcc40f3becdf', '\x2ac7d527475f6eee', '\x5e8672ea94978a1d59cf911e736e85fb078693727a4c03136316c4c9f13e69d59395da2aec64b40530b06093555094d6f871d1734aebfb2a911541dd', '\xb12e57ae62d08023', '2026-11-28 07:02:32.586969+00', 0),
	('b2e6bc03-40e5-8e26-ad52-334256185319', '\xd395a61e4a7c9a20', '\x4d6a2a55a7d53d335e2403ec86a17310c23b91c7ff5818db35d0b0f36aafd67d372ad5d2ad24e2f10a4e5048bb67188e6a98b0e6ffbd3502de7cfc7b', '\xb12e57ae62d08023', '2026-11-28 07:02:32.586976+00', 0),
	('b2e6bc03-40e5-8e26-ad8b-9711e868706d', '\xc2bad41e1a63bfdc', '\x35e465065039f30bcab2c5a37e2551ffeafa76a64d252ef135bf783832b70c211c2d28ad7af9d821c93c80816a6e064ce6d1c4a89ffbe29d1b28c7ad', '\xb12e57ae62d08023', '2026-11-28 07:02:32.586981+00', 0),
	('b2e6bc03-40e5-8e26-adad-9f89107c2692', '\xd62b3b6fcf4687c4', '\x64afa68eb46d229d9d210c6b538ad9b60c9ce98278585d3a2b4fd224978e6c58ac5187668a2e494a00b41e08e5452149cdd1b9f38c6420891adeb0a5', '\xb12e57ae62d08023', '2026-11-28 07:02:32.587094+00', 0),
	('b2e6bc03-40e5-8e26-ae64-793e40707214', '\xf42ab7e849637f27', '\x720f7cc1e02d9e3613bb209dd980a9182c54f63ec80ea1988900c75e98195fdbfa64f71feae42a44376e7b267940846b18508cee79110f5992e6c246', '\xb12e57ae62d08023', '2026-11-28 07:02:32.587116+00', 0),
	('b2e6bc03-40e5-8e26-aeb7-9e90109e32a2', '\x2f47c62e8a604d70', '\x966686a7ccff622365f249e81235fae87abd61cbddcbb574dfcb452acb639353216d9779c08d6ee734983be8b442e1e4c3d9e38ad976e5ee868da77d', '\xb12e57ae62d08023', '2026-11-28 07:02:32.587121+00', 0),
	('b2e6bc03-40e5-8e26-af0a-276e6f605a74', '\x0eda8964a9b1e2bf', '\x328f315454dab432f749161e147347c5b5d06da2659fe49d0b4073f49f654c552f1b2ed61e0f7079db5e67347e9ab04658a3c5290b0e78ffe8e952b8', '\xb12e57ae62d08023', '2026-11-28 07:02:32.587127+00', 0),
	('b2e6bc03-40e5-8e26-afc3-c8d348c4a28e', '\xa4ccae7e7ccd16c4', '\xa5ada8ac3b153cbc0fe1784d8955adada2314854107c8c9552205a460818e199c872a22c5127c505dd51fcedb2d808195f8c9baf238be2267c68e174', '\xb12e57ae62d08023', '2026-11-28 07:02:32.587146+00', 0),
	('b2e6bc03-40e5-8e26-afc9-932a85c922bf', '\x17442f9df96658cc', '\xa229d2350ef6525b82595a4ebe788edec3e65363fb3319f410b445827adb07554f16305e686f26381b4f40bc79564a7965c587343b4398c99cab6516', '\xb12e57ae62d08023', '2026-11-28 07:02:32.587151+00', 0),
	('b2e6bc03-40e5-8e26-aec6-6561ba4f8175', '\x2f6c5ff508cf40f8', '\x61b8605450fd6c36a0cc87095863996f1115fe91eb60008d7569345e7b969d67a605ee0e9f27b82557f73b56abe214685980ff80ed262ada6b3692a1', '\xb12e57ae62d08023', '2026-11-28 07:02:32.633677+00', 0),
	('b2e6bc03-40e5-8e26-ad89-48c6f5cfaddf', NULL, NULL, NULL, '2026-11-28 07:02:32.630446+00', 1);
SELECT pg_catalog.setval('public.stored_events_notification_id_seq', 93, true);
ALTER TABLE ONLY public.comment_counts_v1
    ADD CONSTRAINT comment_counts_v1_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.comment_moves_gone
    ADD CONSTRAINT comment_moves_gone_pkey PRIMARY KEY (discussion);
ALTER TABLE ONLY public.comment_ranks_v1
    ADD CONSTRAINT comment_ranks_v1_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.comments_v1
    ADD CONSTRAINT comments_v1_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.discussions_v1
    ADD CONSTRAINT discussions_v1_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.moderated_sites_v1
    ADD CONSTRAINT moderated_sites_v1_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.moderation_acts_v1
    ADD CONSTRAINT moderation_acts_v1_pkey PRIMARY KEY (comment, "position");
ALTER TABLE ONLY public.moderation_flags_v1
    ADD CONSTRAINT moderation_flags_v1_pkey PRIMARY KEY (comment, person);
ALTER TABLE ONLY public.moderation_queue_v1
    ADD CONSTRAINT moderation_queue_v1_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.participants_v1
    ADD CONSTRAINT participants_v1_pkey PRIMARY KEY (discussion, person);
ALTER TABLE ONLY public.passages_v1
    ADD CONSTRAINT passages_v1_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.rostra_article_texts
    ADD CONSTRAINT rostra_article_texts_pkey PRIMARY KEY (discussion, hash);
ALTER TABLE ONLY public.rostra_log
    ADD CONSTRAINT rostra_log_pkey PRIMARY KEY (singleton);
ALTER TABLE ONLY public.rostra_parked
    ADD CONSTRAINT rostra_parked_pkey PRIMARY KEY (view, version, discussion);
ALTER TABLE ONLY public.rostra_views
    ADD CONSTRAINT rostra_views_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.stored_events
    ADD CONSTRAINT stored_events_pkey PRIMARY KEY (originator_id, originator_version);
ALTER TABLE ONLY rostra_keys.erased_keys
    ADD CONSTRAINT erased_keys_pkey PRIMARY KEY (number);
ALTER TABLE ONLY rostra_keys.key_readers
    ADD CONSTRAINT key_readers_pkey PRIMARY KEY (reader);
ALTER TABLE ONLY rostra_keys.person_keys
    ADD CONSTRAINT person_keys_key_id_key UNIQUE (key_id);
ALTER TABLE ONLY rostra_keys.person_keys
    ADD CONSTRAINT person_keys_pkey PRIMARY KEY (owner);
CREATE INDEX comment_counts_v1_active ON public.comment_counts_v1 USING btree (site, active_at, id) WHERE (site IS NOT NULL);
CREATE INDEX comment_moves_age ON public.comment_moves USING btree (moved_at);
CREATE INDEX comment_moves_of ON public.comment_moves USING btree (discussion, comment, "position");
CREATE INDEX comment_moves_since ON public.comment_moves USING btree (discussion, "position");
CREATE INDEX comment_ranks_v1_flat_score ON public.comment_ranks_v1 USING btree (discussion, score, posted_at, "position");
CREATE INDEX comment_ranks_v1_top_best ON public.comment_ranks_v1 USING btree (discussion, pinned, best, posted_at, "position") WHERE (parent IS NULL);
CREATE INDEX comment_ranks_v1_top_controversial ON public.comment_ranks_v1 USING btree (discussion, pinned, controversial, posted_at, "position") WHERE (parent IS NULL);
CREATE INDEX comment_ranks_v1_top_hot ON public.comment_ranks_v1 USING btree (discussion, pinned, hot, posted_at, "position") WHERE (parent IS NULL);
CREATE INDEX comment_ranks_v1_top_score ON public.comment_ranks_v1 USING btree (discussion, pinned, score, posted_at, "position") WHERE (parent IS NULL);
CREATE INDEX comments_v1_flat_time ON public.comments_v1 USING btree (discussion, posted_at, "position");
CREATE INDEX comments_v1_hidden ON public.comments_v1 USING btree (discussion, author) WHERE (shown = 1);
CREATE INDEX comments_v1_inline ON public.comments_v1 USING btree (discussion, posted_at, "position") WHERE (passage IS NOT NULL);
CREATE INDEX comments_v1_passage ON public.comments_v1 USING btree (passage, posted_at, "position") WHERE (passage IS NOT NULL);
CREATE INDEX comments_v1_replies ON public.comments_v1 USING btree (parent, posted_at, "position") WHERE (parent IS NOT NULL);
CREATE INDEX comments_v1_top_time ON public.comments_v1 USING btree (discussion, pinned, posted_at, "position") WHERE (parent IS NULL);
CREATE INDEX moderation_acts_v1_of_discussion ON public.moderation_acts_v1 USING btree (discussion, "position");
CREATE INDEX moderation_queue_v1_flagged ON public.moderation_queue_v1 USING btree (site, flagged_since) WHERE (flagged_since IS NOT NULL);
CREATE INDEX moderation_queue_v1_held ON public.moderation_queue_v1 USING btree (site, held_since) WHERE (held_since IS NOT NULL);
CREATE INDEX passages_v1_of_discussion ON public.passages_v1 USING btree (discussion, start_at, "position");
CREATE UNIQUE INDEX stored_events_notification_id_idx ON public.stored_events USING btree (notification_id);
CREATE TRIGGER rostra_announce AFTER INSERT ON public.stored_events FOR EACH STATEMENT EXECUTE FUNCTION public.rostra_announce();
ALTER TABLE public.stored_events ENABLE ALWAYS TRIGGER rostra_announce;
CREATE TRIGGER rostra_no_change BEFORE DELETE OR UPDATE ON public.stored_events FOR EACH STATEMENT EXECUTE FUNCTION public.rostra_immutable();
ALTER TABLE public.stored_events ENABLE ALWAYS TRIGGER rostra_no_change;
CREATE TRIGGER rostra_no_truncate BEFORE TRUNCATE ON public.stored_events FOR EACH STATEMENT EXECUTE FUNCTION public.rostra_immutable();
ALTER TABLE public.stored_events ENABLE ALWAYS TRIGGER rostra_no_truncate;
CREATE TRIGGER rostra_one_writer BEFORE INSERT ON public.stored_events FOR EACH STATEMENT EXECUTE FUNCTION public.rostra_one_writer();
ALTER TABLE public.stored_events ENABLE ALWAYS TRIGGER rostra_one_writer;
