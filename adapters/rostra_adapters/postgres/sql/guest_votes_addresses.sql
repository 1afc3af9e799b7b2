create unique index if not exists rostra_guest_votes_addresses
    on public.rostra_guest_votes (comment, address)
