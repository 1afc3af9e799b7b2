"""Statements that read the view `inbox` from PostgreSQL."""

from rostra_projections.inbox import INBOX, INBOX_COMMENTS, SUBSCRIPTIONS

_HERE = """(
    select min(position) as position from public.rostra_views
    where (name, version) in (('inbox', {inbox}), ('comments', {comments}))
    having count(*) = 2
) v"""
_ITEMS = ", ".join(f'i."{column}"' for column in INBOX.types)
_COMMENTS = ", ".join(f'c."{column}"' for column in INBOX_COMMENTS.types)
_SUBSCRIPTIONS = ", ".join(f's."{column}"' for column in SUBSCRIPTIONS.types)
_SHOWN = """(
    i.reason = 'moderation'
    or exists (
        select 1 from public.comments_v{comments} c
        where c.id = i.comment and c.status = 'published'
    )
)"""

INBOX_OF = f"""
select v.position, {_ITEMS} from {_HERE}
left join lateral (
    select i.* from public.inbox_v{{inbox}} i
    where i.site = $1 and i.person = $2 and i.position < $3 and {_SHOWN}
    order by i.position desc limit $4
) i on true
order by i.position desc"""

UNREAD = f"""
select v.position, i.unread from {_HERE}
cross join lateral (
    select count(*) as unread from (
        select 1 from public.inbox_v{{inbox}} i
        where i.site = $1 and i.person = $2 and i.position > $3
            and i.position <> all($4::bigint[]) and {_SHOWN}
        limit $5
    ) counted
) i"""

COMMENTS_OF = f"""
select v.position, {_COMMENTS} from {_HERE}
left join public.inbox_comments_v{{inbox}} c on c.id = any($1::uuid[])"""

INBOX_ABOUT = f"""
select v.position, {_ITEMS} from {_HERE}
left join public.inbox_v{{inbox}} i on i.comment = any($1::uuid[])"""

SUBSCRIBERS = f"""
select v.position, {_SUBSCRIPTIONS} from {_HERE}
left join lateral (
    select * from public.subscriptions_v{{inbox}}
    where discussion = $1 and "to" is not null and id > $2
    order by id limit $3
) s on true
order by s.id"""

SUBSCRIPTION_ROWS = f"""
select v.position, {_SUBSCRIPTIONS} from {_HERE}
left join public.subscriptions_v{{inbox}} s on s.id = any($1::uuid[])"""
