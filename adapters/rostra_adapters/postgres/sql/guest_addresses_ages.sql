create index if not exists rostra_guest_addresses_ages
    on public.rostra_guest_addresses (noted_at)
