"""The handshake by which a sender of webhooks asks for permission to deliver CloudEvents."""

import pytest

from support.service import Service

ASKED = {"WebHook-Request-Origin": "eventgrid.azure.net"}


async def test_a_sender_is_allowed_to_deliver(service: Service) -> None:
    answer = await service.ask("OPTIONS", "/v1/events", headers=ASKED)
    assert answer.status == 200
    assert answer.headers["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert answer.headers["WebHook-Allowed-Rate"] == "*"
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(("rate", "allowed"), [("120", "120"), ("0", "*"), ("-3", "*")])
async def test_the_rate_that_is_asked_for_is_allowed(
    service: Service, rate: str, allowed: str
) -> None:
    headers = ASKED | {"WebHook-Request-Rate": rate}
    answer = await service.ask("OPTIONS", "/v1/events", headers=headers)
    assert answer.headers["WebHook-Allowed-Rate"] == allowed


async def test_other_requests_and_paths_are_answered_as_ever(service: Service) -> None:
    plain = await service.ask("OPTIONS", "/v1/events")
    assert (plain.status, plain.headers["Allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    other = await service.ask("OPTIONS", "/v1/comments", headers=ASKED)
    preflight = ASKED | {"Access-Control-Request-Method": "POST", "Origin": "https://a.example"}
    for answer in (plain, other, await service.ask("OPTIONS", "/v1/events", headers=preflight)):
        assert "WebHook-Allowed-Origin" not in answer.headers
