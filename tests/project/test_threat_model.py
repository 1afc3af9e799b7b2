"""What the threat model and the review against ASVS point to is there."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGES = ("docs/explanation/threat-model.md", "docs/reference/asvs.md", "SECURITY.md")
CHAPTERS = 17
VERDICTS = {"held", "operator", "open", "n/a"}


@pytest.mark.parametrize("page", PAGES)
def test_each_path_that_a_page_names_exists(page: str) -> None:
    text = (PROJECT / page).read_text()
    paths = re.findall(r"`((?:tests|infra|domain|adapters)/[\w./-]+)`", text)
    linked = re.findall(r"\]\((?!https?:)([\w./-]+)\)", text)
    named = [PROJECT / path for path in paths]
    named += [(PROJECT / page).parent / path for path in linked]
    assert named
    assert [path for path in named if not path.exists()] == []


def test_each_known_abuse_names_a_test() -> None:
    text = (PROJECT / "docs/explanation/threat-model.md").read_text()
    table = text.split("## Known abuses")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    assert [row for row in rows if "`tests/" not in row] == []


def test_every_chapter_of_the_standard_has_verdicts() -> None:
    text = (PROJECT / "docs/reference/asvs.md").read_text()
    assert len(re.findall(r"^## V\d+ ", text, re.MULTILINE)) == CHAPTERS
    rows = [line.split("|") for line in text.splitlines() if re.match(r"\| \d", line)]
    assert {row[2].strip() for row in rows} <= VERDICTS
    assert all(row[3].strip() for row in rows)
    ids = re.findall(r"\b\d+\.\d+\.\d+\b", " ".join(row[1] for row in rows))
    assert len(set(ids)) == len(ids)
