"""Links of all pages lead somewhere, and the pages are what they promise to be."""

import re
from pathlib import Path

import pytest

from support.pages import PROJECT, README, pages

_CODE = re.compile(r"^(```+).*?^\1$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def prose(page: Path) -> str:
    return _CODE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as forges and MkDocs make them."""
    text = re.sub(r"^(```+).*?^\1$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: dict[str, int] = {}
    made = set()
    for heading in _HEADING.findall(text):
        words = re.sub(r"[^\w\s-]", "", heading.lower()).strip()
        slug = re.sub(r"[\s-]+", "-", words)
        count = found.get(slug, 0)
        found[slug] = count + 1
        made.add(slug if count == 0 else f"{slug}_{count}")
    return made


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(PROJECT)))
def test_every_link_resolves(page: Path) -> None:
    broken = []
    for link in _LINK.findall(prose(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(link)
    assert broken == []


def test_readme_is_short() -> None:
    assert len(README.read_text("utf-8").splitlines()) < 110


def test_the_figures_of_readme_are_measured() -> None:
    figures = README.read_text("utf-8").split("## Figures")[1].split("\n## ")[0]
    measured = (PROJECT / "infra/bench/results/table.md").read_text("utf-8")
    numbers = re.findall(r"(\d[\d,.]*\d)(×| events/s| pages of)", figures)
    assert len(numbers) == 6
    assert [number for number, _ in numbers if number not in measured] == []
