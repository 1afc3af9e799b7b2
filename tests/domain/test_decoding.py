"""Events decode alike with and without patterns."""

import json
from random import Random
from typing import Any

import msgspec
import pytest

from rostra.commands import COMMANDS
from rostra.deciding.handle import Commanded
from rostra.refusals import Refusal
from rostra.times import Time
from rostra.wire import cloudevents, strict_json

NOW = Time("2026-01-01T00:00:00.000000Z")
BODIES = 3_000
BODIES_SLOW = 60_000
BATCH_EVENTS = 3

_ON = {"comment": "c1"}
_WHO = {"id": "ann", "name": "Ann", "email": "ann at example"}
_UUID = "6a83b1ab-0a3c-8f2e-9d6a-6a4b30b3d3d1"
DATA: dict[str, dict[str, Any]] = {
    "site.configured": {"settings": {"voting": "up", "origins": ["*"], "reserved_names": ["A"]}},
    "discussion.opened": {
        "title": "T",
        "url": "https://a.example/b",
        "settings": {"private": True},
    },
    "discussion.closed": {"by": "mia", "reason": "late"},
    "discussion.reopened": {"by": "mia"},
    "discussion.moved": {"to": "/new"},
    "comment.posted": {"author": _WHO, "body": "Yes.", "parent": "c0", "mentions": ["bo"]},
    "comment.edited": {**_ON, "body": "No.", "status": "held"},
    "comment.held": {**_ON, "rule": "links"},
    "comment.removed": {**_ON, "by": "mia", "reason": "spam"},
    "comment.restored": {"comment_id": _UUID},
    "comment.approved": {**_ON, "wording": {"source": "urn:cms", "id": "e1"}},
    "comment.rejected": {**_ON, "erased": False},
    "comment.pinned": _ON,
    "comment.unpinned": _ON,
    "comment.flagged": {**_ON, "by": "bob", "reason": "rude"},
    "vote.cast": {**_ON, "voter": "bob", "value": 1},
    "vote.nullified": {**_ON, "voter": "bob", "by": "mia", "reason": "bought"},
    "vote.restored": {**_ON, "voter": "bob", "by": "mia", "reason": "no"},
    "passage.marked": {"passage": "p1", "exact": "words", "start": 3, "question": "Well?"},
    "passage.closed": {"passage": "p1", "by": "mia"},
    "passage.reopened": {"passage": "p1"},
    "passage.unmarked": {"passage": "p1"},
    "person.erased": {"person": "bob"},
    "person.returned": {"person": "bob"},
    "person.configured": {
        "person": "bob",
        "name": "Bob",
        "email": "bob at example",
        "language": "de-AT",
        "time_zone": "Europe/Vienna",
        "hour": 7,
        "notify": {"replies": "now", "mentions": "hourly", "moderation": "off"},
    },
    "person.labelled": {"person": "bob", "label": "Editor", "by": "mia"},
    "person.banned": {
        "person": "bob",
        "by": "mia",
        "reason": "ads",
        "until": "2026-12-24T18:00:00Z",
        "comments": "remove",
        "votes": "nullify",
    },
    "person.unbanned": {"person": "bob", "by": "mia", "restore": True},
    "person.distrusted": {"person": "bob", "by": "mia"},
    "person.trusted": {"person": "bob", "by": "mia"},
    "subscription.started": {"person": "bob", "to": "comments"},
    "subscription.ended": {"person": "bob"},
    "article.revised": {"revision": "r1", "text": "Words."},
}
TEXTS = [
    "", " ", "*", "**", "a@b", "@", "\x7f", "\x80", "\x9f", "\x00", "\x01", "\t", "\n", '"', "\\",
    "é", "日本", "\u200b", "\ud83d\ude00", "x" * 200, "x" * 201, "x" * 2_001, "urn:a b", "%zz",
    "%41", "http://", "https://x.example", "null", "[[[", "{", "guest:1", "rostra:x", "^", "|",
]  # fmt: skip
VALUES: list[Any] = [None, 0, 1, -1, 2, 1.0, 1.5, True, [], {}, {"a": [[]]}, 2**70, *TEXTS]
TIMES = [
    "2025-12-31T23:59:59.000000Z", "2026-01-01T00:04:00.000000Z", "2026-01-01T00:06:00.000000Z",
    "2025-02-30T00:00:00.000000Z", "2025-02-29T00:00:00.000000Z", "2025-12-31t23:59:60z",
    "2025-12-31T23:00:00+01:00", "2025-12-31T23:00:00.123456789Z", "0001-01-01T00:00:00+14:00",
    "yesterday", "",
]  # fmt: skip
PIECES = [
    b"\\u0041", b"\\u0000", b"\x7f", b"\x01", b"\xff", b"\xc3\xa9", b"@", b'"*"', b"[", b"]", b"{",
    b"}", b",", b":", b'"', b"\\", b" ", b"\n", b"1", b"null", b'"type":"vote.cast",', b'"data":1,',
    b'"ext":' + b"[" * 99 + b"]" * 99 + b",", b'"ext":' + b"[" * 98 + b"]" * 98 + b",",
    b'"ext":{"a":"[[["},', b'"source":"urn:other",', b'"id":null,', b'"data_base64":null,',
    b'"data_base64":"e30=",', b"NaN", b"1e999", b"-",
]  # fmt: skip


def fuzzed(random: Random) -> bytes:
    """Return an event as JSON, which may be no event or no JSON."""
    kind = random.choice(list(DATA))
    place = (
        {"site": "news"}
        if kind.startswith(("person", "site"))
        else {"site": "news", "resource": "/a"}
    )
    event: dict[str, Any] = {"specversion": "1.0", "id": "e1", "source": "urn:cms", "type": kind}
    event["data"] = {**place, **DATA[kind]}
    if random.random() < 0.3:
        event["time"] = random.choice(TIMES)
    for _ in range(random.choice([0, 0, 1, 1, 2])):
        inside = random.choice([event, event["data"], event["data"]])
        if isinstance(inside, dict):
            name = random.choice([*inside, "extra", "comment_id", "erased"])
            inside[name] = random.choice(VALUES)
    if random.random() < 0.1:
        event = dict(sorted(event.items()))
    written = json.dumps(event, ensure_ascii=random.random() < 0.5)
    body = written.encode(errors="surrogatepass")
    while random.random() < 0.3:
        at = random.randrange(len(body) + 1)
        if random.random() < 0.5:
            at = max(body.find(random.choice([b'"id"', b'"data"', b'"site"', b'"specversion"'])), 0)
        cut = random.choice([0, 0, 0, 1])
        body = body[:at] + random.choice(PIECES) + body[at + cut :]
    return body


def told(commanded: Commanded) -> tuple[object, ...]:
    return commanded.command.topic, msgspec.structs.asdict(commanded.command), commanded.act


def author_as_dict(found: tuple[object, ...]) -> tuple[object, ...]:
    """Compare authors by their fields: a twin equals no other type."""
    topic, fields, act = found
    assert isinstance(fields, dict)
    author = fields.get("author")
    if author is not None:
        fields = {**fields, "author": msgspec.structs.asdict(author)}
    return topic, fields, act


def exactly(body: bytes) -> tuple[object, ...] | None:
    try:
        return author_as_dict(told(cloudevents.exact_command(strict_json.value(body), NOW)))
    except (strict_json.NotJson, Refusal):
        return None


def check(bodies: int, seed: int) -> None:
    random = Random(seed)
    plain = accepted = batches = 0
    for _ in range(bodies // BATCH_EVENTS):
        events = [fuzzed(random) for _ in range(BATCH_EVENTS)]
        expected = [exactly(event) for event in events]
        for event, one in zip(events, expected, strict=True):
            found = cloudevents.plain_command(event, NOW)
            accepted += one is not None
            if found is not None:
                plain += 1
                assert author_as_dict(told(found)) == one, event
        batch = b"[" + b",".join(events) + b"]"
        together = cloudevents.plain_commands(batch, NOW)
        lines = cloudevents.plain_lines(events, NOW)
        assert (lines is None) == (together is None) or any(b"\n" in each for each in events)
        if lines is not None:
            assert [told(one) for one in lines] == [told(one) for one in together or []]
        if together is not None:
            batches += 1
            elements = strict_json.elements(batch)
            exact = [cloudevents.exact_command(element, NOW) for element in elements]
            assert [author_as_dict(told(one)) for one in together] == [
                author_as_dict(told(one)) for one in exact
            ], batch
    assert accepted > bodies / 5
    assert plain > 0.6 * accepted
    assert batches > bodies / 300


def test_every_type_of_event_is_fuzzed() -> None:
    assert DATA.keys() == COMMANDS.keys()


def test_fuzzed_bodies_decode_alike_with_and_without_patterns() -> None:
    check(BODIES, seed=1)


@pytest.mark.slow
def test_many_fuzzed_bodies_decode_alike_with_and_without_patterns() -> None:
    check(BODIES_SLOW, seed=2)


def test_a_nesting_that_is_too_deep_is_never_plain() -> None:
    event = b'{"specversion":"1.0","id":"a","source":"urn:x","type":"vote.cast","ext":%s,"data":%s}'
    data = b'{"site":"s","resource":"/a","comment":"c","voter":"v","value":1}'
    deep = event % (b"[" * 99 + b"]" * 99, data)
    deeper = event % (b"[" * 100 + b"]" * 100, data)
    strict_json.value(deep)
    with pytest.raises(strict_json.NotJson):
        strict_json.value(deeper)
    assert cloudevents.plain_command(deeper, NOW) is None
    other = event % (b"1", data)
    assert cloudevents.plain_commands(b"[" + other + b"," + deep + b"]", NOW) is None
    assert cloudevents.plain_commands(b"[" + other + b"," + other + b"]", NOW) is not None
    assert cloudevents.plain_lines([other, deep], NOW) is None
    assert cloudevents.plain_lines([other, other], NOW) is not None


def test_one_event_in_two_lines_is_none() -> None:
    data = b'{"site":"s","resource":"r"}'
    event = b'{"specversion":"1.0","id":"1","source":"a","type":"discussion.opened","data":%b}'
    whole = event % data
    for cut in range(1, len(whole)):
        assert cloudevents.plain_lines([whole, whole[:cut], whole[cut:]], NOW) is None
    assert cloudevents.plain_lines([whole + whole, b""], NOW) is None
