"""Turn an Open Polis folder (comments.csv, votes.csv) into CloudEvents, one a line.

    python infra/polis/convert.py FOLDER [--order time|file|reverse|shuffled] > events.ndjson

Every row of votes.csv becomes a vote with its time. Where one person voted twice
in the same millisecond the later row counts: the vote with the greatest (time, source,
id) does, and event ids are row numbers, padded with zeros.
"""

import argparse
import csv
import json
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

Event = dict[str, Any]
Order = Literal["time", "file", "reverse", "shuffled"]

SITE = "polis"
ROW_DIGITS = 8
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def events(folder: Path, *, order: Order = "time", seed: int = 0) -> list[Event]:
    """The opening, then comments and votes. By time they are mixed as they happened;
    in any other order all comments come before the votes, so that none is refused.
    """
    comments, votes = list(_comments(folder)), list(_votes(folder))
    match order:
        case "time":
            comments, votes = sorted([*comments, *votes], key=_moment), []
        case "reverse":
            comments, votes = comments[::-1], votes[::-1]
        case "shuffled":
            shuffle = random.Random(seed).shuffle
            shuffle(comments)
            shuffle(votes)
        case "file":
            pass
    return [_opening(folder, [*comments, *votes]), *comments, *votes]


def _opening(folder: Path, happened: Sequence[Event]) -> Event:
    time = min((event["time"] for event in happened), default=_time("0"))
    return _event(folder, "discussion.opened", "open", time, settings={"self_votes": True})


def _comments(folder: Path) -> Iterator[Event]:
    for row in _rows(folder / "comments.csv"):
        person = row["author-id"]
        yield _event(
            folder,
            "comment.posted",
            f"comment-{row['comment-id']}",
            _time(row["timestamp"]),
            comment=row["comment-id"],
            author={"id": person, "name": f"Participant {person}"},
            body=row["comment-body"],
            status="published",
        )


def _votes(folder: Path) -> Iterator[Event]:
    for number, row in enumerate(_rows(folder / "votes.csv"), 1):
        yield _event(
            folder,
            "vote.cast",
            f"vote-{number:0{ROW_DIGITS}}",
            _time(row["timestamp"]),
            comment=row["comment-id"],
            voter=row["voter-id"],
            value=int(row["vote"]),
        )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines)


def _event(folder: Path, kind: str, name: str, time: str, **data: Any) -> Event:
    return {
        "specversion": "1.0",
        "type": kind,
        "source": f"urn:polis:{folder.resolve().name}",
        "id": name,
        "time": time,
        "data": {"site": SITE, "resource": folder.resolve().name, **data},
    }


def _time(milliseconds: str) -> str:
    """Polis counts milliseconds since 1970."""
    moment = EPOCH + timedelta(milliseconds=int(milliseconds))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(event: Event) -> tuple[str, bool]:
    return event["time"], event["type"] == "vote.cast"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the events of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--order", choices=get_args(Order), default="time")
    parser.add_argument("--seed", type=int, default=0, help="of --order shuffled")
    options = parser.parse_args(arguments)
    for event in events(options.folder, order=options.order, seed=options.seed):
        sys.stdout.write(json.dumps(event, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
