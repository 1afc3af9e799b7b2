"""Metrics, options and commands that the docs name exist."""

import re

import rostra_adapters
from rostra_adapters.http import HttpSettings, make_app
from rostra_adapters.http.application import METRICS
from support.pages import PROJECT
from support.service import SECRET


async def test_every_metric_of_the_docs_exists() -> None:
    async with rostra_adapters.open("memory:") as app:
        registry = make_app(app, HttpSettings(secret=SECRET))[METRICS].registry
        there = {name for one in registry.collect() for name in (one.name, f"{one.name}_total")}
    for page in sorted((PROJECT / "docs/how-to").glob("*.md")):
        named = set(re.findall(r"\brostra_[a-z_]+", page.read_text("utf-8")))
        metrics = {re.sub(r"_(count|bucket|sum)$", "", name) for name in named}
        unknown = {one for one in metrics if one.startswith(STARTS)} - there - SQL_NAMES
        assert unknown == set(), page.name


SQL_NAMES = {
    name
    for path in (PROJECT / "adapters/rostra_adapters/postgres/sql").glob("*.sql")
    for name in re.findall(r"\brostra_\w+", path.read_text("utf-8"))
}
"""Functions and tables of the database."""
STARTS = (
    "rostra_log_", "rostra_view_", "rostra_queued_", "rostra_append_", "rostra_request_",
    "rostra_connections", "rostra_untrusted", "rostra_foreign", "rostra_page_cache",
    "rostra_readers",
)  # fmt: skip


def test_every_option_and_command_of_the_docs_exists() -> None:
    """Also in prose and in blocks that no test runs."""
    reference = (PROJECT / "docs/reference/cli.md").read_text("utf-8")
    commands = set(re.findall(r"^## rostra ([\w-]+)$", reference, re.MULTILINE))
    options = set(re.findall(r"`(--[\w-]+)`", reference)) | {"--help", "--version"}
    for page in [*sorted((PROJECT / "docs").rglob("*.md")), PROJECT / "README.md"]:
        text = page.read_text("utf-8")
        used = set(re.findall(r"(?:bin/|`|^|\()rostra (?!@)([a-z][\w-]+)", text, re.MULTILINE))
        assert used <= commands, page.name
        for line in re.findall(r"rostra (?:serve|token|init)[^\n`]*", text):
            assert set(re.findall(r"--[a-z][\w-]+", line)) <= options, line
