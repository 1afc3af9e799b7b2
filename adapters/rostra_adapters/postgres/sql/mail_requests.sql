-- Subscriptions that were asked for by mail and are not confirmed yet; deleted after a week.
create table if not exists public.rostra_mail_requests (
    person uuid not null primary key,
    site text not null,
    person_id text not null,
    discussion uuid not null,
    email text not null,
    subscribe_to text not null,
    language text,
    asked_at timestamptz not null default clock_timestamp()
)
