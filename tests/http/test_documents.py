"""A discussion without script: a page of HTML and a feed of Atom, whatever was written."""

import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest

from rostra import ids
from rostra.ids import DiscussionId, StreamId
from rostra.limits import PAGE_COMMENTS_MAX
from support.service import Service, event, opened, posted, token, voted

UNKNOWN = ids.discussion_id("gazette", "/unknown")
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


@pytest.mark.parametrize(
    ("header", "asked", "language", "count"),
    [
        ("", None, "en", "Comments: 1"),
        ("de-AT,en;q=0.5", None, "de", "Kommentare: 1"),
        ("tlh, fr;q=0.2, ru;q=0.9", None, "ru", "Комментарии: 1"),
        ("de;q=0, es;q=x, nl;q=0.1", None, "nl", "Reacties: 1"),
        ("de", "ar-EG", "ar", "التعليقات: 1"),
        ("de", "tlh", "en", "Comments: 1"),
        (";,;q=,", None, "en", "Comments: 1"),
    ],
)
async def test_a_page_speaks_the_readers_language(
    service: Service, header: str, asked: str | None, language: str, count: str
) -> None:
    [discussion, *_] = await service.given(opened(), posted("c1"))
    path = f"/v1/discussions/{discussion}/page"
    for _ in range(2):  # what was cached for one reader is not another's
        other = await service.ask("GET", path, headers={"Accept-Language": "zh"})
        assert 'lang="zh"' in other.body.decode()
        headers = {"Accept-Language": header}
        query = "" if asked is None else f"?lang={asked}"
        answer = await service.ask("GET", path + query, headers=headers)
        page = answer.body.decode()
        direction = ' dir="rtl"' if language == "ar" else ""
        assert f'<html lang="{language}"{direction}>' in page
        assert count in page
        assert re.search(r">\d{4}-\d\d-\d\d \d\d:\d\d UTC</time>", page)
        assert ("lang=" in page.partition("<nav")[2]) == (asked is not None)
        assert "Accept-Language" in answer.headers["Vary"]


async def pages(service: Service, path: str | None) -> AsyncIterator[str]:
    """A page, and all that follow it by their links."""
    while path is not None:
        answer = await service.ask("GET", path)
        assert answer.status == 200, path
        page = answer.body.decode()
        yield page
        _, _, rest = page.partition('rel="next" href="')
        path = rest.split('"')[0].replace("&amp;", "&") if rest else None


async def test_it_has_the_same_comments_in_every_order_as_the_list_itself(
    service: Service,
) -> None:
    comments = [posted(f"m{n}", body=f"More {n}.") for n in range(120)]
    votes = [voted(on=f"m{n}", voter=f"v{v}") for n in range(0, 120, 7) for v in range(n % 5)]
    [discussion, *_] = await service.given(opened(), *comments, *votes)
    path = f"/v1/discussions/{discussion}"
    first = (await service.get(f"{path}/page")).body.decode()
    orders = re.findall(r'page\?order=(\w+)"', first)
    assert orders == ["newest", "oldest", "most_voted", "best", "controversial", "hot"]
    for order in orders:
        listed: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = await service.get(f"{path}/comments", order=order, limit="100", **cursor)
            listed += [f"comment-{one['id']}" for one in page.json["comments"]]
            if page.json["next"] is None:
                break
            cursor = {"cursor": page.json["next"]}
        read = "".join([page async for page in pages(service, f"{path}/page?order={order}")])
        assert re.findall(r'<article id="([^"]+)"', read) == listed, order
        assert len(set(listed)) == 120


async def test_it_offers_the_orders_of_the_site_alone(service: Service) -> None:
    configured = event("site.configured", settings={"orders": ["oldest", "hot"]})
    [_, discussion, *_] = await service.given(configured, opened(), posted())
    path = f"/v1/discussions/{discussion}/page"
    page = (await service.get(path)).body.decode()
    assert re.findall(r'page\?order=(\w+)"( aria-current="page")?', page) == [
        ("oldest", ' aria-current="page"'),
        ("hot", ""),
    ]
    assert (await service.get(path, order="newest")).status == 400


async def test_every_reply_is_reached_by_links_however_deep_or_many(service: Service) -> None:
    deep = [
        posted(f"d{n}", body=f"Depth {n}.", **({"parent": f"d{n - 1}"} if n else {}))
        for n in range(12)
    ]
    wide = [posted(f"w{n}", parent="d0", body=f"Wide {n}.") for n in range(70)]
    [discussion, *_] = await service.given(opened(), *deep, *wide)
    wanted = {f"Depth {n}." for n in range(12)} | {f"Wide {n}." for n in range(70)}
    await service.get(f"/v1/discussions/{discussion}")
    waiting, seen, found = [f"/v1/discussions/{discussion}/page"], set(), set()
    while waiting:
        if (path := waiting.pop()) in seen:
            continue
        seen.add(path)
        async for page in pages(service, path):
            found |= {words for words in wanted if f"<p>{words}</p>" in page}
            waiting += re.findall(r'href="([^"]+/page\?comment=[^"]+)">All ', page)
    assert found == wanted


async def test_replies_below_removed_comments_are_reached_by_links(service: Service) -> None:
    wide = [posted(f"w{n}", parent="top", body=f"Wide {n}.") for n in range(15)]
    below = [posted(f"b{n}", parent=f"w{n}", body=f"Below {n}.") for n in range(6)]
    deep = [
        posted(f"d{n}", body=f"Depth {n}.", **({"parent": f"d{n - 1}"} if n else {}))
        for n in range(5)
    ]
    removed = [
        event("comment.removed", comment=key) for key in (*(f"w{n}" for n in range(6)), "d3")
    ]
    [discussion, *_] = await service.given(opened(), posted("top"), *wide, *below, *deep, *removed)
    path = f"/v1/discussions/{discussion}/page"
    page = (await service.get(path)).body.decode()
    links = re.findall(r'href="([^"]+)">All replies: (\d+)', page)
    assert sorted(number for _, number in links) == ["1", "9"]
    found = "".join([(await service.ask("GET", link)).body.decode() for link, _ in links])
    for words in ("Depth 4.", *(f"Wide {n}." for n in range(6, 15))):
        assert f"<p>{words}</p>" in found, words


async def test_a_comment_has_a_page_of_its_own(service: Service) -> None:
    [discussion, first, second, *_] = await service.given(
        opened(), posted("c1", body="It is."), posted("c2", parent="c1", body="Says who?"),
        event("discussion.opened", resource="/other"), posted("o1", resource="/other"),
        posted("held", status="held"),
    )  # fmt: skip
    path = f"/v1/discussions/{discussion}/page"
    page = (await service.get(path, comment=str(second))).body.decode()
    assert "Says who?" in page
    assert "It is." not in page
    assert f'{path}?comment={first}">What this answers' in page
    listed = (await service.get(f"/v1/discussions/{discussion}")).json
    held = ids.comment_id(DiscussionId(StreamId(UUID(listed["id"]))), "held")
    other = ids.comment_id(ids.discussion_id("gazette", "/other"), "o1")
    for unknown in (held, other, UUID(int=0), discussion):
        assert (await service.get(path, comment=str(unknown))).status == 404
    assert (await service.get(path, comment="x")).status == 400


async def test_a_reply_has_an_address_whatever_became_of_what_it_answers(
    service: Service,
) -> None:
    [discussion, _, above, reply] = await service.given(
        opened(),
        posted("top"),
        posted("c1", parent="top", body="Waits."),
        posted("c2", parent="c1"),
    )
    path = f"/v1/discussions/{discussion}/page"
    for verb in ("held", "rejected", "removed"):
        await service.given(event(f"comment.{verb}", comment="c1"))
        page = await service.get(path, comment=reply)
        assert page.status == 200
        [up] = re.findall(r'href="([^"]+)">What this answers', page.body.decode())
        answered = await service.ask("GET", up)
        assert answered.status == 200
        assert "Yes." in answered.body.decode()
        assert "Waits." not in answered.body.decode()
        for at in (above, reply):  # as the web reader climbs
            assert (await service.get(f"/v1/comments/{at}")).status == 200
            assert (await service.get(f"/v1/comments/{at}/replies")).status == 200
        tombstone = (await service.get(f"/v1/comments/{above}")).json
        assert (tombstone["status"], tombstone["body"], tombstone["author"]) == (verb, None, None)
    await service.given(event("comment.restored", comment="c1"))
    await service.given(event("comment.removed", comment="c2"))
    assert (await service.get(f"/v1/comments/{above}")).status == 404


async def test_it_says_what_it_is_to_search_engines(service: Service) -> None:
    [discussion, *_] = await service.given(
        opened(title="Trams", url="https://gazette.example/trams?a=1&b=2"), posted()
    )
    page = (await service.get(f"/v1/discussions/{discussion}/page")).body.decode()
    assert '<html lang="en">' in page
    assert '<link rel="canonical" href="https://gazette.example/trams?a=1&amp;b=2">' in page
    assert page.count('itemtype="https://schema.org/Comment"') == 1
    for name in ("headline", "author", "dateCreated", "text"):
        assert f'itemprop="{name}"' in page


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
        hidden = await service.get(path)
        assert (hidden.status, b"Yes." in hidden.body) == (404, False)
        unknown = await service.get(path.replace(str(discussion), str(UNKNOWN)))
        assert hidden.body == unknown.body  # what is private and what is not there answer alike
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


async def test_a_feed_keeps_the_rules_of_atom(service: Service) -> None:
    """RFC 4287, as far as a feed may break it: 4.1.1, 4.1.2, 4.2.6, 4.2.7, 3.3."""
    events = [posted(f"m{n}", body=f"More {n}.") for n in range(60)]
    [discussion, *_] = await service.given(
        opened(title="Trams & <trains>", url="https://gazette.example/trams"), *events,
        event("comment.edited", comment="m59", body="Changed."),
    )  # fmt: skip
    feed = ET.fromstring((await service.get(f"/v1/discussions/{discussion}/feed.atom")).body)
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == 50
    for element in (feed, *entries):
        for name in ("id", "title", "updated"):
            assert len(element.findall(f"{ATOM}{name}")) == 1, name
        named = element.findtext(f"{ATOM}id") or ""
        assert named == UUID(named.removeprefix("urn:uuid:")).urn
        for name in ("updated", "published"):
            for time in element.findall(f"{ATOM}{name}"):
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", time.text or "")
        alternates = [
            (link.get("type"), link.get("hreflang"))
            for link in element.findall(f"{ATOM}link")
            if link.get("rel") == "alternate"
        ]
        assert len(set(alternates)) == len(alternates)
    assert len({entry.findtext(f"{ATOM}id") for entry in entries}) == 50
    assert all(entry.findtext(f"{ATOM}author/{ATOM}name") for entry in entries)
    updates = [entry.findtext(f"{ATOM}updated") or "" for entry in entries]
    assert feed.findtext(f"{ATOM}updated") == max(updates)
    [link] = entries[0].findall(f"{ATOM}link")
    page = await service.ask("GET", link.get("href") or "")
    assert page.status == 200
    assert (entries[0].findtext(f"{ATOM}id") or "")[9:] in page.body.decode()


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
    await service.get(f"/v1/discussions/{discussion}")
    async for page in pages(service, f"/v1/discussions/{discussion}/page"):
        read = Elements()
        read.feed(page)
        assert read.bad == []
        shown += page.count("<article ")
    assert shown > 500
    feed = await service.ask("GET", f"/v1/discussions/{discussion}/feed.atom")
    assert len(ET.fromstring(feed.body).findall(f"{ATOM}entry")) == 50


async def test_a_page_holds_a_bounded_number_of_comments(service: Service) -> None:
    top = [f"c{number}" for number in range(50)]
    replies = [posted(f"{key}-{n}", parent=key) for key in top for n in range(11)]
    [discussion, *_] = await service.given(opened(), *(posted(key) for key in top), *replies)
    page = await service.get(f"/v1/discussions/{discussion}/page")
    assert page.body.count(b"<article") == PAGE_COMMENTS_MAX
    assert page.body.count(b"All replies: 11") == len(top)


async def test_times_on_the_page_say_their_zone(service: Service) -> None:
    [discussion, _] = await service.given(opened(), posted(time="2026-03-01T12:00:00+02:00"))
    page = await service.get(f"/v1/discussions/{discussion}/page")
    assert b">2026-03-01 10:00 UTC</time>" in page.body
