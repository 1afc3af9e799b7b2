"""The statement that reads a site's newest comments from PostgreSQL.

A comment does not name its site, so the statement goes by discussion. A page of n comments needs
only the n discussions whose newest comment, of those after the page before, is the latest. A
discussion that was last active after that page's end is looked into, others only in the order of
their last activity. The total takes a look at every discussion of the site.
"""

from datetime import UTC, datetime

from rostra.log import POSITION_MAX
from rostra_adapters.postgres.views.queries.comment_lists import COLUMNS, IS_COUNTED

FROM_THE_START = datetime.max.replace(tzinfo=UTC), POSITION_MAX
"""Time and position after those of every comment."""

_BEFORE = "(posted_at, position) < ($3::timestamptz, $4::bigint)"
_NEWEST = "order by posted_at desc, position desc"

SITE_COMMENTS = f"""
with listed as materialized (
    select g.id, g.comments, g.active_at, g.changed
    from public.comment_counts_v{{comments}} g
    join public.discussions_v{{discussions}} d on d.id = g.id
    where g.site = $1 and ($5 or d.settings::jsonb ->> 'private' is distinct from 'true')
),
sought as materialized (
    (
        select id from listed where comments > 0 and active_at < $3::timestamptz
        order by active_at desc fetch first ($2::bigint) rows with ties
    )
    union all select id from listed where comments > 0 and active_at >= $3::timestamptz
),
near as materialized (
    select s.id from sought s
    cross join lateral (
        select posted_at, position from public.comments_v{{comments}}
        where discussion = s.id and {IS_COUNTED} and {_BEFORE} {_NEWEST} limit 1
    ) c
    {_NEWEST} limit $2
)
select v.position, t.changed, t.total, t.discussions, c.id is not null, {COLUMNS}
from (
    select min(position) as position from public.rostra_views
    where (name, version) in (('discussions', {{discussions}}), ('comments', {{comments}}))
    having count(*) = 2
) v
cross join (
    select coalesce(max(changed), 0) as changed, coalesce(sum(comments), 0) as total,
        count(*) as discussions
    from listed
) t
left join (
    select c.* from near n cross join lateral (
        select * from public.comments_v{{comments}}
        where discussion = n.id and {IS_COUNTED} and {_BEFORE} {_NEWEST} limit $2
    ) c
    {_NEWEST} limit $2
) c on true
left join lateral (
    select * from public.comment_ranks_v{{comments}} where id = c.id offset 0
) r on true
order by c.posted_at desc, c.position desc"""
