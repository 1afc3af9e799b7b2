update public.rostra_log set schema_version = $1
