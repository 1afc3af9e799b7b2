create index if not exists rostra_guest_votes_ages on public.rostra_guest_votes (reserved_at)
