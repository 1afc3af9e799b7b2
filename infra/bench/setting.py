"""Setting of every measurement: databases and the scale."""

from pathlib import Path

import msgspec

from bench.databases import Databases
from bench.generate import Load


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """Rounds, loads and seconds of a run. The defaults are those of the published table."""

    rounds: int = 5
    load: Load = Load(events=1_000_000)
    large: Load | None = Load(events=10_000_000)
    long: Load = Load(
        events=400_000, discussions=2, comments=0.5, votes=0.48, replies=0.3, weights=(1000.0, 1.0)
    )
    """One discussion of 200,000 comments, and one of 200."""
    only_comments: Load = Load(events=200_000, comments=1.0, votes=0.0)
    page: int = 1_000
    seconds: float = 3.0
    """Seconds for which a rate is measured, about."""
    stock_events: int = 4_000
    """Events that the stock runner projects. At 1,400 a second a million takes too long."""
    comments_min: int = 20
    durable: bool = True
    """True if folders that are made here are written through to the disk."""


QUICK = Scale(
    rounds=1,
    load=Load(events=600, discussions=8),
    large=Load(events=700, discussions=8),
    long=Load(events=300, discussions=2, comments=0.5, votes=0.48, replies=0.3, weights=(5.0, 1.0)),
    only_comments=Load(events=300, discussions=8, comments=1.0, votes=0.0),
    page=3,
    seconds=0.05,
    stock_events=60,
    comments_min=1,
    durable=False,
)
"""For the correctness of the measurements alone."""


class Setting(msgspec.Struct, frozen=True):
    """A run's databases and scale. `scratch` is where passing folders are made, `others` where
    programs of others are installed; without it they are not measured.
    """

    databases: Databases
    scale: Scale
    scratch: Path | None = None
    others: Path | None = None
