"""The runbooks of a cluster can be run: SQL, the script of erasures, Patroni's commands."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import psycopg
import pytest

import rostra_adapters
from support.pages import PROJECT, blocks
from support.replication import Node, nodes
from support.requirements import missing
from support.service import MASTER_KEY
from support.waiting import block_until

PAGE = PROJECT / "docs/how-to/cluster-runbooks.md"
RUNBOOKS = PROJECT / "docs/how-to/runbooks.md"
ON_ANOTHER_SERVER = (
    psycopg.errors.ObjectNotInPrerequisiteState,  # of a standby, run on a primary, or vice versa
    psycopg.errors.FeatureNotSupported,
)


def statements() -> list[str]:
    """Return the SQL of both pages, in blocks and in prose."""
    found = [one.text for one in blocks(PAGE) if one.language == "sql"]
    for page in (PAGE, RUNBOOKS):
        found += re.findall(r"`((?:select|alter system) [^`]+)`", page.read_text("utf-8"))
    return [one for text in found for one in text.rstrip(";\n").split(";\n")]


@pytest.fixture(scope="module")
def pair() -> Iterator[list[Node]]:
    with nodes(2) as made:
        yield made


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.postgres
async def test_every_statement_runs_on_a_primary_or_a_standby(pair: list[Node]) -> None:
    primary, standby = pair
    async with rostra_adapters.open(primary.url, master_key=MASTER_KEY) as app:
        assert await app.head() == 0
    block_until(lambda: standby.has_replayed(primary))
    found = statements()
    assert len(found) > 8
    for statement in found:
        refused = 0
        for node in pair:
            try:
                node.execute(statement)
            except ON_ANOTHER_SERVER:
                refused += 1
            except psycopg.errors.ReadOnlySqlTransaction:
                refused += 1
        assert refused < len(pair), statement


def test_the_script_erases_who_was_erased_in_the_lost_tail(tmp_path: Path) -> None:
    if shutil.which("jq") is None:
        missing("jq", "install jq")
    [script] = [dedent(one.text) for one in blocks(PAGE) if "jq -r" in one.text]
    [log] = re.findall(r"^log=(\S+)$", script, re.MULTILINE)
    [position] = map(int, re.findall(r"^from=(\d+)$", script, re.MULTILINE))
    erased, kept = "person.erased", "person.returned"
    lines = [
        (erased, "before", log, position),
        (erased, "after", log, position + 1),
        (erased, "with space", log, 0),
        (erased, "elsewhere", "another", position + 1),
        (kept, "back", log, position + 2),
    ]
    names = ("type", "person", "log", "position")
    (tmp_path / "erasures.ndjson").write_text(
        "".join(
            json.dumps(dict(zip(names, line, strict=True)) | {"site": "blog"}) + "\n"
            for line in lines
        )
    )
    stand_in = tmp_path / "rostra"
    stand_in.write_text('#!/bin/sh\nprintf "%s\\n" "$*"\n')
    stand_in.chmod(0o755)
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=tmp_path,
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "erase after --site blog\nerase with space --site blog\n"


def test_every_command_of_patroni_exists() -> None:
    before = os.umask(0o022)
    try:
        from patroni.ctl import ctl  # type: ignore[import-untyped]  # it sets a umask
    except ImportError:
        missing("patroni", "install the extra `ha`")
    finally:
        os.umask(before)
    pages = (PAGE, PROJECT / "docs/how-to/many-machines.md")
    text = "\n".join(page.read_text("utf-8") for page in pages)
    used = re.findall(r"patronictl(?: -c \S+)? ([a-z-]+)([^\n`#]*)", text)
    assert {command for command, _ in used} >= {"list", "failover", "switchover", "reinit"}
    for command, rest in used:
        options = {name for one in ctl.commands[command].params for name in one.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options, command
