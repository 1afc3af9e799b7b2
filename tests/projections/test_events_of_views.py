"""A view names the events that it looks at: a fold spares itself the others."""

from pathlib import Path
from uuid import UUID

import pytest

from rostra import codec
from rostra_projections.tables import Fact, Rows
from rostra_projections.views import VIEWS, View

GOLDEN = Path(__file__).parents[1] / "domain" / "golden"
STREAM = UUID("7b1e0c5c-8a7f-8d31-8800-000000000000")


@pytest.mark.parametrize("topic", codec.TYPES)
@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_view_looks_at_the_events_it_names_and_at_no_others(view: View, topic: str) -> None:
    event = codec.decode(topic, (GOLDEN / f"{topic}.json").read_bytes())
    assert event is not None
    rows = Rows(view.tables)
    try:
        view.fold(rows, Fact(STREAM, event, 1, None))
        looked = any(rows.of(table) for table in view.tables)
    except (LookupError, ValueError):
        looked = True  # at rows that are not there
    assert looked <= (type(event) in view.events)
    touched = list(view.touches(Fact(STREAM, event, 1, None)))
    assert bool(touched) <= (type(event) in view.events)
