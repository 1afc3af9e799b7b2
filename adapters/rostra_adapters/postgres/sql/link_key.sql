-- The key that signs links in mails.
create table if not exists public.rostra_link_key (
    id smallint not null primary key default 1 check (id = 1),
    key bytea not null
)
