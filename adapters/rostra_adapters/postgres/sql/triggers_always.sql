-- Even where session_replication_role is replica.
alter table public.stored_events
    enable always trigger rostra_one_writer,
    enable always trigger rostra_announce,
    enable always trigger rostra_no_change,
    enable always trigger rostra_no_truncate
