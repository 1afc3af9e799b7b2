"""Statements that read the view `inbox` from PostgreSQL."""

from rostra_projections.inbox import (
    ERASURES,
    INBOX,
    INBOX_COMMENTS,
    SUBSCRIPTIONS,
    SUBSCRIPTIONS_READ_MAX,
)

_HERE = """(
    select min(position) as position from public.rostra_views
    where (name, version) in (('inbox', {inbox}), ('comments', {comments}))
    having count(*) = 2
) v"""
_ITEMS = ", ".join(f'i."{column}"' for column in INBOX.types)
_COMMENTS = ", ".join(f'c."{column}"' for column in INBOX_COMMENTS.types)
_SUBSCRIPTIONS = ", ".join(f's."{column}"' for column in SUBSCRIPTIONS.types)
_ERASURES = ", ".join(f'e."{column}"' for column in ERASURES.types)

# -- a person's items: $1 site, $2 person, $3 and $4 positions between which they lie, $5 how many

# An erased person begins anew.
_BEGIN = """greatest($4, (
    select position from public.inbox_erasures_v{inbox} where site = $1 and person = $2
))"""
_HAS_WORDS = """not exists (
    select 1 from public.inbox_erasures_v{inbox} e
    where e.site = $1 and e.person = c.author and e.position > c.posted
)"""
# For `exists` the planner would hash the whole table; a scalar subquery looks one row up.
_IS_PUBLISHED = """(
    select m.status from public.comments_v{comments} m where m.id = c.id
) is not distinct from 'published'"""
_IS_TURNED_OFF = """exists (
    select 1 from public.subscriptions_v{inbox} s
    where s.site = $1 and s.person = $2 and s.discussion = i.discussion and s."to" is null
        and s.since < i.position
)"""
_DIRECT = f"""(
    select i.*, {_HAS_WORDS}
        and (i.reason = 'moderation' or ({_IS_PUBLISHED} and not {_IS_TURNED_OFF})) as is_shown
    from public.inbox_v{{inbox}} i
    join public.inbox_comments_v{{inbox}} c on c.id = i.comment
    where i.site = $1 and i.person = $2 and i.position < $3 and i.position > {_BEGIN}
    order by i.position desc limit $5
)"""
_SUBSCRIBED = f"""
    select c.id, $2::text, c.published, $1::text, c.discussion, c.published_at, 'subscription',
        c.author <> $2 and {_HAS_WORDS} and {_IS_PUBLISHED} and (
            select i.position from public.inbox_v{{inbox}} i
            where i.comment = c.id and i.person = $2 and i.position = c.published
        ) is null as is_shown"""
_SUBSCRIPTIONS_HERE = f"""(
    select s.discussion, greatest(s.since, {_BEGIN}) as since
    from public.subscriptions_v{{inbox}} s
    where s.site = $1 and s.person = $2 and s."to" = 'comments'
        and s.since > coalesce((
            select position from public.inbox_erasures_v{{inbox}}
            where site = $1 and person = $2
        ), 0)
    order by s.since desc limit {SUBSCRIPTIONS_READ_MAX}
)"""
_PUBLISHED_IN_S = """public.inbox_comments_v{inbox} c
where c.discussion = s.discussion and c.published > s.since and c.published < $3"""
# If there are many subscriptions, only the discussions with the newest comments are read.
_NEWEST_SUBSCRIBED = f"""(
    {_SUBSCRIBED} from (
        select s.discussion, s.since from {_SUBSCRIPTIONS_HERE} s
        cross join lateral (
            select published from {_PUBLISHED_IN_S} order by c.published desc limit 1
        ) newest
        order by newest.published desc limit $5
    ) s
    cross join lateral (
        select * from {_PUBLISHED_IN_S} order by c.published desc limit $5
    ) c
    order by c.published desc limit $5
)"""
# For a count any of them will do, so it ends after so many.
_ANY_SUBSCRIBED = f"""(
    {_SUBSCRIBED} from {_SUBSCRIPTIONS_HERE} s
    cross join lateral (select * from {_PUBLISHED_IN_S} limit $5) c
    limit $5
)"""

# A position may have two items, at most one of them shown. The shown one is first, because a page
# may end between them.
INBOX_OF = f"""
select v.position, {_ITEMS}, i.is_shown from {_HERE}
left join lateral (
    select * from ({_DIRECT} union all {_NEWEST_SUBSCRIBED}) i
    order by position desc, is_shown desc limit $5
) i on true
order by i.position desc, i.is_shown desc"""

UNREAD = f"""
select v.position, i.unread from {_HERE}
cross join lateral (
    select count(*) filter (where i.is_shown and i.position <> all($6::bigint[])) as unread
    from ({_DIRECT} union all {_ANY_SUBSCRIBED}) i
) i"""

# -- what concerns comments, and who subscribed

COMMENTS_OF = f"""
select v.position, {_COMMENTS} from {_HERE}
left join public.inbox_comments_v{{inbox}} c on c.id = any($1::uuid[])"""

# The sum keeps the planner from an index that has no comments.
INBOX_ABOUT = f"""
select v.position, {_ITEMS} from {_HERE}
left join public.inbox_v{{inbox}} i
    on i.comment = any($1::uuid[]) and i.position + 0 = any($2::bigint[])"""

SUBSCRIBERS = f"""
select v.position, {_SUBSCRIPTIONS} from {_HERE}
left join lateral (
    select * from public.subscriptions_v{{inbox}}
    where discussion = $1 and "to" = 'comments' and id > $2
    order by id limit $3
) s on true
order by s.id"""

SUBSCRIPTION_ROWS = f"""
select v.position, {_SUBSCRIPTIONS} from {_HERE}
left join public.subscriptions_v{{inbox}} s on s.id = any($1::uuid[])"""

SUBSCRIPTIONS_OF = f"""
select v.position, {_SUBSCRIPTIONS} from {_HERE}
left join lateral (
    select * from public.subscriptions_v{{inbox}}
    where site = $1 and person = $2 and "to" is not null
    order by since limit $3
) s on true
order by s.since"""

ERASURES_OF = f"""
select v.position, {_ERASURES} from {_HERE}
left join public.inbox_erasures_v{{inbox}} e on e.id = any($1::uuid[])"""
