"""Messages and problems that the page on troubleshooting names are those of the program."""

import re

from rostra_adapters.http.problems import KINDS
from support.pages import PROJECT

PAGE = (PROJECT / "docs/how-to/troubleshoot.md").read_text("utf-8")
SOURCES = "".join(
    path.read_text("utf-8")
    for package in ("domain", "adapters")
    for path in sorted((PROJECT / package).rglob("*.py"))
)
# An f-string or two literals may break a message, so a few words of it are looked for.
WORDS = 4


def first_column(title: str) -> list[str]:
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    return [row.split("|")[1].strip() for row in section.splitlines() if row.startswith("| `")]


def test_the_service_says_what_the_page_says() -> None:
    messages = [cell.strip("`").rstrip(" …") for cell in first_column("The service does not start")]
    assert len(messages) > 4
    missing = [each for each in messages if " ".join(each.split()[:WORDS]) not in SOURCES]
    assert missing == []


def test_the_page_names_problems_that_exist() -> None:
    named = [re.findall(r"`([\w-]+)`", cell)[0] for cell in first_column("People are refused")]
    assert len(named) > 3
    assert [name for name in named if name not in KINDS] == []
