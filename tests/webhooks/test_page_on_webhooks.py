"""The receiver on the page about webhooks takes what Rostra sends."""

from datetime import timedelta
from types import ModuleType

import pytest
from aiohttp.test_utils import TestServer

from support.pages import shown_file
from support.service import opened, posted
from support.webhooks import Hooked


async def test_the_receiver_takes_each_delivery_once(
    hooked: Hooked,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    module = ModuleType("receive")
    exec(
        compile(shown_file("docs/how-to/webhooks.md", "receive.py"), "receive", "exec"),
        vars(module),
    )
    async with TestServer(module.application()) as server:
        _, secret = await hooked.add(url=str(server.make_url("/hook")))
        monkeypatch.setenv("WEBHOOK_SECRET", "whsec_" + "QUFB" * 10)
        await hooked.service.given(opened(), posted("c1"))
        await hooked.deliver()
        assert (await hooked.status()).error == "the receiver answers 401"
        monkeypatch.setenv("WEBHOOK_SECRET", secret)
        await hooked.later(timedelta(minutes=1))
        await hooked.deliver()
        assert (await hooked.status()).waiting == 0
    printed = capsys.readouterr().out
    assert printed.count("discussion.opened") == printed.count("comment.posted") == 1
