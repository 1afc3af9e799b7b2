-- It runs with its owner's rights: nobody else calls it but by a grant.
revoke execute on function public.rostra_append_on(
    uuid, uuid[], bigint[], uuid[], bigint[], text[], bytea[], uuid[], text[], integer[], integer[],
    integer[], bigint[], integer[], integer[]
) from public
