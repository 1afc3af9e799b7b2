"""Number of slow tests, which `make test` leaves out."""

from collections.abc import Sequence

import pytest


def check_slow_share(items: Sequence[pytest.Item], share_max: float) -> None:
    """Fail the run if more than `share_max` of the tests are marked slow."""
    slow = sum(item.get_closest_marker("slow") is not None for item in items)
    allowed = int(len(items) * share_max)
    if slow > allowed:
        raise pytest.UsageError(
            f"{slow} of {len(items)} tests are marked slow, at most {allowed} may be: "
            "make some quicker, or delete them"
        )
