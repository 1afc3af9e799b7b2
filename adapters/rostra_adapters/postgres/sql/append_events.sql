-- Appends for processes of versions before `rostra_append_on`.
create or replace function public.rostra_append_events(
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
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    select appended.first, appended.refused into first, refused from public.rostra_append_on(
        null,
        guarded,
        expected,
        streams,
        versions,
        topics,
        states,
        event_ids,
        metadatas,
        callers,
        guard_ends,
        guard_streams,
        guard_versions,
        event_ends,
        event_streams
    ) as appended;
end
$$
