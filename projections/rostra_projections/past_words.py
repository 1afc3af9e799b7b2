"""Words of a discussion as it stood, that everybody may still be shown."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from rostra.settings import Wordings
from rostra_projections.comments.rows import COUNTED, CommentRow
from rostra_projections.discussions import DiscussionRow
from rostra_projections.query_port import DiscussionRead, Page, PassageRead
from rostra_projections.responses.shapes import Viewer


def may_see_past(row: CommentRow, viewer: Viewer) -> bool:
    """Return whether the viewer sees a comment's earlier words."""
    return viewer.moderator or viewer.person == row.author


def with_words_of_now(
    page: Page, now: Mapping[UUID, CommentRow], viewer: Viewer, wordings: Wordings
) -> tuple[Page, dict[UUID, str]]:
    """Return a page of the past with the present wordings of comments that were edited since.

    The second value has the present status of comments whose words are withdrawn.
    """
    withdrawn: dict[UUID, str] = {}

    def shown(row: CommentRow) -> CommentRow:
        if may_see_past(row, viewer):
            return row
        today = now.get(row.id)
        if today is None or today.status not in COUNTED:
            withdrawn[row.id] = row.status if today is None else today.status
        elif wordings != "public" and today.edited_event != row.edited_event:
            return msgspec.structs.replace(
                row,
                edited_at=today.edited_at,
                edited_words=today.edited_words,
                edited_event=today.edited_event,
            )
        return row

    rows = [shown(row) for row in page.rows]
    below = {parent: [shown(row) for row in replies] for parent, replies in page.below.items()}
    return msgspec.structs.replace(page, rows=rows, below=below), withdrawn


def with_title_of_now(past: DiscussionRead, now: DiscussionRow | None) -> DiscussionRead:
    """Return a discussion of the past with its present title and address."""
    title, url = (None, None) if now is None else (now.title, now.url)
    row = msgspec.structs.replace(
        past.row,
        title=None if past.row.title is None else title,
        url=None if past.row.url is None else url,
    )
    return DiscussionRead(row, past.counts)


def with_questions_of_now(
    past: list[PassageRead], now: Mapping[UUID, PassageRead]
) -> list[PassageRead]:
    """Return the passages of the past that are public now, with their present questions."""
    shown = []
    for each in past:
        if (today := now.get(each.row.id)) is None:
            continue
        question = None if each.row.question is None else today.row.question
        row = msgspec.structs.replace(each.row, question=question)
        shown.append(msgspec.structs.replace(each, row=row))
    return shown
