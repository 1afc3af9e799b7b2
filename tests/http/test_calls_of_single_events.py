"""The cost of one event in a request, as calls of our functions: the same on every machine."""

import sys
from pathlib import Path
from types import FrameType

import rostra
import rostra_adapters
from rostra_adapters.stock import log as stock_log
from support.service import Service, opened, posted, token, voted

VOTES = 50
ROUNDS = 5
"""The first makes what is cached; in others, a background task may work for itself."""
CALLS_MAX = 205
"""Calls of functions of Rostra for a vote, from the connection to the views and to the answer."""
OURS = tuple(str(Path(it.__file__ or "").parent) for it in (rostra, rostra_adapters))


async def test_a_request_with_a_vote_takes_a_bounded_number_of_calls(service: Service) -> None:
    await service.given(opened(), posted())
    bearer = token()
    calls = 0

    def count(frame: FrameType, kind: str, _about: object) -> None:
        nonlocal calls
        file = frame.f_code.co_filename
        calls += kind == "call" and file.startswith(OURS) and file != stock_log.__file__

    rounds = []
    for round_ in range(ROUNDS):
        calls, before = 0, sys.getprofile()
        sys.setprofile(count)
        try:
            for number in range(VOTES):
                vote = voted(voter=f"{round_}-{number}")
                assert (await service.publish(vote, token=bearer)).status == 201
        finally:
            sys.setprofile(before)
        rounds.append(calls / VOTES)
    assert min(rounds) <= CALLS_MAX, rounds
