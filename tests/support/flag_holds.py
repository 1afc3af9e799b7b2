"""Holds as the service makes them where many persons flagged a comment."""

from uuid import uuid4

from rostra.commands import HoldComment
from rostra.deciding.handle import Commanded
from rostra.events import FLAGS, CommandContext
from rostra_adapters.clock import now
from support.service import PLACE, Service


async def hold_by_flags(service: Service, key: str) -> None:
    command = HoldComment(
        site=PLACE["site"], resource=PLACE["resource"], comment=key, by=FLAGS, rule="flags"
    )
    act = CommandContext(FLAGS, str(uuid4()), now())
    (outcome,) = await service.app.submit([Commanded(command, act, is_checked=True)])
    assert outcome.status == "recorded", outcome
    await service.app.wait(await service.app.head())
