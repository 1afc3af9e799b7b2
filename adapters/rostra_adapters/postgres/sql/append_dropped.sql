-- Called by version 0.1.0 alone, which does not run beside a later one, and by none that was released.
drop function if exists public.rostra_append, public.rostra_append_events
