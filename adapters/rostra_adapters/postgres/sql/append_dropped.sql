-- Version 0.1.0 calls the first, and does not run beside a later one. No release calls the second.
drop function if exists public.rostra_append, public.rostra_append_events
