"""What README shows, run as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
APP, ANCHORING, VOTES = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def test_the_app_without_http_prints_most_voted_and_inline_counts() -> None:
    done = subprocess.run([sys.executable, "-c", APP], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[('c1', 1), ('c2', 0)]\n[('a nice cup of tea', 1)]\n"


def test_a_quote_is_found_again_in_the_text_as_it_is_now() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ANCHORING], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Anchored(start=16, end=51,")


STOCK = """
import os, sys
from eventsourcing.utils import EnvType
from rostra.comment import CommentPosted

env: EnvType = {"PERSISTENCE_MODULE": sys.argv[1], "SQLITE_DBNAME": ":memory:"}
votes = Votes(env)
discussion = ids.discussion_id("news", "/tea")
command = CastVote(site="news", resource="/tea", comment="c1", voter="bo", value=1)
comment = Comment(CommentPosted(time="", author="ann", status="published"))
for number in ("1", "2", "2"):
    context = CommandContext("app", number, f"2026-01-0{number}T00:00:00.000000Z")
    votes.cast(command, context, comment)
state = mapper.read(votes, command.vote).state
print(state.value, state.order[2], votes.recorder.max_notification_id())
"""


@pytest.mark.parametrize("module", ["eventsourcing.popo", "eventsourcing.sqlite"])
def test_the_domain_inside_a_stock_application(module: str) -> None:
    program = [sys.executable, "-c", VOTES + STOCK, module]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1 2 2\n"
