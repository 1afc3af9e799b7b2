create index if not exists rostra_banned_addresses_guests
    on public.rostra_banned_addresses (guest)
