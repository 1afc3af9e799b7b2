create or replace trigger rostra_no_change
    before update or delete on public.stored_events
    for each statement execute function public.rostra_immutable()
