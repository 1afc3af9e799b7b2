"""What goes by a name, in the words of the contract: a discussion by all that it ever moved to,
and a person until they are erased.
"""

from typing import Any
from uuid import UUID

from support import model_ids
from support.model_views import Row, Views


class No(Exception):
    """Refused; the first argument is the refusal's name."""


class Named(Views):
    """Who is erased by now, and the resources that discussions have moved to."""

    def __init__(self) -> None:
        super().__init__()
        self.erased: set[tuple[str, str]] = set()
        self.moved_to: dict[tuple[str, str], str] = {}

    def by_own_name(self, act: dict[str, Any]) -> dict[str, Any]:
        """The act as if it named its discussion as the first to publish it did."""
        data = act["data"]
        own = self.moved_to.get((data["site"], data.get("resource")))
        return act if own is None else {**act, "data": {**data, "resource": own}}

    def names(self, discussion: UUID) -> set[str]:
        """All that a discussion may be called."""
        row = self.discussions[discussion]
        moved_to = {name for (site, name), own in self.moved_to.items()
                    if model_ids.discussion(site, own) == discussion}  # fmt: skip
        return {row["resource"], *moved_to}

    def must_not_be_erased(self, site: str, person: str | None) -> None:
        if (site, person) in self.erased:
            raise No("person-erased")

    def move(self, row: Row, own: str, act: dict[str, Any]) -> int:
        """The latest time wins the name that is shown; a name once given means this for ever."""
        site, to = act["data"]["site"], act["data"]["to"]
        means = self.moved_to.get((site, to), to)
        if means != own and (means != to or model_ids.discussion(site, to) in self.discussions):
            raise No("name-taken")
        called = to if act["time"] >= row["moved_at"] else row["resource"]
        if means == own and called == row["resource"]:
            if to == own == called:
                raise No("moved-to-itself")
            return 0
        row.update(resource=called, moved_at=max(act["time"], row["moved_at"]))
        if means == own:
            return 1
        self.moved_to[site, to] = own
        return 2  # the name's own stream has it, too

    def erase(self, site: str, person: str) -> int:
        """What they wrote is gone for good; that it was written, and all votes, stay."""
        if (site, person) in self.erased:
            return 0
        self.erased.add((site, person))
        for row in self.comments.values():
            if (self.discussions[row["discussion"]]["site"], row["author"]) == (site, person):
                row["erased"] = True
        return 1

    def return_(self, site: str, person: str) -> int:
        """They may write again."""
        if (site, person) not in self.erased:
            return 0
        self.erased.remove((site, person))
        return 1
