"""`rostra serve --demo` without a mail server: mails are written to the data folder, and listed."""

import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID

import pytest

from notify.test_composed_mails import composed
from rostra import ids
from rostra_adapters.http.routes.demo import RESOURCE, SITE
from rostra_adapters.mail import folder as folders
from rostra_adapters.mail.folder import MailFolder
from support.running import Rostra, Service
from support.waiting import WAIT_SECONDS_MAX, block_until

ADA = ids.person_id(SITE, "ada")


async def test_mails_are_kept_by_person_and_deleted_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "MAILS_OF_PERSON_MAX", 2)
    stored = MailFolder(tmp_path / "mails")
    assert stored.persons() == []
    ann, bob = UUID(int=1), UUID(int=2)
    for count in (1, 2, 3, 3):
        await stored.send(composed(f"Body {count}", count=count), ann)
    await stored.send(composed("For Bob"), bob)
    assert sorted(stored.persons()) == [ann, bob]
    assert ["Body 3" in mail.text for mail in stored.mails([ann])] == [True, False]
    assert len(stored.mails([ann, bob])) == 3
    (file,) = (tmp_path / "mails" / bob.hex).iterdir()
    assert file.stat().st_mode & 0o077 == 0
    stored.forget([ann])
    assert stored.persons() == [bob]
    assert stored.mails([ann]) == []


@pytest.mark.process
@pytest.mark.slow
def test_a_newcomer_sees_it_work_at_once(tmp_path: Path, database_url: str) -> None:
    rostra = Rostra(tmp_path / "data", database_url, ROSTRA_DEMO="1")

    def mails(service: Service) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = service.get("/demo/mails.json")
        return found

    with rostra.serving() as service:
        people = service.get("/demo/people.json")
        assert mails(service) == []
        path = f"/v1/discussions/{ids.discussion_id(SITE, RESOURCE)}/comments"
        first = post(service, path, {"body": "Will it smell?"}, people["ada"])
        post(service, path, {"body": "Only of river.", "parent": first["id"]}, people["ben"])
        block_until(lambda: len(mails(service)) == 1)
        (mail,) = mails(service)
        assert (mail["to"], mail["subject"]) == ("ada@example.org", "Ben answered your comment")
        assert "> Only of river." in mail["text"]
        assert f"{service.url}/mail/" in mail["text"]
        assert (tmp_path / "data/mails" / ADA.hex).is_dir()
        rostra.must("erase", "ada", "--site", SITE)
        assert not (tmp_path / "data/mails" / ADA.hex).exists()
        assert mails(service) == []
        assert service.stop() == 0


def post(service: Service, path: str, body: object, token: str) -> dict[str, Any]:
    request = Request(
        service.url + path,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    with urlopen(request, timeout=WAIT_SECONDS_MAX) as response:
        answer: dict[str, Any] = json.loads(response.read())
        return answer
