"""Write the generated parts of the reference into `docs/`: python infra/reference/write.py.

A page marks such a part by comments. The text between them is replaced:

    <!-- generated: metrics -->
    <!-- end of generated -->

With `--check` nothing is written, and the exit code is 1 where a page differs.
"""

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from inspect import cleandoc, getdoc, signature
from pathlib import Path
from typing import Any, cast

import click
import msgspec

import rostra_adapters
from reference import http_pages, web_component
from reference.markdown import cell, table
from reference.settings_text import LIMITS, RULES, VARIABLES
from rostra import limits
from rostra.settable_limits import SETTINGS
from rostra.settings import Rules
from rostra_adapters import cli, errors
from rostra_adapters.application.app import App
from rostra_adapters.cli.http_limits import HTTP_LIMITS
from rostra_adapters.cli.rates import RATES, default_rate
from rostra_adapters.http import HttpSettings, make_app
from rostra_adapters.http.application import METRICS
from rostra_projections.views import VIEWS

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
_PART = re.compile(
    r"(<!-- generated: (?P<name>[\w-]+) -->\n)(?P<text>.*?)(<!-- end of generated -->)", re.DOTALL
)


# -- command line and settings


def commands() -> Iterator[str]:
    """Describe each command of the CLI and its options."""
    for name, command in _named_commands():
        usage = command.collect_usage_pieces(click.Context(command, info_name=name))
        yield f"\n## rostra {name}\n\n```text\nrostra {name} {' '.join(usage)}\n```\n"
        yield f"\n{_help(command)}\n"
        options = [one for one in command.params if isinstance(one, click.Option)]
        if isinstance(command, click.Group):
            continue
        yield "\n" + table(("Option", "Variable", "Default", "Meaning"), map(_option, options))


def _named_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield each command of the CLI, those of its groups included, after their group."""
    context = click.Context(cli.main, info_name=cli.PROGRAM)
    for name in cli.COMMANDS:
        command = cli.main.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            for inner, each in command.commands.items():
                yield f"{name} {inner}", each


def _help(command: click.Command) -> str:
    """Return the help of a command, its examples as code that no test runs."""
    text = cleandoc(command.help or "").replace("\b\n", "")
    prose, mark, examples = text.partition("For example:")
    words = prose.strip()
    if not mark:
        return words
    lines = "\n".join(line.strip() for line in examples.strip().splitlines())
    return f"{words}\n\n```console\n{lines}\n```"


def _option(option: click.Option) -> tuple[str, ...]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    variable = f"`{option.envvar}`" if isinstance(option.envvar, str) else ""
    default = "" if option.default in (None, False, (), []) else f"`{option.default}`"
    if "UNSET" in default.upper():
        default = "required" if option.required else ""
    return names, variable, default, cell(option.help or "")


def rates() -> str:
    """List the rates that limit people and services."""
    rows = [
        (
            f"`--{name.replace('_', '-')}`",
            f"`ROSTRA_{name.upper()}`",
            f"`{default_rate(name)}`",
            "each worker its part" if rate.is_shared else "all processes together",
            cell(rate.help),
        )
        for name, rate in RATES.items()
    ]
    return table(("Option", "Variable", "Default", "Holds for", "Counts"), rows)


def http_limits() -> str:
    """List the limits of requests, answers, connections and content."""
    content = {name.lower(): (one.default, one.meaning) for name, one in SETTINGS.items()}
    rows = [
        (
            f"`--{name.replace('_', '-')}`",
            f"`ROSTRA_{name.upper()}`",
            f"`{default:,}`".replace(",", "_"),
            cell(meaning),
        )
        for name, (default, meaning) in {**HTTP_LIMITS, **content}.items()
    ]
    return table(("Option", "Variable", "Default", "Meaning"), rows)


def variables() -> str:
    """List the variables that have no option."""
    return table(("Variable", "Meaning"), [(f"`{name}`", text) for name, text in VARIABLES.items()])


def rules() -> str:
    """List the settings of sites and discussions with their defaults."""
    defaults = msgspec.to_builtins(Rules())
    rows = [
        (f"`{name}`", f"`{_json(defaults[name])}`", level, meaning)
        for name, (level, meaning) in RULES.items()
    ]
    return table(("Setting", "Default", "Set for", "Meaning"), rows)


def domain_limits() -> str:
    """List the limits of the domain, with their defaults."""
    meanings = {name: one.meaning for name, one in SETTINGS.items()} | LIMITS
    rows = [
        (f"`{name}`", f"{getattr(limits, name):,}", meaning) for name, meaning in meanings.items()
    ]
    return table(("Name", "Limit", "Meaning"), rows)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


# -- metrics, views, Python


def metrics() -> str:
    """List the metrics of a service."""

    async def found() -> list[tuple[str, ...]]:
        async with rostra_adapters.open("memory:") as app:
            made = make_app(app, HttpSettings(secret="x" * 40))
            return [_metric(one) for one in made[METRICS].registry.collect()]

    rows = sorted(asyncio.run(found()))
    return table(("Metric", "Type", "Labels", "Meaning"), rows)


_LABELS = {
    "rostra_request_seconds": "method, route, status",
    "rostra_view_lag_events": "view",
    "rostra_view_lag_seconds": "view",
    "rostra_view_parked": "view",
    "rostra_readers": "kind",
    "rostra_projector_since_seconds": "process",
    "rostra_task_restarts": "task",
    "rostra_task_up": "task",
    "rostra_webhooks": "state",
}


def _metric(one: Any) -> tuple[str, ...]:
    name = f"{one.name}_total" if one.type == "counter" else one.name
    return f"`{name}`", one.type, _LABELS.get(one.name, ""), cell(one.documentation)


def view_tables() -> Iterator[str]:
    """Describe the tables of each view."""
    for view in VIEWS.values():
        yield f"\n### View `{view.name}`\n\n"
        for one in view.tables:
            for fragment in one.fragments:
                yield f"`{fragment.name}_v<N>`: key {_code(one.key)}"
                yield f", columns {_code(one.columns_of(fragment)[len(one.key) :])}\n\n"


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def app_methods() -> str:
    """List the methods of the App."""
    rows = []
    for name, method in vars(App).items():
        text = getdoc(method)
        if not name.startswith("_") and callable(method) and text:
            names = signature(cast(Callable[..., Any], method)).parameters
            kept = ", ".join(one for one in names if one != "self")
            rows.append((f"`{name}({kept})`", cell(text.split("\n\n")[0])))
    return table(("Method", "What it does"), rows)


def exceptions() -> str:
    """List the errors of the adapters."""
    rows = []
    for name in errors.__all__:
        kind = getattr(errors, name)
        bases = ", ".join(f"`{base.__name__}`" for base in kind.__bases__)
        rows.append((f"`{name}`", bases, cell((getdoc(kind) or "").split("\n\n")[0])))
    return table(("Exception", "Base", "Meaning"), rows)


# -- decisions and figures


def bench_table() -> str:
    """Return the table of measured figures."""
    return (PROJECT / "infra/bench/results/table.md").read_text("utf-8")


def decisions() -> str:
    """List the decisions with their dates and status."""
    rows = []
    for path in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        text = path.read_text("utf-8")
        number, title = text.removeprefix("# ").split("\n", 1)[0].split(": ", 1)
        date = _given("Date", text)
        rows.append((number, f"[{title}]({path.name})", date, _given("Status", text)))
    return table(("Number", "Decision", "Date", "Status"), rows)


def _given(name: str, text: str) -> str:
    found = re.search(rf"^- {name}: (.+)$", text, re.MULTILINE)
    assert found is not None, f"no {name}"
    return found[1]


PARTS: dict[str, Callable[[], str | Iterator[str]]] = {
    "app-methods": app_methods,
    "bench-table": bench_table,
    "commands": commands,
    "decisions": decisions,
    "domain-limits": domain_limits,
    "event-list": http_pages.event_list,
    "events": http_pages.events,
    "exceptions": exceptions,
    "http-limits": http_limits,
    "metrics": metrics,
    "operations": http_pages.operations,
    "problems": http_pages.problems,
    "rates": rates,
    "rules": rules,
    "types": http_pages.types,
    "variables": variables,
    "view-tables": view_tables,
    **web_component.PARTS,
}


def generated(name: str) -> str:
    """Return the text of one part."""
    return "".join(PARTS[name]()).strip("\n") + "\n"


def rewritten(page: str) -> str:
    """Return a page with its generated parts made anew."""
    return _PART.sub(lambda part: part[1] + generated(part["name"]) + part[4], page)


def main() -> None:
    stale = []
    for path in sorted(DOCS.rglob("*.md")):
        before = path.read_text("utf-8")
        now = rewritten(before)
        if now != before:
            stale.append(str(path.relative_to(PROJECT)))
            if "--check" not in sys.argv:
                path.write_text(now, "utf-8")
    print("\n".join(stale) or "nothing has changed")
    sys.exit("--check" in sys.argv and bool(stale))


if __name__ == "__main__":
    main()
