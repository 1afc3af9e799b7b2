create index if not exists rostra_guest_votes_guests on public.rostra_guest_votes (guest)
