create or replace trigger rostra_one_writer
    before insert on public.stored_events
    for each statement execute function public.rostra_one_writer()
