"""Memory and SQLite need neither asyncpg nor aiohttp; what callers catch is one family."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import rostra_adapters
from rostra_adapters import errors

PROGRAM = """
import asyncio, sys


class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("aiohttp", "asyncpg"):
            raise ModuleNotFoundError(f"{name} is blocked", name=name)
        return None


sys.meta_path.insert(0, Blocked())

import rostra_adapters


def event(number, kind, **data):
    about = {"site": "news", "resource": "/tea", **data}
    return {"specversion": "1.0", "source": "app", "id": str(number), "type": kind, "data": about}


async def main(url):
    async with rostra_adapters.open(url) as app:
        outcomes = await app.publish(
            [
                event(1, "discussion.opened"),
                event(2, "comment.posted", comment="c1", author={"id": "a", "name": "A"}, body="x"),
                event(3, "vote.cast", comment="c1", voter="b", value=1),
            ]
        )
        page = await app.comments("news", "/tea", min_position=outcomes[-1].position)
        print([(comment.key, comment.score) for comment in page.comments])
    try:
        async with rostra_adapters.open("nowhere:"):
            pass
    except rostra_adapters.RostraError as error:
        print(type(error).__name__)
    try:
        async with rostra_adapters.open("postgresql://127.0.0.1:1/none", master_key=b"k" * 32):
            pass
    except ModuleNotFoundError as error:
        print(error)


asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.parametrize("scheme", ["memory", "sqlite"])
def test_memory_and_sqlite_open_publish_and_read_without_drivers(
    scheme: str, tmp_path: Path
) -> None:
    url = "memory:" if scheme == "memory" else f"sqlite:{tmp_path / 'log'}"

    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, url], capture_output=True, text=True, check=False
    )

    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        "[('c1', 1)]",
        "InvalidDatabaseUrl",
        "asyncpg is blocked",
    ]


def test_package_exports_every_error() -> None:
    defined = {
        name
        for name, found in vars(errors).items()
        if inspect.isclass(found) and found.__module__ == errors.__name__
    }

    assert defined == set(errors.__all__)
    assert set(rostra_adapters.__all__) == {"App", "open", *defined}
    for name in defined:
        assert issubclass(getattr(errors, name), errors.RostraError)
        assert getattr(rostra_adapters, name) is getattr(errors, name)


def test_errors_are_also_what_they_were() -> None:
    """Callers of before caught these by built-in classes."""
    assert issubclass(errors.InvalidDatabaseUrl, ValueError)
    assert issubclass(errors.DataFolderError, RuntimeError)
    assert issubclass(errors.LocalPostgresError, RuntimeError)


def test_a_wrong_name_of_the_package_is_named() -> None:
    with pytest.raises(AttributeError, match="no attribute 'opened'"):
        _ = rostra_adapters.opened


async def test_a_sqlite_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(rostra_adapters.InvalidDatabaseUrl, match="its folder must exist"):
        async with rostra_adapters.open(f"sqlite:{tmp_path}/none/comments.db"):
            pass


async def test_an_unknown_kind_of_failover_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROSTRA_FAILOVER", "lossles")
    with pytest.raises(rostra_adapters.InvalidOption, match="not 'lossles'"):
        async with rostra_adapters.open("postgresql://nowhere/none", master_key=b"m" * 32):
            pass
