"""Where a passage is in its article, in the words of the contract, for quotes that need no
context: they stand in a text once, letter for letter, or not at all.
"""

from typing import Any

Row = dict[str, Any]

CONTEXT = 32


def place_of_new(text: str | None, data: Row) -> Row:
    """A passage that is marked: as it is said, or as the text has it."""
    row: Row = {name: data.get(name) for name in ("exact", "prefix", "suffix", "start", "end")}
    row |= {"state": "anchored", "first": row["start"]}
    if text is None:
        return row
    start = text.find(row["exact"])
    if start < 0:
        return row | {"state": "orphaned", "start": None, "end": None}
    end = start + len(row["exact"])
    before, after = _words(text[:start][::-1])[::-1], _words(text[end:])
    return row | {"start": start, "end": end, "first": start, "prefix": before, "suffix": after}


def find_again(row: Row, text: str) -> bool:
    """A passage in another text; whether that says anything new."""
    was = (row["state"], row["start"], row["end"])
    start = text.find(row["exact"])
    if start < 0:
        row.update(state="orphaned", start=None, end=None)
    else:
        first = start if row["first"] is None else row["first"]
        state = "anchored" if start == first else "moved"
        row.update(state=state, start=start, end=start + len(row["exact"]), first=first)
    return was != (row["state"], row["start"], row["end"])


def _words(text: str) -> str:
    """32 characters, and on to the end of a word."""
    end = min(CONTEXT, len(text))
    while end < len(text) and text[end] != " ":
        end += 1
    return text[:end]
