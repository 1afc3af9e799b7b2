"""Published events as commands, about our one discussion: short to write."""

from collections.abc import Sequence
from typing import Any

from rostra.deciding.handle import Commanded, Outcome
from support.examples import SITE, at
from support.harness import commanded

PLACE = {"site": SITE, "resource": "/trams"}


def event(kind: str, name: str = "e1", minute: int = 30, **data: Any) -> Commanded:
    envelope = {"type": kind, "source": "urn:cms", "id": name, "time": at(minute)}
    return commanded({**envelope, "data": {**PLACE, **data}})


def posting(key: str, name: str, *, author: str = "ann", **data: Any) -> Commanded:
    who = {"id": author, "name": author.title()}
    return event("comment.posted", name, comment=key, author=who, body="Yes.", **data)


def voting(value: int, name: str, minute: int = 30, voter: str = "bob") -> Commanded:
    return event("vote.cast", name, minute, comment="c1", voter=voter, value=value)


OPEN = event("discussion.opened", "open")
POST = posting("c1", "post")


def statuses(outcomes: Sequence[Outcome]) -> list[str]:
    return [it.refusal.name if it.refusal else it.status for it in outcomes]
