"""Figures: what was measured in each round, against what, and whether that is enough."""

import math
from collections.abc import Sequence
from statistics import median
from typing import Literal

import msgspec

Rule = Literal["at least", "at most", "at most more", "at most alone", "reported"]
"""Number that is compared with the bar: ours as a share of the peer's (`at least`, `at most`), ours
less the peer's (`at most more`), or ours (`at most alone`). A `reported` figure has no bar."""


class Figure(msgspec.Struct, kw_only=True):
    """One line of the table. `ours` and `peers` hold a number for each round, in `unit`."""

    name: str
    unit: str
    ours: list[float]
    peer: str = ""
    peers: list[float] = []
    rule: Rule = "reported"
    bar: float | None = None
    note: str = ""

    def compared(self) -> list[float]:
        """Round by round, what is held against the bar."""
        match self.rule:
            case "at least" | "at most":
                return [mine / other for mine, other in zip(self.ours, self.peers, strict=True)]
            case "at most more":
                return [mine - other for mine, other in zip(self.ours, self.peers, strict=True)]
            case "at most alone" | "reported":
                return self.ours

    def holds(self) -> bool | None:
        """Return whether the median reaches the bar; None without one."""
        if self.bar is None or not self.ours:
            return None
        found = median(self.compared())
        return found >= self.bar if self.rule == "at least" else found <= self.bar

    def is_sound(self) -> bool:
        """Return whether there are numbers, all of them finite."""
        numbers = [*self.ours, *self.peers, *self.compared()]
        return bool(self.ours) and all(math.isfinite(number) for number in numbers)


class Line(msgspec.Struct):
    """A figure as text."""

    name: str
    ours: str
    peer: str
    compared: str
    spread: str
    bar: str
    verdict: str


def line(figure: Figure) -> Line:
    """Medians, and the least and greatest of what is held against the bar."""
    found = figure.compared()
    ratio = figure.rule in ("at least", "at most")
    unit = "×" if ratio else f" {figure.unit}"
    verdict = {True: "holds", False: "SHORT", None: ""}[figure.holds()]
    return Line(
        figure.name,
        f"{number(median(figure.ours))} {figure.unit}",
        f"{number(median(figure.peers))} {figure.unit}" if figure.peers else "",
        f"{number(median(found))}{unit}",
        f"{number(min(found))} to {number(max(found))}",
        "" if figure.bar is None else f"{_short(figure.rule)} {number(figure.bar)}{unit}",
        verdict,
    )


def _short(rule: Rule) -> str:
    return {"at least": "≥", "at most more": "≤ +"}.get(rule, "≤")


def number(value: float) -> str:
    """Three digits that count, thousands apart."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def table(figures: Sequence[Figure]) -> str:
    """Return figures as the table that `make bench` prints."""
    heads = Line("figure", "ours", "peer", "compared", "spread", "bar", "")
    lines = [heads, *(line(figure) for figure in figures)]
    texts = [list(msgspec.structs.astuple(one)) for one in lines]
    widths = [max(len(text[column]) for text in texts) for column in range(len(texts[0]))]
    shown = ["  ".join(map(str.ljust, text, widths)).rstrip() for text in texts]
    notes = [f"{figure.name}: {figure.note}" for figure in figures if figure.note]
    return "\n".join([*shown, "", *notes]).rstrip()
