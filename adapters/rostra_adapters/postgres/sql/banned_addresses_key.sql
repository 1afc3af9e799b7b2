-- Several guests of one address may be banned, each until another time.
alter table public.rostra_banned_addresses
    drop constraint if exists rostra_banned_addresses_pkey,
    add primary key (site, address, guest)
