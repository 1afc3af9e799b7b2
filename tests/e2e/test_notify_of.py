"""A reader gives an address, confirms it, is answered, and gets a mail: with real processes."""

import json
import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message

from support.ports import free_port
from support.running import Rostra, Service
from support.waiting import WAIT_SECONDS_MAX, block_until

pytestmark = pytest.mark.process
BASE = "https://news.example/comments"


class Kept(Message):
    """Keeps the mails that it accepts."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[EmailMessage] = []

    def handle_message(self, message: object) -> None:
        found = message_from_bytes(bytes(message), policy=policy.default)  # type: ignore[call-overload]
        self.mails.append(found)


def send(service: Service, method: str, path: str, body: object, token: str) -> None:
    request = Request(
        service.url + path,
        data=json.dumps(body).encode(),
        method=method,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    with urlopen(request, timeout=WAIT_SECONDS_MAX) as response:
        assert response.status in (200, 201)


@pytest.mark.slow
def test_a_reader_is_mailed_what_answers_them(tmp_path: Path, database_url: str) -> None:
    kept, port = Kept(), free_port()
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    mail = {
        "ROSTRA_MAIL_URL": f"smtp://127.0.0.1:{port}",
        "ROSTRA_MAIL_FROM": "News <news@example.org>",
        "ROSTRA_BASE_URL": BASE,
    }
    rostra = Rostra(tmp_path / "data", database_url, **mail)
    try:
        with rostra.serving() as service:
            admin = rostra.token()
            ann, bob = (
                rostra.token("comment", "--sub", name, "--name", name.title(), "--site", "gazette")
                for name in ("ann", "bob")
            )
            place = {"site": "gazette", "resource": "/trams"}
            opened = {"specversion": "1.0", "id": "1", "source": "urn:cms"}
            opened |= {"type": "discussion.opened", "data": place}  # type: ignore[dict-item]
            send(service, "POST", "/v1/events", opened, admin)
            send(service, "PATCH", "/v1/me", {"email": "ann@example.org"}, ann)
            block_until(lambda: len(kept.mails) == 1)
            plain = kept.mails[0].get_body(("plain",))
            assert plain is not None
            link = re.search(rf"{BASE}(/mail/\S+)", plain.get_content())
            assert link is not None
            with urlopen(Request(service.url + link[1], method="POST")) as confirmed:
                assert confirmed.status == 200
            discussion = service.get("/v1/discussions", min_position=1, **place)["id"]
            path = f"/v1/discussions/{discussion}/comments"
            send(service, "POST", path, {"body": "Trams are loud."}, ann)
            asked = service.get(path, min_position=3, wait=30)
            parent = asked["comments"][0]["id"]
            send(service, "POST", path, {"body": "Are they?", "parent": parent}, bob)
            block_until(lambda: len(kept.mails) == 2)
            assert kept.mails[1]["Subject"] == "Bob answered your comment"
            assert service.stop() == 0
    finally:
        controller.stop()
