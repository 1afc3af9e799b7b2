"""A discussion without script: a page of HTML and a feed of Atom, whatever was written."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

from service import Service, event, opened, posted, token

ATOM = "{http://www.w3.org/2005/Atom}"
SCHEME = re.compile(r"[\s\x00-\x20]*[a-z][a-z0-9+.-]*:", re.IGNORECASE)
KNOWN = re.compile(r"(https?|mailto):")
RUNS = {"script", "iframe", "object", "embed", "svg", "img", "form", "style", "base", "meta"}


class Elements(HTMLParser):
    """What stands in the comments of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.bad: list[str] = []
        self._inside = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside += tag == "main"
        names = [name for name, _ in attrs]
        links = [value or "" for name, value in attrs if name in ("href", "src")]
        runs = any(name.startswith("on") for name in names)
        strange = any(SCHEME.match(link) and not KNOWN.match(link) for link in links)
        if self._inside and (tag in RUNS or runs or strange):
            self.bad.append(f"{tag} {attrs}")

    def handle_endtag(self, tag: str) -> None:
        self._inside -= tag == "main"

    def handle_data(self, data: str) -> None:
        self.text += data


async def test_a_page_shows_the_thread_and_leads_on(service: Service) -> None:
    [discussion, *_] = await service.given(
        opened(title="Trams & <trains>", url="https://gazette.example/trams"),
        posted("c1", body="It *is*."),
        posted("c2", parent="c1", body="Says who?"),
        *[posted(f"m{number}", body=f"More {number}.") for number in range(60)],
        event("comment.removed", comment="m3"),
    )
    answer = await service.get(f"/v1/discussions/{discussion}/page", order="oldest")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    page = answer.body.decode()
    assert "Trams &amp; &lt;trains&gt;</a>" in page
    assert page.index("It <em>is</em>") < page.index("Says who?") < page.index("More 0.")
    assert "More 3." not in page
    following = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    more = await service.ask("GET", following)
    assert "More 59." in more.body.decode()
    assert "More 0." not in more.body.decode()


async def test_a_page_and_a_feed_have_tags_and_are_kept(durable_service: Service) -> None:
    service = durable_service
    [discussion, *_] = await service.given(opened(), posted())
    for name in ("page", "feed.atom"):
        path = f"/v1/discussions/{discussion}/{name}"
        first = await service.ask("GET", f"{path}?min_position=2")
        same = await service.ask("GET", path, headers={"If-None-Match": first.headers["ETag"]})
        assert (same.status, same.body) == (304, b"")
        again = await service.ask("GET", path, headers={"Host": "elsewhere.example"})
        assert again.body == first.body
        assert again.headers.get("Content-Security-Policy") == first.headers.get(
            "Content-Security-Policy"
        )
        assert again.headers["Content-Type"] == first.headers["Content-Type"]


async def test_a_private_discussion_has_neither(service: Service) -> None:
    [discussion, *_] = await service.given(opened(settings={"private": True}), posted())
    for name in ("page", "feed.atom"):
        path = f"/v1/discussions/{discussion}/{name}"
        assert (await service.get(path)).status == 404
        assert (await service.get(path, token=token("read"))).status == 200


async def test_a_feed_has_what_atom_asks_for(service: Service) -> None:
    [discussion, first, _] = await service.given(
        opened(title="Trams"), posted("c1", body="One **two**."), posted("c2", parent="c1")
    )
    answer = await service.get(f"/v1/discussions/{discussion}/feed.atom")
    assert answer.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    feed = ET.fromstring(answer.body)
    assert feed.tag == f"{ATOM}feed"
    for element in (feed, *feed.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert element.findtext(f"{ATOM}{name}"), name
    assert feed.findtext(f"{ATOM}id") == f"urn:uuid:{discussion}"
    [_, entry] = feed.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}id") == f"urn:uuid:{first}"
    assert entry.findtext(f"{ATOM}author/{ATOM}name") == "Ann"
    content = entry.find(f"{ATOM}content")
    assert content is not None
    assert content.get("type") == "html"
    assert "<strong>two</strong>" in (content.text or "")
    rels = {link.get("rel"): link.get("href") for link in feed.findall(f"{ATOM}link")}
    assert rels["self"] == f"/v1/discussions/{discussion}/feed.atom"


async def test_hostile_words_and_names_are_text(service: Service, test_data: Path) -> None:
    naughty = json.loads((test_data / "robustness/naughty-strings.json").read_text())
    payloads = json.loads((test_data / "robustness/dompurify.json").read_text())
    hostile = [str(one) for one in naughty] + [str(one["payload"]) for one in payloads]
    events = [
        posted(f"h{number}", author={"id": f"p{number}", "name": body[:100] or "x"}, body=body)
        for number, body in enumerate(hostile)
        if body.strip() and "\0" not in body
    ]
    [discussion] = await service.given(opened(title="</title><script>alert(1)</script>"))
    await service.batch(events)
    shown = 0
    path: str | None = f"/v1/discussions/{discussion}/page"
    await service.get(f"/v1/discussions/{discussion}")
    while path is not None:
        page = (await service.ask("GET", path)).body.decode()
        read = Elements()
        read.feed(page)
        assert read.bad == []
        shown += page.count("<article ")
        _, _, rest = page.partition('rel="next" href="')
        path = rest.split('"')[0].replace("&amp;", "&") if rest else None
    assert shown > 500
    feed = await service.ask("GET", f"/v1/discussions/{discussion}/feed.atom")
    assert len(ET.fromstring(feed.body).findall(f"{ATOM}entry")) == 50
