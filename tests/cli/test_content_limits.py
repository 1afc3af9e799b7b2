"""Options and variables for the limits of comments, names and streams."""

import os
import subprocess
import sys

import click
import pytest

from rostra import limits
from rostra.settable_limits import SETTINGS
from rostra_adapters.cli.serve import serve

PROGRAM = """
import json, sys
from rostra.wire.cloudevents import exact_command, plain_command
from rostra.refusals import Refusal
body = "a" * int(sys.argv[1])
place = {"site": "s", "resource": "r"}
data = {**place, "comment": "c", "author": {"id": "a", "name": "A"}, "body": body}
event = {"specversion": "1.0", "id": "e", "source": "u", "type": "comment.posted", "data": data}
event = json.dumps(event).encode()
assert (plain_command(event, "2026-01-01T00:00:00.000000Z") is None) == (len(sys.argv) > 2)
try:
    exact_command(event, "2026-01-01T00:00:00.000000Z")
    print("taken")
except Refusal as refusal:
    [fault] = refusal.faults
    print(fault.path, fault.message)
"""


def ran(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_setting_is_an_option_with_its_default_and_its_variable() -> None:
    options = {option.name: option for option in serve.params}
    for name, limit in SETTINGS.items():
        option = options[name.lower()]
        assert option.envvar == f"ROSTRA_{name}"
        assert isinstance(option.type, click.IntRange)
        assert (option.default, option.type.max) == (limit.default, limit.greatest)
        assert getattr(limits, name) == limit.default


def test_an_option_sets_its_variable_before_types_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ROSTRA_BODY_BYTES_MAX", "1")  # so that it is restored
    context = serve.make_context("serve", ["--body-bytes-max", "30000"], resilient_parsing=False)
    assert "body_bytes_max" not in context.params
    assert os.environ["ROSTRA_BODY_BYTES_MAX"] == "30000"


@pytest.mark.process
def test_a_variable_moves_a_limit_which_a_refusal_names_under_its_field() -> None:
    longer = {"ROSTRA_BODY_BYTES_MAX": "30000"}
    assert ran("22000", **longer).stdout == "taken\n"
    refused = ran("22000", "refused").stdout
    assert refused.startswith("data.body ")
    assert "16384" in refused
    assert "30000" in ran("30001", "refused", **longer).stdout


@pytest.mark.process
@pytest.mark.parametrize("value", ["x", "0", "-1", "99999999999", "1.5"])
def test_a_value_that_is_none_is_named(value: str) -> None:
    failed = ran("1", ROSTRA_BODY_BYTES_MAX=value)
    assert failed.returncode != 0
    assert f"ROSTRA_BODY_BYTES_MAX must be a whole number from 1 to 1048576, not '{value}'" in (
        failed.stderr
    )


@pytest.mark.process
def test_an_empty_variable_is_unset() -> None:
    assert ran("16384", ROSTRA_BODY_BYTES_MAX="").stdout == "taken\n"
