create or replace trigger rostra_no_truncate
    before truncate on public.stored_events
    for each statement execute function public.rostra_immutable()
