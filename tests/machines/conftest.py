"""Servers that the tests of readers share."""

from collections.abc import Iterator

import pytest

from support.replication import Node, nodes


@pytest.fixture(scope="session")
def followed() -> Iterator[list[Node]]:
    """A primary and the standby that follows it. Tests leave both running."""
    with nodes(2) as made:
        yield made
