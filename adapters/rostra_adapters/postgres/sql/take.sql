-- Take from every bucket, or from none where one of them has too little. `costs` and `windows` are
-- in seconds: what a bucket takes to fill again, and from empty. Answers for how long to wait for
-- the bucket with the least room, and its number (null: all had room). Buckets are locked in order,
-- so that two calls never wait for each other.
create or replace function public.rostra_take(
    buckets bytea[],
    costs double precision[],
    windows double precision[],
    out wait_seconds double precision,
    out refused integer
)
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
    now_at timestamptz;
begin
    insert into public.rostra_write_limits (bucket, full_at)
    select asked.bucket, '-infinity' from unnest(buckets) as asked (bucket) order by asked.bucket
    on conflict (bucket) do nothing;
    perform from public.rostra_write_limits
    where bucket = any (buckets) order by bucket for update;
    now_at := clock_timestamp();
    select extract(epoch from greatest(known.full_at, now_at) - now_at) + asked.cost - asked.room,
        asked.number
    into wait_seconds, refused
    from unnest(buckets, costs, windows) with ordinality as asked (bucket, cost, room, number)
    join public.rostra_write_limits known on known.bucket = asked.bucket
    order by 1 desc limit 1;
    if wait_seconds > 0.001 then
        return;
    end if;
    wait_seconds := 0;
    refused := null;
    update public.rostra_write_limits known
    set full_at = greatest(known.full_at, now_at) + make_interval(secs => asked.cost)
    from unnest(buckets, costs) as asked (bucket, cost)
    where known.bucket = asked.bucket;
end
$$
