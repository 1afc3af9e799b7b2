-- Return which events are refused when groups are handled in order. `standing`
-- has the present version of each stream; streams are named by their number in
-- it. Group g has the guards up to guard_ends[g] and the events up to
-- event_ends[g]. A caller whose group was refused has lost the streams that the
-- group would have written to: the caller's later groups were decided upon
-- versions that are now another caller's.
create or replace function public.rostra_refused(
    standing bigint[],
    callers integer[],
    guard_ends integer[],
    guard_streams integer[],
    guard_versions bigint[],
    event_ends integer[],
    event_streams integer[]
) returns boolean[]
language plpgsql
immutable
as $$
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
$$
