"""`rostra rebuild`, `rostra verify`, `rostra status`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from rostra_adapters.cli.options import (
    DatabaseLocation,
    check_data_folder,
    database,
    open_app,
    option,
    own_views,
    place,
    run,
)
from rostra_adapters.cli.terminal import say, say_json

jobs_option = option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=1,
    envvar="ROSTRA_JOBS",
    show_default=True,
    help="Number of processes that fold.",
)


@click.command()
@click.argument("views", nargs=-1, metavar="[VIEW]...")
@jobs_option
@own_views
@place
def rebuild(
    *, views: tuple[str, ...], jobs: int, own: tuple[str, ...], where: DatabaseLocation
) -> None:
    """Rebuild the views, or each VIEW that is named, from the log.

    Services go on reading and publishing meanwhile. The output has one line a view. The error
    output names the rows that changed and the events that cannot be folded. If there are such
    events, the exit code is 1.

    \b
    For example:
      rostra rebuild comments --jobs 2
    """
    if run(lambda: _rebuild(where, views, jobs, own)):
        raise SystemExit(1)


@click.command()
@jobs_option
@own_views
@place
def unpark(*, jobs: int, own: tuple[str, ...], where: DatabaseLocation) -> None:
    """Fold discussions again that views do not follow, for example after an upgrade.

    Rebuilds the views that have parked discussions. If some remain, the error output names them
    and the exit code is 1.

    \b
    For example:
      rostra unpark
    """
    found = run(lambda: _status(where, own))
    views = tuple(view.name for view in found.views if view.parked)
    if not views:
        say("no discussion is parked")
    elif run(lambda: _rebuild(where, views, jobs, own)):
        raise SystemExit(1)


async def _rebuild(
    where: DatabaseLocation, views: tuple[str, ...], jobs: int, own: tuple[str, ...]
) -> bool:
    """Return whether there are events that cannot be folded."""
    from rostra_adapters.composition import rebuilding

    check_data_folder(where, is_key_needed=False)
    async with database(where) as (url, _):
        with _progress() as progress:
            done = await rebuilding.rebuild(url, views, jobs=jobs, progress=progress, own=own)
        for rebuilt in done:
            each_second = rebuilt.events / rebuilt.seconds if rebuilt.seconds else 0.0
            say(
                f"{rebuilt.view}: {rebuilt.events} events, {rebuilt.seconds:.2f} s, "
                f"{each_second:.0f} events/s, {rebuilt.rows} rows, "
                f"{'equal' if rebuilt.equal else 'changed'}"
            )
            for where_it_differed in rebuilt.changed:
                say(f"{rebuilt.view}: {where_it_differed}", err=True)
            for parked in rebuilt.parked:
                say(f"{rebuilt.view}: {_said(parked)}", err=True)
        return any(rebuilt.parked for rebuilt in done)


def _said(parked: Any) -> str:
    """Describe a discussion that a view cannot follow, with the reason."""
    return (
        f"discussion {parked.discussion} is not followed: "
        f"position {parked.position} cannot be folded: {parked.error}"
    )


def _described(projector: Any) -> str:
    """Describe the process that projects."""
    return (
        f"{projector.host}:{projector.pid} since {projector.since:%Y-%m-%d %H:%M:%S}Z, "
        f"heartbeat {projector.silent_seconds:.1f} s ago, "
        f"{projector.events_per_second:.1f} events/s{', LOST' if projector.is_lost else ''}"
    )


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a progress bar for each view while the block runs, if there is a terminal."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[rate]:,.0f} events/s", markup=False),
    )
    bars: dict[str, TaskID] = {}
    with Progress(
        *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as shown:

        def progress(view: str, position: int, until: int) -> None:
            if view not in bars:
                bars[view] = shown.add_task(view, total=until, rate=0.0)
            seconds = shown.tasks[bars[view]].elapsed
            rate = position / seconds if seconds else 0.0
            shown.update(bars[view], completed=position, total=until, rate=rate)

        yield progress


@click.command()
@own_views
@place
def verify(*, own: tuple[str, ...], where: DatabaseLocation) -> None:
    """Compare each view with a new fold of the log, and open all sealed words.

    The output names every difference. The exit code is 1 if there is one.

    \b
    For example:
      rostra verify && echo all is well
    """
    if run(lambda: _verify(where, own)):
        raise SystemExit(1)


async def _verify(where: DatabaseLocation, own: tuple[str, ...]) -> bool:
    async with open_app(where, read_only=True, views=own) as app:
        differences = await app.verify()
        for difference in differences:
            say(str(difference))
        say(f"{len(differences)} differences", err=True)
        return bool(differences)


@click.command()
@option("--json", "as_json", is_flag=True, envvar="ROSTRA_JSON", help="Print one JSON object.")
@own_views
@place
def status(*, as_json: bool, own: tuple[str, ...], where: DatabaseLocation) -> None:
    """Show the log, its foreign events, and each view: position, lag, rebuild, parked discussions.

    \b
    For example:
      rostra status --json
    """
    found = run(lambda: _status(where, own))
    if as_json:
        import msgspec

        say_json(msgspec.json.encode(found))
    else:
        _show(found)


async def _status(where: DatabaseLocation, own: tuple[str, ...]) -> Any:
    async with open_app(where, read_only=True, views=own) as app:
        return await app.status(foreign=True)


def _show(found: Any) -> None:
    say(f"log       {found.log_id}")
    say(f"head      {found.head}")
    say(f"database  {found.database_url}")
    if not found.views:
        say("views     none of this version: run `rostra serve` or `rostra rebuild`")
    for foreign in found.foreign or ():
        say(
            f"foreign   {foreign.events} events {foreign.topic}, the last at position "
            f"{foreign.last}: views pass over them"
        )
    if found.projector is not None:
        say(f"projector {_described(found.projector)}")
    for view in found.views:
        say(
            f"view      {view.name}: version {view.version}, position {view.position}, "
            f"lag {view.lag}, {len(view.parked)} parked"
        )
        if view.lag:
            say(f"          {view.lag_seconds:.1f} s behind")
        if view.is_own and view.projector is not None:
            say(f"          projector {_described(view.projector)}")
        if (rebuild := view.last_rebuild) is not None:
            ended = f"{rebuild.ended_at:%Y-%m-%d %H:%M:%S}Z in {rebuild.seconds:.2f} s"
            say(f"          rebuilt {ended}, {rebuild.events} events: {rebuild.result}")
        for parked in view.parked:
            say(f"          {_said(parked)}")
