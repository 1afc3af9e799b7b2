-- The arrays that `rostra_append_on` is given, by names at which the driver leaves off encoding
-- them (see arrays.py). Nothing is stored by these types.
do $$
begin
    create domain public.rostra_uuids as uuid[];
    create domain public.rostra_bigints as bigint[];
    create domain public.rostra_texts as text[];
    create domain public.rostra_byteas as bytea[];
    create domain public.rostra_jsonbs as jsonb[];
exception when duplicate_object then
    null;
end
$$
