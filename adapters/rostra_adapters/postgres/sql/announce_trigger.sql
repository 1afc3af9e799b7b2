create or replace trigger rostra_announce
    after insert on public.stored_events
    for each statement execute function public.rostra_announce()
