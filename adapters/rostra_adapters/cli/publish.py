"""`rostra publish`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from rostra_adapters.cli.lines import Lines
from rostra_adapters.cli.options import data, option, run, secret_of
from rostra_adapters.cli.terminal import say

TOKEN_DAYS = 1


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@option(
    "--url",
    default="http://127.0.0.1:8080",
    envvar="ROSTRA_URL",
    show_default=True,
    help="Address of the service.",
)
@option(
    "--token",
    envvar="ROSTRA_TOKEN",
    help="Token with the scope `publish`, and `admin` for sites and erasures. By default the "
    "command signs one with the data folder's secret.",
)
@option(
    "--batch",
    type=click.IntRange(1, 10_000),
    default=1_000,
    envvar="ROSTRA_BATCH",
    show_default=True,
    help="Number of events in a request.",
)
@data
def publish(*, file: str, url: str, token: str | None, batch: int, data: Path) -> None:
    """Publish FILE (- for standard input) with one CloudEvent a line, plain or gzipped.

    Lines may come in any order. An event that needs another one of the file is published again
    after it. The exit code is 1 if an event remains rejected.

    \b
    For example:
      rostra publish events.ndjson.gz --url https://comments.example.org
    """
    from rostra_adapters.client.publisher import Publisher, PublishingRefused

    bearer = token or _own_token(data)
    with closing(Lines(file)) as lines, _progress(lines) as progress:
        publisher = Publisher(url, bearer, batch_events=batch, progress=progress)
        try:
            summary = run(lambda: publisher.publish(lines))
        except PublishingRefused as error:
            raise click.ClickException(str(error)) from None
    for sample in summary.samples:
        say(sample, err=True)
    say(str(summary))
    if summary.rejected:
        sys.exit(1)


def _own_token(folder: Path) -> str:
    from rostra_adapters.http.auth import tokens

    secret = secret_of(folder, make=False)
    if secret is None:
        raise click.UsageError(f"there is no secret in {folder}: give --token or --data")
    return tokens.sign(secret, scope="publish admin", person="rostra-publish", days=TOKEN_DAYS)


@contextmanager
def _progress(lines: Lines) -> Iterator[Callable[[int], None]]:
    """Show a progress bar while the block runs, if the error output is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[events]} events", markup=False),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task("publish", total=lines.bytes_total, events=0)
    with bar:
        yield lambda events: bar.update(task, completed=lines.bytes_read(), events=events)
