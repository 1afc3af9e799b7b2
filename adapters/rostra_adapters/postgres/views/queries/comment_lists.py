"""The statements that read lists of comments from PostgreSQL, one for each kind of list.

They are put together from the fragments below, once each; `{comments}` is the version of the view's
tables. No rows come back if that version is no longer served.

A page after a cursor merges unmoved comments, by today's keys, with moved ones, by their keys at
the cursor's position `:as_of` (an example is in `rostra_projections.listing`):

- `moved` has, of each comment of the discussion, the first move after `:as_of`: its keys there.
- Branches of `_today` read the comments that are not in `moved`, by today's keys.
- The branch of `_back` reads the comments in `moved`, by the keys of those moves.

Moves count only if they are complete. A move belongs to the lineage of views that recorded it, and
old moves are deleted. So the statement also returns, of the cursor's lineage:

- `begun_history`: number of its histories, null if its views have not read as far as these.
- `begun_moves_from`: position after which all its moves in this discussion are there.

The caller refuses a cursor of another history or of an earlier position (`cursors.refuse_old`); the
list is then folded from the log. See decisions 0018 and 0027.
"""

from functools import lru_cache
from typing import Literal, NamedTuple

from rostra.limits import PAGE_COMMENTS_MAX
from rostra.settings import Order
from rostra_projections.comments.rows import COMMENTS, COUNTED
from rostra_projections.listing import ORDERS, Listing, ListKind

From = Literal["start", "pinned", "rest"]
"""Beginning of a page: the list's start, or after a key among the pinned or the rest."""

_C, _R = "public.comments_v{v} c", "public.comment_ranks_v{v} r"
COLUMNS = ", ".join(f"{'cr'[COMMENTS.home_of(column)]}.{column}" for column in COMMENTS.types)
"""Columns of a comment `c` and its ranks `r`."""
IS_COUNTED = f"status in ({', '.join(map(repr, COUNTED))})"
_ORDERING = ("posted_at", "position")
"""Columns that end every order; comments and their ranks have them both."""


def _own(ordering: Literal["c", "r"] = "c") -> str:
    """Return the columns of a comment; those that order it may be taken from its ranks."""
    columns = COMMENTS.columns_of(COMMENTS.fragments[0])
    return ", ".join(f"{ordering if it in _ORDERING else 'c'}.{it}" for it in columns)


_OWN = _own()

_SEES = "(c.shown = 2 or (c.shown = 1 and (:moderator or c.author = :person)))"
_SAW = "(m.shown = 2 or (m.shown = 1 and (:moderator or c.author = :person)))"

_LISTED = {
    "discussion": "{at}.discussion = :list",
    "inline": "{at}.discussion = :list and {at}.passage is not null",
    "passage": "{at}.passage = :list",
    "replies": "{at}.parent = :list",
}

SORTED_COMMENTS_MAX = 20_000
"""Comments of a passage, or replies to a comment, that a page of a ranked list sorts. Of more, the
page reads the indexes of the whole discussion and passes over what the list does not hold."""

_LENGTHS = {
    "inline": "g.flat + g.flat_hidden",
    "passage": "g.flat + g.flat_hidden",
    "replies": "g.shown_replies + g.hidden_replies",
}
"""Comments that a sorted page reads."""

Section = Literal["pinned", "unpinned", "below"]
_SECTIONS: dict[Section, str] = {
    "pinned": "{at}.parent is null and {at}.pinned",
    "unpinned": "{at}.parent is null and not {at}.pinned",
    "below": "{at}.parent is not null",
}
"""Parts of a discussion, each of which an index of `comment_ranks` holds in each order."""

_TOTALS = {
    "top": "g.top + case when :moderator then g.top_hidden else 0 end",
    "flat": "g.flat + case when :moderator then g.flat_hidden else 0 end",
    "replies": "g.shown_replies + case when :moderator then g.hidden_replies else 0 end",
}

# The planner always expects a short array, so it hashes the keys.
_UNMOVED = """
        and {at}.position <= :as_of
        and {at}.id not in (select unnest(array_agg(comment)) from moved)"""

_MOVED = """
moved as materialized (
    select distinct on (comment) comment, shown, pinned, score, best, controversial, hot
    from public.comment_moves
    where discussion = :discussion and lineage = :lineage and position > :as_of
    order by comment, position
),"""
# Pages of the log end elsewhere in each lineage, so of the moves since a cursor only those of its
# own lineage say where comments were. They do if its views have read all that these show, and no
# more: a comment that moves and moves back within a page leaves no move.
_BEGUN = """
    left join public.rostra_views begun
        on begun.name = v.name and begun.lineage = :lineage
        and begun.position >= coalesce(d.changed, 0)
        and (begun.lineage = v.lineage or begun.position <= v.position and not exists (
            select from public.rostra_parked p
            where p.view = begun.name and p.version = begun.version and p.discussion = :discussion
        ))
    left join public.comment_moves_gone gone on gone.discussion = :discussion"""
_BEGUN_COLUMNS = """begun.history as begun_history,
        greatest(begun.moves_from, gone.position) as begun_moves_from"""
_NOT_BEGUN = "null as begun_history, null as begun_moves_from"

_STATEMENT = """
with head as materialized (
    select v.position, v.moves_from, v.history, coalesce(d.changed, 0) as group_changed,
        coalesce({total}, 0){own} as total{length}, {begun_columns}
    from public.rostra_views v
    left join {group_table} g on g.id = :group
    left join public.comment_counts_v{v} d on d.id = :discussion{begun}
    where v.name = 'comments' and v.version = {v}
),{moved}
page as materialized (
    select * from ({branches}) b
    order by {outer_order}
    limit :limit
){below}
select h.position as head, h.moves_from, h.history, h.group_changed, h.total,
    h.begun_history, h.begun_moves_from, c.level, c.place_pinned, c.place_value::float8, {columns}
from head h left join ({levels}) c on true
left join lateral (select * from public.comment_ranks_v{v} where id = c.id offset 0) r on true
order by c.level, c.place_pinned desc, {final_order}"""

# The replies of a row are limited by what the rows before it left of the page's bound; their
# number is known beforehand, so no more are read. The last row of `page` is only there to say
# that the list goes on.
_CHILDREN = """,
{name} as materialized (
    select {columns}, row_number() over (order by p.rank, c.posted_at, c.position) as rank
    from (
        select id, rank, wanted, {room} - coalesce(sum(wanted) over (
            order by rank rows between unbounded preceding and 1 preceding
        ), 0) as room
        from (
            select id, rank, case when {counts} then least(:replies, shown_replies + case
                when :moderator or :person <> '' then hidden_replies else 0 end) else 0
            end as wanted
            from {above}
        ) w
    ) p
    cross join lateral (
        select * from public.comments_v{v} c
        where c.parent = p.id and {sees}
        order by c.posted_at, c.position
        limit least(p.wanted, greatest(p.room, 0))
    ) c
)"""
_RANKED_PAGE = (
    "(select *, row_number() over (order by place_pinned desc, {order}) as rank from page) r"
)
_ROOM = "{comments} - (select least(count(*), :limit - 1) from page)"


@lru_cache(512)
def page_statement(
    kind: ListKind, of: str, order: Order, begin: From, *, replies: bool
) -> tuple[str, tuple[str, ...]]:
    """Return the statement of a page and the names of its parameters, in order.

    `of` is a key of `_LISTED`. Rows: head, moves_from, history, group_changed, total,
    begun_history and begun_moves_from (of the cursor's lineage; null if its moves are not known up
    to here), level (0 a row of the list, 1 and 2 replies below it), place_pinned, place_value, the
    columns.
    """
    below, levels = _below(order, replies=replies)
    text = _STATEMENT.format(
        v="{v}",
        total=_TOTALS[kind],
        own=_own_hidden(kind, of),
        length=f", coalesce({_LENGTHS[of]}, 0) as length" if _may_sort(of, order) else "",
        group_table="public.comments_v{v}" if kind == "replies" else "public.comment_counts_v{v}",
        begun="" if begin == "start" else _BEGUN,
        begun_columns=_NOT_BEGUN if begin == "start" else _BEGUN_COLUMNS,
        moved="" if begin == "start" else _MOVED,
        branches="\n    union all\n".join(_branches(kind, of, order, begin)),
        outer_order=_merged_by(kind, order),
        final_order=_by(order, "c.place_value", "c.posted_at", "c.position"),
        columns=COLUMNS,
        below=below,
        levels=levels,
    )
    return _numbered(text.replace("{v}", "{comments}"))


def _own_hidden(kind: ListKind, of: str) -> str:
    """Return the condition for an author's own held and rejected comments."""
    top = " and c.parent is null" if kind == "top" else ""
    return f""" + case when :moderator or :person = '' then 0 else (
            select count(*) from public.comments_v{{v}} c
            where c.author = :person and c.shown = 1 and c.discussion = :discussion
            and {_LISTED[of].format(at="c")}{top}) end"""


def _by(order: Order, value: str, posted_at: str, position: str) -> str:
    column, descends = ORDERS[order]
    direction = "desc" if descends else "asc"
    columns = [posted_at, position] if column is None else [value, posted_at, position]
    return ", ".join(f"{each} {direction}" for each in columns)


def _merged_by(kind: ListKind, order: Order) -> str:
    """Return the order of all branches.

    Without a constant among its columns the planner merges the branches, each of which is ordered.
    It reads no more rows of them than the page has.
    """
    by = _by(order, "place_value", "posted_at", "position")
    return f"place_pinned desc, {by}" if kind == "top" else by


def _after(order: Order, value: str, at: str) -> str:
    column, descends = ORDERS[order]
    beyond = "<" if descends else ">"
    if column is None:
        return f"({at}.posted_at, {at}.position) {beyond} (:last_at, :last_position)"
    kind = COMMENTS.types[column]  # of the column's own type, or no index serves
    last = f"(:last_value::{kind}, :last_at, :last_position)"
    return f"({value}, {at}.posted_at, {at}.position) {beyond} {last}"


def _may_sort(of: str, order: Order) -> bool:
    """Return whether no index has the list in this order."""
    return of != "discussion" and ORDERS[order][0] is not None


def _branches(kind: ListKind, of: str, order: Order, begin: From) -> list[str]:
    """Return ordered selects of a few rows each: of comments that have moved, and that have not."""
    branches = _today(kind, of, order, begin)
    return branches if begin == "start" else [*branches, _back(kind, of, order, begin)]


def _today(kind: ListKind, of: str, order: Order, begin: From) -> list[str]:
    """Return selects of the comments that have not moved."""
    column = ORDERS[order][0]
    top: tuple[Section, ...] = ("unpinned",) if begin == "rest" else ("pinned", "unpinned")
    if column is None:
        sections: tuple[Section | None, ...] = top if kind == "top" else (None,)
        return [_select(kind, of, order, begin, section, _BY_TIME) for section in sections]
    if kind == "top":
        walked = top
    else:
        walked = ("below",) if kind == "replies" else ("pinned", "unpinned", "below")
    if not _may_sort(of, order):
        return [_select(kind, of, order, begin, section, _BY_RANK) for section in walked]
    sorted_ones: tuple[Section | None, ...] = top if kind == "top" else (None,)
    many = f"(select length > {SORTED_COMMENTS_MAX} from head)"
    return [
        *(_select(kind, of, order, begin, each, _SORTED, f"not {many}") for each in sorted_ones),
        *(_select(kind, of, order, begin, section, _BY_RANK, many) for section in walked),
    ]


class _Source(NamedTuple):
    """Tables that a select reads: `at` is the one that leads, whose index is used."""

    tables: str
    at: Literal["c", "r"]


_BY_TIME = _Source(_C, "c")
_BY_RANK = _Source(
    f"{_R} cross join lateral (select * from {_C} where c.id = r.id offset 0) c", "r"
)
_SORTED = _Source(f"{_C} cross join lateral (select * from {_R} where r.id = c.id offset 0) r", "c")


def _select(
    kind: ListKind,
    of: str,
    order: Order,
    begin: From,
    section: Section | None,
    source: _Source,
    only_if: str = "",
) -> str:
    """Select rows by today's keys. After a key among the pinned, all the rest come too."""
    column, at = ORDERS[order][0], source.at
    value = f"r.{column}" if column else "0"
    where = [only_if] if only_if else []
    where += [_LISTED[of].format(at=at), _SEES]
    if at == "r" and of != "discussion":
        where.append("r.discussion = :discussion")
    if section is not None:
        where.append(_SECTIONS[section].format(at=at))
    after_all_pinned = kind == "top" and begin == "pinned" and section == "unpinned"
    if begin != "start" and not after_all_pinned:
        where.append(_after(order, value, at))
    unmoved = "" if begin == "start" else _UNMOVED.format(at=at)
    place = "c.pinned" if kind == "top" else "false"
    return f"""    (select {place} as place_pinned, {value} as place_value, {_own(at)}
        from {source.tables}
        where {" and ".join(where)}{unmoved}
        order by {_by(order, value, f"{at}.posted_at", f"{at}.position")}
        limit :limit)"""


def _back(kind: ListKind, of: str, order: Order, begin: From) -> str:
    """Return the select of the comments that have moved since, by their keys at the cursor."""
    column = ORDERS[order][0]
    value = f"m.{column}" if column else "0"
    where = [_LISTED[of].format(at="c"), _SAW, "c.position <= :as_of"]
    if kind == "top":
        where.append("c.parent is null")
        after = _after(order, value, "c")
        where.append(
            f"(not m.pinned or {after})" if begin == "pinned" else f"not m.pinned and {after}"
        )
    else:
        where.append(_after(order, value, "c"))
    place = "m.pinned" if kind == "top" else "false"
    return f"""    (select {place} as place_pinned, {value} as place_value, {_OWN}
        from moved m
        cross join lateral (select * from {_C} where c.id = m.comment offset 0) c
        where {" and ".join(where)}
        order by 1 desc, {_by(order, value, "c.posted_at", "c.position")}
        limit :limit)"""


def _below(order: Order, *, replies: bool) -> tuple[str, str]:
    """Return the statements of the first replies on two levels, and of all levels."""
    columns = _OWN.replace("c.", "")
    levels = f"select 0 as level, place_pinned, place_value, {columns} from page"
    if not replies:
        return "", levels
    by = _by(order, "place_value", "posted_at", "position")
    room = _ROOM.format(comments=PAGE_COMMENTS_MAX)
    above, counts, below = _RANKED_PAGE.format(order=by), "rank < :limit", ""
    for level, name in enumerate(("child", "grandchild"), 1):
        below += _CHILDREN.format(
            v="{v}", name=name, above=above, columns=_OWN, sees=_SEES, room=room, counts=counts
        )
        levels += f"\n    union all select {level}, false, 0, {columns} from {name}"
        above, counts, room = name, "true", f"{room} - (select count(*) from {name})"
    return below, levels


_NAMES = {
    "list": "uuid",
    "group": "uuid",
    "discussion": "uuid",
    "limit": "bigint",
    "replies": "bigint",
    "moderator": "boolean",
    "person": "text",
    "as_of": "bigint",
    "lineage": "text",
    "last_value": "float8",
    "last_at": "timestamptz",
    "last_position": "bigint",
}


def _numbered(text: str) -> tuple[str, tuple[str, ...]]:
    """Named parameters become `$1`, `$2`, … with their types."""
    used = tuple(name for name in _NAMES if f":{name}" in text)
    for number, name in enumerate(used, 1):
        text = text.replace(f":{name}", f"${number}::{_NAMES[name]}")
    return text, used


def of_listing(listing: Listing) -> str:
    """Which condition of `_LISTED` a listing has."""
    if listing.kind == "replies":
        return "replies"
    if listing.passage is not None:
        return "passage"
    return "inline" if listing.inline else "discussion"
