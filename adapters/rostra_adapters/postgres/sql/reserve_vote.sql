-- Reserve a guest's vote on a comment. `addresses` are the hashes of one address by the keys of the
-- last days, today's first. Answers `made`, `own` (this guest had one) or `taken` (by another). Who
-- votes on one comment follows one another; each statement sees what was reserved before.
create or replace function public.rostra_reserve_vote(
    visited text, voted uuid, addresses bytea[], voter text, reserver uuid
) returns text
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(voted::text, 5940093377497353331));
    update public.rostra_guest_votes set holder = reserver
    where comment = voted and guest = voter;
    if found then
        return 'own';
    end if;
    if exists (
        select from public.rostra_guest_votes where comment = voted and address = any (addresses)
    ) then
        return 'taken';
    end if;
    insert into public.rostra_guest_votes (site, comment, guest, address, holder)
    values (visited, voted, voter, addresses[1], reserver);
    return 'made';
end
$$
