"""Output of the commands, without characters that control a terminal."""

import sys
import traceback

import click

from rostra_adapters.observability.printing import (
    LINE_BREAKS,
    visible,
    visible_json,
    without_passwords,
)


def say(text: str, *, err: bool = False) -> None:
    """Print one line on the standard output, or on the error output if `err`."""
    click.echo(visible(text), err=err)


def say_json(data: bytes) -> None:
    """Print a compact JSON value as a line."""
    click.echo(visible_json(data).decode())


def write_json_lines(lines: list[bytes]) -> None:
    """Write compact JSON values, a line each; on a terminal with control characters escaped."""
    if sys.stdout.isatty():
        lines = [visible_json(line) for line in lines]
    sys.stdout.buffer.write(b"".join(line + b"\n" for line in lines))
    sys.stdout.buffer.flush()


def printable_error(error: click.ClickException) -> click.ClickException:
    """Return the error with a message that may be printed."""
    error.message = _printable(error.message)  # type: ignore[misc]  # ours from here on
    return error


def say_failure() -> None:
    """Print the traceback of the exception that is being handled."""
    click.echo(_printable(traceback.format_exc()), err=True, nl=False)


def _printable(text: str) -> str:
    return visible(without_passwords(text), keep=LINE_BREAKS)
