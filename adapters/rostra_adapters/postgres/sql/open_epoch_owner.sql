-- It runs with its owner's rights: nobody else calls it but by a grant.
revoke execute on function public.rostra_open_epoch(boolean, boolean) from public
