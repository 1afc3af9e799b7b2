-- Appends for processes of versions before `rostra_append_events`, which does all of the work. Nothing
-- in this version calls it. It may be dropped once no release that calls it runs beside a new one.
create or replace function public.rostra_append(
    guarded uuid[],
    expected bigint[],
    streams uuid[],
    versions bigint[],
    topics text[],
    states bytea[],
    event_ids uuid[],
    metadatas jsonb[],
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
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    select appended.first, appended.refused into first, refused from public.rostra_append_events(
        guarded,
        expected,
        streams,
        versions,
        topics,
        states,
        event_ids,
        array(
            select case when one.metadata = '{}' then '{' else left(one.metadata::text, -1) || ',' end
            from unnest(metadatas) with ordinality as one (metadata, number)
            order by one.number
        ),
        callers,
        guard_ends,
        guard_streams,
        guard_versions,
        event_ends,
        event_streams
    ) as appended;
end
$$
