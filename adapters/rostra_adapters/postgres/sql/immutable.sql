create or replace function public.rostra_immutable() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception '% refused: what the log holds is never changed', tg_op
        using errcode = 'insufficient_privilege';
end
$$
