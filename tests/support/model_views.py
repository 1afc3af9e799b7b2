"""What readers of the model see, computed from its plain dicts by the contract's section 4."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

Row = dict[str, Any]


class Views:
    """The model's state, and what is read from it."""

    def __init__(self) -> None:
        self.discussions: dict[UUID, Row] = {}
        self.comments: dict[UUID, Row] = {}
        self.passages: dict[UUID, Row] = {}
        self.votes: dict[tuple[UUID, str], Row] = {}

    def effects(self, comment: UUID) -> list[int]:
        """What each vote on a comment counts for."""
        return [
            0 if vote["nullified"] else vote["value"]
            for (on, _), vote in self.votes.items()
            if on == comment
        ]

    def counted(self, row: Row) -> bool:
        return not row["removed"] and row["moderated"] == "published"

    def status(self, row: Row) -> str:
        """As it was moderated, whatever became of its words."""
        status: str = row["removed"] or row["moderated"]
        return status

    def descendants(self, row: Row) -> int:
        """How many counted comments stand below."""
        return sum(row["id"] in other["path"] for other in self._counted(row["discussion"]))

    def _counted(self, discussion: UUID) -> Iterator[Row]:
        return (row for row in self._in(discussion) if self.counted(row))

    def _in(self, discussion: UUID) -> Iterator[Row]:
        return (row for row in self.comments.values() if row["discussion"] == discussion)

    def listed(self, row: Row) -> bool:
        """Counted, or a tombstone above something counted."""
        return self.counted(row) or self.descendants(row) > 0

    def comment(self, comment: UUID) -> Row:
        """A comment as readers see it, in the contract's names."""
        row = self.comments[comment]
        effects = self.effects(comment)
        below = [it for it in self._counted(row["discussion"]) if it["parent"] == comment]
        shown, worded = self.counted(row), self.counted(row) and not row["erased"]
        return {
            "id": comment,
            "key": row["key"],
            "parent": row["parent"],
            "depth": row["depth"],
            "author": {"id": row["author"], "name": row["name"] if worded else None}
            if shown
            else None,
            "body": row["body"] if worded else None,
            "posted_at": row["posted_at"],
            "edited_at": row["edited_at"] or None,
            "up": effects.count(1),
            "down": effects.count(-1),
            "score": sum(effects),
            "replies": len(below),
            "descendants": self.descendants(row),
            "status": "erased" if shown and row["erased"] else self.status(row),
            "pinned": row["pinned"],
            "passage": row["passage"],
        }

    def pending(self, comment: UUID) -> Row | None:
        """The wording that waits, as moderators and its author read it below a comment that is
        shown.
        """
        row = self.comments[comment]
        pending: Row | None = row["pending"]
        if pending is None or not self.counted(row):
            return None
        source, name = pending["named"]
        return {
            "body": None if row["erased"] else pending["body"],
            "at": pending["at"],
            "wording": {"source": source, "id": name},
        }

    def listing(
        self,
        discussion: UUID,
        order: str,
        *,
        flat: bool = False,
        inline: bool = False,
        passage: UUID | None = None,
        parent: UUID | None = None,
    ) -> list[UUID]:
        """The ids of a whole list in order: the top level, everything, or direct replies."""
        rows = [
            row
            for row in self._in(discussion)
            if self.listed(row)
            and (flat or row["parent"] == parent)
            and (not inline or row["passage"] is not None)
            and (passage is None or row["passage"] == passage)
        ]
        rows.sort(key=lambda row: (row["posted_at"], row["position"]), reverse=order != "oldest")
        if order == "most_voted":
            rows.sort(key=lambda row: -sum(self.effects(row["id"])))
        if not flat and parent is None:
            rows.sort(key=lambda row: not row["pinned"])
        return [row["id"] for row in rows]

    def totals(self, discussion: UUID) -> Row:
        """A discussion as readers see it; a reply is a comment too."""
        row = self.discussions[discussion]
        counted = list(self._counted(discussion))
        return {
            **{key: row[key] for key in ("id", "site", "resource", "title", "url", "open")},
            "comments": len(counted),
            "replies": sum(it["depth"] > 0 for it in counted),
            "participants": len({it["author"] for it in counted}),
            "latest_at": max((it["posted_at"] for it in counted), default=None),
        }

    def marked(self, discussion: UUID) -> list[Row]:
        """The passages of a discussion that readers see, as they stand in the article.
        `comments` are those made on a passage, `replies` all below them.
        """
        rows = [it for it in self.passages.values() if it["discussion"] == discussion]
        rows.sort(key=lambda it: (it["start"] is None, it["start"], it["position"]))
        return [self._passage_shape(it) for it in rows if it["marked"]]

    def _passage_shape(self, row: Row) -> Row:
        on = [it for it in self._counted(row["discussion"]) if it["passage"] == row["id"]]
        words = ("id", "key", "exact", "prefix", "suffix", "question")
        fields = (*words, "start", "end", "state", "open")
        return {
            **{key: row[key] for key in fields},
            "comments": sum(it["depth"] == 0 for it in on),
            "replies": sum(it["depth"] > 0 for it in on),
            "latest_at": max((it["posted_at"] for it in on), default=None),
        }
