-- The function takes the site, too.
drop function if exists public.rostra_reserve_vote(uuid, bytea[], text, uuid)
