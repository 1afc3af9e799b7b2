-- Services of others that are sent a site's events, or that review its comments. Secrets are sealed
-- with the site's key. `position` is the one in `log` after which a webhook's events begin.
create table if not exists public.rostra_webhooks (
    id uuid not null primary key,
    site text not null,
    kind text not null,
    url text not null,
    types text[] not null,
    with_held boolean not null,
    with_email boolean not null,
    networks text[] not null,
    secret bytea not null,
    former_secret bytea,
    former_until timestamptz,
    log uuid not null,
    position bigint not null,
    state text not null default 'active',
    error text,
    delivered bigint not null default 0,
    delivered_at timestamptz,
    added_at timestamptz not null default clock_timestamp()
)
