insert into public.rostra_log default values on conflict do nothing
