"""Texts that strangers read in the program: help, OpenAPI and problems, in plain English."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import rostra_adapters
from rostra_adapters import cli
from rostra_adapters.cli.http_limits import HTTP_LIMITS
from rostra_adapters.http import HttpSettings, make_app
from rostra_adapters.http.openapi.document import describe
from rostra_adapters.http.problems import KINDS
from support.plain_english import DIALECT, breaches

ROOT = Path(__file__).parents[2]
TITLE_WORDS_MAX = 6


def help_texts() -> Iterator[tuple[str, str]]:
    """Yield the help of each command and option."""
    context = click.Context(cli.main, info_name=cli.PROGRAM)
    yield "rostra", _prose(cli.main.help)
    for name, (_, line) in cli.COMMANDS.items():
        command = cli.main.get_command(context, name)
        assert command is not None
        yield f"rostra {name}: line of `rostra --help`", line
        yield f"rostra {name}", _prose(command.help)
        for option in command.params:
            if isinstance(option, click.Option):
                yield f"rostra {name} {option.opts[0]}", option.help or ""


def _prose(text: str | None) -> str:
    """Return a help text without its examples."""
    return (text or "").partition("\b")[0]


def openapi_texts(node: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield the summaries and descriptions in an OpenAPI document."""
    if isinstance(node, list):
        for number, each in enumerate(node):
            yield from openapi_texts(each, f"{place}/{number}")
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("summary", "description") and isinstance(value, str):
                yield f"{place}/{key}", value
            else:
                yield from openapi_texts(value, f"{place}/{key}")


def _broken(texts: list[tuple[str, str]]) -> list[str]:
    return [f"{place}: {found}" for place, text in texts if (found := breaches(text))]


def test_the_help_of_commands_and_options_is_plain() -> None:
    texts = list(help_texts())
    assert len(texts) > len(HTTP_LIMITS) + 2 * len(cli.COMMANDS)
    assert [place for place, text in texts if not text.strip()] == []
    assert _broken(texts) == []


def test_an_options_help_names_its_subject_in_full() -> None:
    for place, text in help_texts():
        assert "the same" not in text.lower(), place


async def test_summaries_and_descriptions_of_the_interface_are_plain() -> None:
    async with rostra_adapters.open("memory:") as app:
        document = describe(make_app(app, HttpSettings(secret="x" * 40)))
    texts = list(openapi_texts(document, ""))
    assert len(texts) > 200
    assert _broken(texts) == []


def test_problems_have_short_titles_and_plain_explanations() -> None:
    assert _broken([(name, kind.title) for name, kind in KINDS.items()]) == []
    assert _broken([(name, kind.meaning) for name, kind in KINDS.items()]) == []
    long = [kind.title for kind in KINDS.values() if len(kind.title.split()) > TITLE_WORDS_MAX]
    assert long == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Whose it is.", ["first word"]),
        ("The page as it stands.", ["stands"]),
        (f"{'word ' * 26}end.", 1),
        ("Subject of the token (`sub` claim).", []),
    ],
)
def test_the_rules_find_what_they_are_about(text: str, found: list[str] | int) -> None:
    seen = breaches(text)
    assert len(seen) == found if isinstance(found, int) else seen == found


PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
_NOT_PROSE = re.compile(
    r"^ *(```+).*?^ *\1$|<!-- generated.*?<!-- end of generated -->|`[^`\n]*`",
    re.MULTILINE | re.DOTALL,
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_of_the_docs_has_no_dialect(page: Path) -> None:
    prose = _NOT_PROSE.sub("", page.read_text("utf-8"))
    found = [one[0].lower() for one in DIALECT.finditer(prose)]
    assert [word for word in found if word != "as many"] == []  # "as many workers as cores"
