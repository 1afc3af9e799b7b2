-- Attempts are noted when they begin: the time of a notice's first one, and until when no other
-- sender may make the next.
alter table public.rostra_outbox add column if not exists tried_since timestamptz,
    add column if not exists claimed_until timestamptz
