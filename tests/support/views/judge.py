"""What the model says that each viewer reads, in every order."""

from uuid import UUID

import msgspec
from msgspec import UNSET

from rostra.settings import Order
from rostra_projections.comments import ranking
from rostra_projections.listing import Listing
from rostra_projections.responses.shapes import CommentShape, Viewer
from support.model import Model
from support.model_views import Row

COUNTED = ("published", "erased")
ORDERS: tuple[Order, ...] = ("newest", "oldest", "most_voted", "best", "controversial", "hot")


def sees(model: Model, row: Row, viewer: Viewer) -> bool:
    """Whether a comment stands in the viewer's lists."""
    if model.listed(row):
        return True
    waits = row["moderated"] in ("held", "rejected") and not row["removed"]
    return waits and (viewer.moderator or viewer.person == row["author"])


def listing(model: Model, wanted: Listing, viewer: Viewer) -> list[UUID]:
    """The ids of the whole list."""
    rows = [
        row
        for row in model.comments.values()
        if row["discussion"] == wanted.discussion
        and sees(model, row, viewer)
        and (wanted.kind == "flat" or row["parent"] == wanted.parent)
        and (not wanted.inline or row["passage"] is not None)
        and (wanted.passage is None or row["passage"] == wanted.passage)
    ]
    newest_first = wanted.order != "oldest"
    rows.sort(key=lambda row: (row["posted_at"], row["position"]), reverse=newest_first)
    rows.sort(key=lambda row: -_value(model, row, wanted.order))
    if wanted.kind == "top":
        rows.sort(key=lambda row: not row["pinned"])
    return [row["id"] for row in rows]


def site_comments(model: Model, site: str, *, with_private: bool) -> list[UUID]:
    """The ids of a site's published and erased comments, the newest first."""
    there = {
        it["id"]
        for it in model.discussions.values()
        if it["site"] == site and (with_private or not it["settings"].get("private"))
    }
    rows = [
        row
        for row in model.comments.values()
        if row["discussion"] in there and model.comment(row["id"])["status"] in COUNTED
    ]
    rows.sort(key=lambda row: (row["posted_at"], row["position"]), reverse=True)
    return [row["id"] for row in rows]


def _value(model: Model, row: Row, order: Order) -> float:
    effects = model.effects(row["id"])
    up, down = effects.count(1), effects.count(-1)
    match order:
        case "most_voted":
            return up - down
        case "best":
            return ranking.best(up, down)
        case "controversial":
            return ranking.controversial(up, down)
        case "hot":
            return ranking.hot(up, down, row["posted_at"])
        case _:
            return 0


def listings(model: Model, discussion: UUID) -> list[Listing]:
    """Every list of a discussion there is."""
    passages = [it["id"] for it in model.passages.values() if it["discussion"] == discussion]
    parents = [it["parent"] for it in model.comments.values() if it["discussion"] == discussion]
    every: list[Listing] = []
    for order in ORDERS:
        every += [Listing("top", discussion, order), Listing("flat", discussion, order)]
        every += [Listing("top", discussion, order, inline=True)]
        every += [Listing("flat", discussion, order, inline=True)]
        for one in passages:
            every += [Listing("top", discussion, order, passage=one)]
            every += [Listing("flat", discussion, order, passage=one)]
        for parent in {*parents} - {None}:
            every += [Listing("replies", discussion, order, parent=parent)]
    return every


def assert_pending(model: Model, shape: CommentShape, viewer: Viewer) -> None:
    """What waits of a comment and of all below it, for those who may know."""
    row = model.comments[shape.id]
    may_know = viewer.moderator or viewer.person == row["author"]
    expected = model.pending(shape.id) if may_know else None
    if expected is None:
        assert shape.pending is UNSET, shape.id
    else:
        found = msgspec.to_builtins(shape.pending)
        assert found == {**expected, "html": expected["body"]}, shape.id
    for child in shape.children or []:
        assert_pending(model, child, viewer)


def assert_shape(model: Model, shape: CommentShape) -> None:
    """A comment and all below it, as anyone reads them."""
    for name, value in model.comment(shape.id).items():
        found = getattr(shape, name)
        if name == "author" and found is not None:
            found = {"id": found.id, "name": found.name}
        assert found == value, (shape.id, name)
    for child in shape.children or []:
        assert_shape(model, child)
