-- Fills tables of the shape of ours from the log, in plain SQL. {v} is their version.
-- (Persons of whom nothing is counted any more have no row here; ours keep one with 0.)

with posted as materialized (
    select
        log.originator_id as id,
        overlay(log.originator_id::text placing '8000-000000000000' from 20)::uuid as discussion,
        log.notification_id as position,
        log.event_id,
        payload.s ->> 'key' as key,
        (payload.s ->> 'parent')::uuid as parent,
        coalesce((payload.s ->> 'depth')::smallint, 0::smallint) as depth,
        (payload.s ->> 'passage')::uuid as passage,
        payload.s ->> 'author' as author,
        payload.s ->> 'status' as status,
        (payload.s ->> 'time')::timestamptz as posted_at,
        decode(payload.s ->> 'personal', 'base64') as words,
        payload.s -> 'path' as path
    from public.stored_events log
    cross join lateral (select convert_from(log.state, 'utf8')::jsonb as s offset 0) payload
    where log.topic = 'comment.posted'
),
votes as materialized (
    select
        (payload.s ->> 'comment')::uuid as id,
        sum((payload.s ->> 'now' = '1')::int - (payload.s ->> 'was' = '1')::int)::int as up,
        sum((payload.s ->> 'now' = '-1')::int - (payload.s ->> 'was' = '-1')::int)::int as down,
        max(log.notification_id) as changed
    from public.stored_events log
    cross join lateral (select convert_from(log.state, 'utf8')::jsonb as s offset 0) payload
    where log.topic in ('vote.cast', 'vote.nullified', 'vote.restored')
    group by 1
),
changes as materialized (
    select
        log.originator_id as id, log.notification_id as position, log.event_id, log.topic, payload.s
    from public.stored_events log
    cross join lateral (select convert_from(log.state, 'utf8')::jsonb as s offset 0) payload
    where log.topic like 'comment.%' and log.topic not in ('comment.posted', 'comment.flagged')
),
changed as (select id, max(position) as position from changes group by id),
statuses as (
    select distinct on (id) id, s ->> 'now' as status
    from changes
    where topic in ('comment.removed', 'comment.restored', 'comment.approved', 'comment.rejected')
    order by id, position desc
),
pins as (
    select distinct on (id) id, topic = 'comment.pinned' as pinned
    from changes where topic in ('comment.pinned', 'comment.unpinned')
    order by id, position desc
),
edits as (
    select distinct on (id)
        id, event_id, (s ->> 'time')::timestamptz as edited_at,
        decode(s ->> 'personal', 'base64') as words
    from changes where topic = 'comment.edited'
    order by id, position desc
),
with_status as materialized (
    select posted.*, coalesce(statuses.status, posted.status) as now
    from posted left join statuses using (id)
),
below as (
    select ancestor::uuid as id, count(*)::int as descendants,
        (count(*) filter (where ancestor::uuid = parent))::int as replies
    from with_status cross join lateral jsonb_array_elements_text(path) ancestor
    where now = 'published'
    group by 1
),
shown as materialized (
    select with_status.*,
        coalesce(below.descendants, 0) as descendants,
        coalesce(below.replies, 0) as replies,
        case
            when now = 'published' or below.descendants > 0 then 2
            when now in ('held', 'rejected') then 1
            else 0
        end::smallint as shown
    from with_status left join below using (id)
),
children as (
    select parent as id,
        (count(*) filter (where shown = 2))::int as shown_replies,
        (count(*) filter (where shown = 1))::int as hidden_replies
    from shown where parent is not null
    group by parent
),
summed as (
    select shown.*,
        coalesce(votes.up, 0) as up,
        coalesce(votes.down, 0) as down,
        coalesce(votes.up - votes.down, 0) as score,
        coalesce(votes.up + votes.down, 0)::float8 as n,
        greatest(shown.position, votes.changed, changed.position) as changed,
        1.281551565545::float8 as z
    from shown left join votes using (id) left join changed using (id)
),
pinned as materialized (
    select summed.*, coalesce(pins.pinned, false) as pinned
    from summed left join pins using (id)
),
filled as (
    insert into public.comments_v{v}
    select
        id, discussion, key, parent, depth, passage, author, now, pinned.shown,
        pinned, posted_at, edits.edited_at, replies, descendants,
        coalesce(children.shown_replies, 0), coalesce(children.hidden_replies, 0),
        pinned.words, pinned.event_id, edits.words, edits.event_id, pinned.position
    from pinned
    left join edits using (id)
    left join children using (id)
)
insert into public.comment_ranks_v{v}
select
    id, up, down, score,
    case when n = 0 then 0 else (
        up / n + z * z / (2 * n)
        - z * sqrt(up / n * (1 - up / n) / n + z * z / (4 * n * n))
    ) / (1 + z * z / n) end,
    case when up <= 0 or down <= 0 then 0
        else n ^ (least(up, down)::float8 / greatest(up, down)) end,
    round((
        sign(score) * log(greatest(abs(score), 1)::float8)
        + (extract(epoch from posted_at)::float8 - 1134028003) / 45000
    ) * 1e7) / 1e7,
    changed, discussion, parent, passage, pinned, posted_at, position
from pinned;

insert into public.participants_v{v}
with counted as (
    select distinct on (c.discussion, c.author) c.discussion, c.author, c.id, c.position
    from public.comments_v{v} c
    join public.stored_events e on e.originator_id = c.id and (
        e.topic in ('comment.approved', 'comment.restored') or e.topic = 'comment.posted'
            and convert_from(e.state, 'utf8')::jsonb ->> 'status' = 'published'
    )
    order by c.discussion, c.author, e.notification_id desc
)
select c.discussion, c.author, count(*), counted.id, counted.position
from public.comments_v{v} c left join counted using (discussion, author)
where c.status = 'published' group by c.discussion, c.author, counted.id, counted.position;

insert into public.discussions_v{v}
with events as (
    select originator_id as id, notification_id as position, topic,
        convert_from(state, 'utf8')::jsonb as s
    from public.stored_events where topic like 'discussion.%'
),
opened as (select distinct on (id) * from events where topic = 'discussion.opened'
    order by id, position desc),
turned as (select distinct on (id) * from events where topic <> 'discussion.opened'
    order by id, position desc)
select id, opened.s ->> 'site', opened.s ->> 'resource', opened.s ->> 'title', opened.s ->> 'url',
    coalesce(turned.topic = 'discussion.reopened', true),
    coalesce((opened.s -> 'settings')::text, '{}'), (opened.s ->> 'time')::timestamptz,
    greatest(opened.position, turned.position)
from opened left join turned using (id);

insert into public.comment_counts_v{v}
with tallied as materialized (  -- when a comment began or ceased to be counted
    select log.originator_id as id, max(log.notification_id) as position
    from public.stored_events log
    cross join lateral (select convert_from(log.state, 'utf8')::jsonb as s offset 0) payload
    where log.topic = 'comment.posted' and s ->> 'status' = 'published'
        or log.topic in ('comment.removed', 'comment.restored', 'comment.approved',
            'comment.rejected', 'comment.held') and (s ->> 'was' is not distinct from 'published')
            <> (s ->> 'now' is not distinct from 'published')
    group by 1
),
members as (
    select discussion as id, true as whole, c.* from (
        select c.discussion, depth, status, shown, c.parent, c.posted_at, changed
        from public.comments_v{v} c join public.comment_ranks_v{v} using (id)
    ) c
    union all
    select overlay(discussion::text placing '9800' from 20)::uuid, false,
        discussion, depth, status, shown, parent, posted_at, tallied.position
    from public.comments_v{v} left join tallied using (id) where passage is not null
    union all
    select passage, false, discussion, depth, status, shown, parent, posted_at, tallied.position
    from public.comments_v{v} left join tallied using (id) where passage is not null
),
counted as (
    select id,
        count(*) filter (where status = 'published' and (whole or depth = 0)) as comments,
        count(*) filter (where status = 'published' and depth > 0) as replies,
        count(*) filter (where shown = 2 and parent is null) as top,
        count(*) filter (where shown = 2) as flat,
        count(*) filter (where shown = 1 and parent is null) as top_hidden,
        count(*) filter (where shown = 1) as flat_hidden,
        max(posted_at) filter (where status = 'published') as latest_at,
        max(changed) as changed
    from members group by id
),
people as (
    select discussion as id, count(*) as participants
    from public.participants_v{v} group by discussion
),
opened as (
    select distinct on (originator_id) originator_id as id, notification_id as position,
        convert_from(state, 'utf8')::jsonb as s
    from public.stored_events where topic = 'discussion.opened'
    order by originator_id, notification_id
)
select id, opened.s ->> 'site', coalesce(comments, 0), coalesce(replies, 0),
    coalesce(participants, 0), coalesce(top, 0), coalesce(flat, 0), coalesce(top_hidden, 0),
    coalesce(flat_hidden, 0), (opened.s ->> 'time')::timestamptz, latest_at,
    coalesce(latest_at, (opened.s ->> 'time')::timestamptz),
    coalesce(greatest(changed, opened.position), 0)
from counted full join opened using (id) left join people using (id);

insert into public.passages_v{v}
with marked as (
    select originator_id as id, notification_id as position,
        convert_from(state, 'utf8')::jsonb as s
    from public.stored_events where topic = 'passage.marked'
)
select id, overlay(id::text placing '8000-000000000000' from 20)::uuid, s ->> 'key',
    s ->> 'by', s ->> 'exact', s ->> 'prefix', s ->> 'suffix', (s ->> 'start')::int, (s ->> 'end')::int,
    'anchored', null, s ->> 'question', true, true, position, position
from marked;
