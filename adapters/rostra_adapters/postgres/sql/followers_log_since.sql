-- When the follower began to follow this log; null for its first log.
alter table public.rostra_followers add column if not exists log_since timestamptz
