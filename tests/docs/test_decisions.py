"""Decisions have a number, a date, a status and three sections, and are listed."""

import re
from datetime import date
from pathlib import Path

import pytest

from support.pages import PROJECT

FOLDER = PROJECT / "docs/decisions"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "index.md")
FORM = re.compile(
    r"# (\d{4}): (\S[^\n]*)\n\n- Date: (\d{4}-\d\d-\d\d)\n"
    r"- Status: (accepted|superseded by \d{4})\n\n"
    r"## Context\n\n.*?\n## Decision\n\n.*?\n## Consequences\n\n",
    re.DOTALL,
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_decision_has_its_form(page: Path) -> None:
    found = FORM.match(page.read_text("utf-8"))
    assert found is not None
    assert page.name.startswith(f"{found[1]}-")
    date.fromisoformat(found[3])


def test_numbers_follow_one_another_and_the_dates() -> None:
    assert [page.name[:4] for page in PAGES] == [f"{n:04}" for n in range(1, len(PAGES) + 1)]
    dates = [re.findall(r"- Date: (\S+)", page.read_text("utf-8"))[0] for page in PAGES]
    assert dates == sorted(dates)


def test_the_index_lists_every_decision() -> None:
    listed = re.findall(r"\((\d{4}-[\w-]+\.md)\)", (FOLDER / "index.md").read_text("utf-8"))
    assert listed == [page.name for page in PAGES]
    assert not list((PROJECT / "infra").rglob("decisions/*.md"))
