insert into public.rostra_heartbeat (beat_at) values (clock_timestamp()) on conflict do nothing
