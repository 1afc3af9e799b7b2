-- Note the address that a guest writes from. `addresses` are its hashes by the keys of the last days,
-- today's first. Answers the end of a ban of the address; null if it is not banned.
create or replace function public.rostra_note_guest(
    visited text, visitor text, addresses bytea[]
) returns timestamptz
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
    insert into public.rostra_guest_addresses (site, guest, address)
    values (visited, visitor, addresses[1])
    on conflict do nothing;
    return (
        select max(banned_until) from public.rostra_banned_addresses
        where site = visited and address = any (addresses)
            and banned_until > clock_timestamp()
    );
end
$$
