-- Lanes of a webhook: the deliveries of one go out in order of position. Events have a lane for
-- each discussion, comments to be reviewed one for each comment.
create table if not exists public.rostra_webhook_lanes (
    webhook uuid not null references public.rostra_webhooks on delete cascade,
    lane uuid not null,
    due_at timestamptz not null,
    claimed_until timestamptz,
    attempts integer not null default 0,
    failing_since timestamptz,
    error text,
    primary key (webhook, lane)
)
