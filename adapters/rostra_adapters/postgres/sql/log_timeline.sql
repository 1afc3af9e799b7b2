-- The server's timeline when the log was last appended to; null where the server does not report it.
alter table public.rostra_log add column if not exists timeline integer
