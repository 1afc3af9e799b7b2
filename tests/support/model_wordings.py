"""Wordings of comments by the contract's section 2: which one is shown, and which one waits."""

from typing import Any
from uuid import UUID

from support.model_named import Named, No
from support.model_views import Row

Act = dict[str, Any]


class Wordings(Named):
    """Edits, and what moderators decide on.

    Only a comment that is published has a `pending` wording. `named` and `edited_at` of a
    comment are those of the edit that stands.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trusted: dict[tuple[str, str], UUID] = {}
        """The comment by whose approval an author is trusted."""
        self.lost: dict[tuple[str, str], UUID] = {}
        """The comment with which an author lost trust."""
        self.seen: dict[tuple[Any, str, str], int] = {}
        self.decided_on: dict[tuple[UUID, str, str], tuple[str, str] | None] = {}

    def policy(self, rules: Row, site: str, author: str) -> str:
        """What becomes of an author's new words."""
        trusted = (site, author) in self.trusted
        waits = rules["moderation"] == "all" or (rules["moderation"] == "first" and not trusted)
        return "held" if waits else "published"

    def edit(self, row: Row, act: Act, rules: Row) -> int:
        data, pending = act["data"], row["pending"]
        status = data.get("status")
        if status is None and data.get("by") in (None, row["author"]):
            status = self.policy(rules, data["site"], row["author"])
        new = {"body": data["body"], "at": act["time"], "named": (act["source"], act["id"])}
        if row["moderated"] == "published" and status == "held":
            standing = pending or {"body": row["body"], "at": row["edited_at"]}
            if act["time"] < standing["at"] or data["body"] == standing["body"]:
                return 0
            row["pending"], row["waited"] = new, True
            return 1
        ends_pending = pending is not None and pending["at"] <= act["time"]
        same = data["body"] == row["body"] and not ends_pending
        if act["time"] < row["edited_at"] or same:
            return 0
        row["pending"] = None if ends_pending else pending
        self._word(row, new)
        return 1

    def _word(self, row: Row, wording: Row) -> None:
        row.setdefault("first_body", row["body"])
        row.update(body=wording["body"], edited_at=wording["at"], named=wording["named"])

    def _take_pending(self, row: Row) -> None:
        if row["pending"] is not None:
            self._word(row, row["pending"])
            row["pending"] = None

    def must_be_the_latest(self, comment: UUID, row: Row, act: Act) -> None:
        """An act that names a wording is about that, and about no other."""
        wording = act["data"].get("wording")
        if wording is None:
            return
        named, latest = (wording["source"], wording["id"]), row["pending"] or row
        if latest["named"] != named:
            is_known = (comment, *named) in self.seen
            raise No("precondition-failed" if is_known else "unknown-wording")

    def decides_on_pending(self, row: Row, act: Act) -> bool:
        pending = row["pending"]
        if pending is None:
            return False
        return "wording" in act["data"] or act["time"] >= pending["at"]

    def _decided(self, row: Row, act: Act) -> None:
        """Keep which wording an act decided on: a repeat of it may name no other."""
        wording = act["data"].get("wording")
        named = row["pending"]["named"] if row["pending"] else None
        if named is None and wording is not None:
            named = (wording["source"], wording["id"])
        self.decided_on[row["id"], act["source"], act["id"]] = named

    def decides_as_before(self, comment: UUID, act: Act) -> bool:
        before = self.decided_on[comment, act["source"], act["id"]]
        wording = act["data"].get("wording")
        return None in (before, wording) or before == (wording["source"], wording["id"])

    def approve(self, row: Row, act: Act) -> int:
        if row["pending"] is not None:
            if not self.decides_on_pending(row, act):
                return 0
        elif row["moderated"] == "published" or act["time"] < row["moderated_at"]:
            return 0
        had_to_wait = row["pending"] is not None or (row["waited"] and not row["approved"])
        self._decided(row, act)
        self._take_pending(row)
        row["approved"] = True
        row["moderated"] = "published"
        row["moderated_at"] = max(act["time"], row["moderated_at"])
        author = (act["data"]["site"], row["author"])
        is_back = self.lost.get(author) == row["id"]
        if author in self.trusted or not (had_to_wait or is_back):
            return 1
        self.trusted[author] = row["id"]
        self.lost.pop(author, None)
        return 2

    def unpublish(self, row: Row, act: Act, to: str) -> int:
        """Reject or hold the comment, or reject the wording of it that waits."""
        if to == "rejected" and self.decides_on_pending(row, act):
            self._decided(row, act)
            row["pending"], row["wording_rejected_at"] = None, act["time"]
            return 1
        if row["moderated"] == to or act["time"] < row["moderated_at"]:
            return 0
        if to == "rejected" and act["time"] <= row.get("wording_rejected_at", ""):
            return 0
        self._decided({**row, "pending": None}, act)
        self._take_pending(row)
        row["moderated"], row["moderated_at"] = to, act["time"]
        author = (act["data"]["site"], row["author"])
        if self.trusted.get(author) != row["id"]:
            return 1
        self.lost[author] = self.trusted.pop(author)
        return 2
