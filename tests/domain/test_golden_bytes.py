"""The format of the log, to the byte. The files in `golden/` are never edited: a changed
form is a new tag, or an upcast that still reads the old one.
"""

from hashlib import sha256
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from rostra import codec, ids
from rostra.article import ArticleMarked, ArticleRevised
from rostra.codec import AnyEvent
from rostra.comment import (
    CommentApproved,
    CommentEdited,
    CommentHeld,
    CommentPinned,
    CommentPosted,
    CommentRejected,
    CommentRemoved,
    CommentRestored,
    CommentUnpinned,
    CommentWordingHeld,
    CommentWordingRejected,
)
from rostra.deciding.handle import handle
from rostra.discussion import (
    DiscussionAliased,
    DiscussionClosed,
    DiscussionMoved,
    DiscussionOpened,
    DiscussionReopened,
)
from rostra.events import WordingRef, Words
from rostra.flag import CommentFlagged
from rostra.ids import CommentId, PassageId, StreamId
from rostra.passage import (
    PassageClosed,
    PassageMarked,
    PassageMoved,
    PassageOrphaned,
    PassageReopened,
    PassageUnmarked,
)
from rostra.person import (
    PersonBanned,
    PersonConfigured,
    PersonDistrusted,
    PersonErased,
    PersonLabelled,
    PersonReturned,
    PersonTrusted,
    PersonUnbanned,
)
from rostra.sealing import associated_data
from rostra.settings import (
    ContentRule,
    DayLimits,
    Review,
    RuleConditions,
    Settings,
    SiteSettings,
)
from rostra.site import SiteConfigured
from rostra.subscription import SubscriptionEnded, SubscriptionStarted
from rostra.times import Time
from rostra.vote import VoteCast, VoteNullified, VoteRestored
from support.harness import commanded
from support.memory import MemoryLog, MemoryRing

GOLDEN = Path(__file__).parent / "golden"
TIME = Time("2026-11-22T15:16:10.000001Z")
TOP = UUID("2c6f0de8-9c4a-8b21-8d3c-5f0e1b2a3c4d")
BELOW = UUID("2c6f0de8-9c4a-8b21-8e11-223344556677")
PASSAGE = UUID("2c6f0de8-9c4a-8b21-9aab-bccddeeff001")
SEALED = b"\x01\x00\xff sealed \xfe"

EVENTS: dict[str, AnyEvent] = {
    "site.configured": SiteConfigured(
        time=TIME,
        site="gazette",
        settings=SiteSettings(
            moderation="first",
            edit_seconds=60,
            voting="up",
            self_votes=True,
            private=False,
            open_on_first=True,
            origins=("https://gazette.example",),
            guests=False,
            depth=3,
            orders=("newest", "hot"),
        ),
    ),
    "discussion.opened+wordings": DiscussionOpened(
        time=TIME, site="gazette", resource="/trams", settings=Settings(wordings="public")
    ),
    "site.configured+reserved": SiteConfigured(
        time=TIME, site="gazette", settings=SiteSettings(reserved_names=("Editor", "Zoë"))
    ),
    "site.configured+guest_votes": SiteConfigured(
        time=TIME, site="gazette", settings=SiteSettings(guest_votes="name")
    ),
    "site.configured+marking": SiteConfigured(
        time=TIME, site="gazette", settings=SiteSettings(marking="publisher")
    ),
    "discussion.opened+marking": DiscussionOpened(
        time=TIME, site="gazette", resource="a", settings=Settings(marking="persons")
    ),
    "site.configured+breaks": SiteConfigured(
        time=TIME, site="gazette", settings=SiteSettings(breaks=False)
    ),
    "discussion.opened+breaks": DiscussionOpened(
        time=TIME, site="gazette", resource="a", settings=Settings(breaks=True)
    ),
    "discussion.aliased+opened": DiscussionAliased(
        time=TIME,
        site="gazette",
        resource="https://Example.org/a",
        of="https://example.org/a",
        opened=True,
    ),
    "person.trusted": PersonTrusted(time=TIME, site="gazette", person="ann", by="mia"),
    "person.erased": PersonErased(time=TIME, site="gazette", person="ann"),
    "person.returned": PersonReturned(time=TIME, site="gazette", person="ann"),
    "person.configured": PersonConfigured(time=TIME, site="gazette", person="ann", personal=SEALED),
    "person.configured+erased": PersonConfigured(time=TIME, site="gazette", person="ann"),
    "person.labelled": PersonLabelled(
        time=TIME, site="gazette", person="ann", label="Staff", by="mia"
    ),
    "site.configured+rules": SiteConfigured(
        time=TIME,
        site="gazette",
        settings=SiteSettings(
            rules=(
                ContentRule(
                    when=RuleConditions(
                        words=("casino", "Zoë"),
                        pattern=r"b+\b",
                        links_min=2,
                        guest=True,
                        first=False,
                        letters_same_share=0.5,
                    ),
                    then="reject",
                    say="No advertising.",
                ),
                ContentRule(when=RuleConditions(links_min=1), then="hold"),
            ),
            slow_seconds=30,
            per_day=DayLimits(comments=50, votes=200),
            flags_to_hold=3,
            moderators_named=True,
        ),
    ),
    "person.trusted+published": PersonTrusted(
        time=TIME, site="gazette", person="ann", by="mia", is_published=True
    ),
    "person.banned": PersonBanned(
        time=TIME,
        site="gazette",
        person="ann",
        by="mia",
        until=Time("2026-12-24T18:00:00.000000Z"),
        comments="remove",
        votes="nullify",
        personal=SEALED,
    ),
    "person.banned+least": PersonBanned(time=TIME, site="gazette", person="ann", by="mia"),
    "person.unbanned": PersonUnbanned(
        time=TIME, site="gazette", person="ann", by="mia", restore=True
    ),
    "person.unbanned+least": PersonUnbanned(time=TIME, site="gazette", person="ann", by="mia"),
    "person.distrusted": PersonDistrusted(time=TIME, site="gazette", person="ann", by="mia"),
    "person.trusted+comment": PersonTrusted(
        time=TIME, site="gazette", person="ann", by="mia", comment=TOP
    ),
    "person.distrusted+comment": PersonDistrusted(
        time=TIME, site="gazette", person="ann", by="mia", comment=TOP
    ),
    "person.labelled+none": PersonLabelled(time=TIME, site="gazette", person="ann", by="mia"),
    "subscription.started": SubscriptionStarted(time=TIME, person="ann", to="replies"),
    "subscription.ended": SubscriptionEnded(time=TIME, person="ann"),
    "subscription.started+erasures": SubscriptionStarted(
        time=TIME, person="ann", to="replies", erasures=1
    ),
    "subscription.ended+erasures": SubscriptionEnded(time=TIME, person="ann", erasures=1),
    "site.configured+people": SiteConfigured(
        time=TIME, site="gazette", settings=SiteSettings(names="person", labels=("Staff", "Zoë"))
    ),
    "comment.posted+mentions": CommentPosted(
        time=TIME, author="ann", status="published", personal=SEALED, mentions=("bob", "cy")
    ),
    "discussion.opened": DiscussionOpened(
        time=TIME,
        site="gazette",
        resource="/2026/été",
        title="“Trams”",
        url="https://gazette.example/2026/été",
        settings=Settings(self_votes=True),
    ),
    "discussion.opened+least": DiscussionOpened(time=TIME, site="gazette", resource="a"),
    "discussion.closed": DiscussionClosed(time=TIME, by="mia", personal=SEALED),
    "discussion.reopened": DiscussionReopened(time=TIME, by="mia", personal=SEALED),
    "discussion.moved": DiscussionMoved(
        time=TIME, to="/2027/été", called="/2027/été", by="mia", personal=SEALED
    ),
    "discussion.moved+least": DiscussionMoved(time=TIME, to="/b", called="/a"),
    "discussion.aliased": DiscussionAliased(
        time=TIME, site="gazette", resource="/2027/été", of="/2026/été"
    ),
    "site.configured+review": SiteConfigured(
        time=TIME,
        site="gazette",
        settings=SiteSettings(review=Review(url="https://review.example/", seconds=9)),
    ),
    "site.configured+no_review": SiteConfigured(
        time=TIME, site="gazette", settings=SiteSettings(review=Review())
    ),
    "comment.posted+rule": CommentPosted(
        time=TIME, author="ann", status="held", rule="review", personal=SEALED
    ),
    "comment.posted": CommentPosted(
        time=TIME,
        author="ann",
        status="held",
        key="c2",
        parent=BELOW,
        asked=TOP,
        depth=2,
        path=(TOP, BELOW),
        passage=PASSAGE,
        personal=SEALED,
    ),
    "comment.posted+least": CommentPosted(
        time=TIME, author="ann", status="published", personal=SEALED
    ),
    "comment.posted+erased": CommentPosted(time=TIME, author="ann", status="published"),
    "comment.edited+erased": CommentEdited(time=TIME, author="ann"),
    "comment.edited": CommentEdited(time=TIME, author="ann", by="mia", personal=SEALED),
    "comment.edited+held": CommentEdited(
        time=TIME, author="ann", by="ann", personal=SEALED, status="held"
    ),
    "comment.edited+rule": CommentEdited(
        time=TIME, author="ann", personal=SEALED, status="held", rule="rule 2"
    ),
    "comment.edited+pending": CommentEdited(
        time=TIME, author="ann", by="mia", personal=SEALED, ends_pending=True
    ),
    "comment.wording_held": CommentWordingHeld(
        time=TIME,
        author="ann",
        by="ann",
        personal=SEALED,
        source="urn:cms",
        id="e2",
        status="removed",
    ),
    "comment.wording_held+rule": CommentWordingHeld(
        time=TIME, author="ann", source="urn:cms", id="e2", rule="review", personal=SEALED
    ),
    "comment.wording_held+least": CommentWordingHeld(
        time=TIME, author="ann", source="urn:cms", id="e2"
    ),
    "comment.wording_rejected": CommentWordingRejected(
        time=TIME, author="ann", wording=WordingRef("urn:cms", "e2"), by="mia", personal=SEALED
    ),
    "comment.held": CommentHeld(
        time=TIME,
        was="published",
        now="held",
        author="ann",
        by="mia",
        path=(TOP, BELOW),
        passage=PASSAGE,
        personal=SEALED,
        rule="links",
    ),
    "comment.held+least": CommentHeld(time=TIME, was="removed", now="removed", author="ann"),
    "comment.removed": CommentRemoved(
        time=TIME,
        was="published",
        now="deleted",
        author="ann",
        by="ann",
        path=(TOP, BELOW),
        passage=PASSAGE,
        personal=SEALED,
    ),
    "comment.restored": CommentRestored(time=TIME, was="removed", now="held", author="ann"),
    "comment.approved": CommentApproved(time=TIME, was="held", now="published", author="ann"),
    "comment.approved+wording": CommentApproved(
        time=TIME,
        was="published",
        now="published",
        author="ann",
        by="mia",
        wording=WordingRef("urn:cms", "e2"),
    ),
    "comment.rejected": CommentRejected(time=TIME, was="held", now="rejected", author="ann"),
    "comment.rejected+wording": CommentRejected(
        time=TIME, was="held", now="rejected", author="ann", wording=WordingRef("urn:cms", "e2")
    ),
    "comment.pinned": CommentPinned(time=TIME, by="mia", personal=SEALED),
    "comment.unpinned": CommentUnpinned(time=TIME),
    "comment.flagged": CommentFlagged(time=TIME, comment=TOP, by="bob", personal=SEALED),
    "vote.cast": VoteCast(
        time=TIME, source="urn:cms", id="v1", comment=TOP, voter="bob", value=0, was=-1, now=0
    ),
    "vote.nullified": VoteNullified(
        time=TIME, comment=TOP, voter="bob", by="mia", was=1, now=0, personal=SEALED
    ),
    "vote.restored": VoteRestored(
        time=TIME, comment=TOP, voter="bob", by="mia", was=0, now=1, personal=SEALED
    ),
    "passage.marked": PassageMarked(
        time=TIME,
        key="p1",
        exact="the 𝄞 of it",
        prefix="hear ",
        suffix=".",
        start=0,
        end=11,
        question="Which?",
    ),
    "passage.marked+least": PassageMarked(time=TIME, key="p1", exact="word"),
    "passage.marked+person": PassageMarked(time=TIME, exact="word"),
    "passage.marked+words": PassageMarked(
        time=TIME, exact="word", prefix="a ", suffix=".", start=2, end=6, revision="r2", by="ann"
    ),
    "passage.closed": PassageClosed(time=TIME, by="mia"),
    "passage.reopened": PassageReopened(time=TIME, by="mia"),
    "passage.unmarked": PassageUnmarked(time=TIME, by="mia"),
    "passage.moved": PassageMoved(time=TIME, start=3, end=14, score=0.982143, state="moved"),
    "passage.orphaned": PassageOrphaned(time=TIME, start=0, prefix="", suffix=" was 𝄞."),
    "passage.orphaned+least": PassageOrphaned(time=TIME),
    "article.revised": ArticleRevised(
        time=TIME, revision="r2", hash="6e34" * 16, characters=1000, normalisation=1
    ),
    "article.marked": ArticleMarked(time=TIME, passage=PassageId(StreamId(PASSAGE))),
}


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def test_every_tag_has_golden_bytes() -> None:
    assert {name.partition("+")[0] for name in EVENTS} == codec.TYPES.keys()
    assert {file.stem for file in GOLDEN.iterdir()} == EVENTS.keys()


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_is_encoded_to_its_golden_bytes(name: str) -> None:
    assert codec.encode(EVENTS[name]) == golden(name)


@pytest.mark.parametrize("name", EVENTS)
def test_golden_bytes_decode_to_the_event(name: str) -> None:
    assert codec.decode(name.partition("+")[0], golden(name)) == EVENTS[name]


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_with_a_field_of_a_later_version_is_still_read(name: str) -> None:
    later = golden(name)[:-1] + b',"unheard_of":1}'
    assert codec.decode(name.partition("+")[0], later) == EVENTS[name]


def test_a_tag_that_is_not_ours_is_no_event() -> None:
    assert codec.decode("rostra.codec:decode", b"{}") is None


def test_words_before_they_are_sealed() -> None:
    words = Words(name="Ann", email="ann@example.org", body="Yes.\n“No.”", reason="why")
    assert codec.encode(words) == (
        '{"name":"Ann","email":"ann@example.org","body":"Yes.\\n“No.”","reason":"why"}'.encode()
    )
    assert codec.encode(Words(body="b")) == b'{"body":"b"}'


def test_what_a_sealed_field_is_bound_to() -> None:
    event_id = UUID("f3a7c1d2-0000-8000-8000-000000000001")
    assert associated_data(TOP, "comment.posted", event_id, "personal") == (
        b'["2c6f0de8-9c4a-8b21-8d3c-5f0e1b2a3c4d","comment.posted",'
        b'"f3a7c1d2-0000-8000-8000-000000000001","personal"]'
    )


IDS = {
    "discussion": ids.discussion_id("gazette", "/2026/été"),
    "site": ids.site_id("gazette"),
    "person": ids.person_id("gazette", "ann"),
    "comment": ids.comment_id(ids.discussion_id("gazette", "/2026/été"), "c1"),
    "comment of an event": ids.comment_id_of_event(
        ids.discussion_id("gazette", "/2026/été"), "urn:cms", "e1"
    ),
    "comment of a person": ids.comment_id_of_person(
        ids.discussion_id("gazette", "/2026/été"), "ann", "k1"
    ),
    "vote": ids.vote_id(CommentId(StreamId(TOP)), "bob"),
    "flag": ids.flag_id(CommentId(StreamId(TOP)), "bob"),
    "article": ids.article_id(ids.discussion_id("gazette", "/2026/été")),
    "passage": ids.passage_id(ids.discussion_id("gazette", "/2026/été"), "p1"),
    "subscription": ids.subscription_id(ids.discussion_id("gazette", "/2026/été"), "ann"),
    "event": ids.event_id("urn:cms", "e1"),
}

GOLDEN_IDS: dict[str, str] = {
    "discussion": "861d2cf0-85ab-8d6c-8000-000000000000",
    "site": "b2e6bc03-40e5-8e26-b000-000000000000",
    "person": "b2e6bc03-40e5-8e26-a91c-7366dc0699ca",
    "comment": "861d2cf0-85ab-8d6c-8c33-416f56cc5113",
    "comment of an event": "861d2cf0-85ab-8d6c-88ae-c5771276ba9c",
    "comment of a person": "861d2cf0-85ab-8d6c-8aaf-6320619a84d4",
    "vote": "2c6f0de8-9c4a-8b21-97d6-765c6ff29b77",
    "flag": "2c6f0de8-9c4a-8b21-b943-04b4c33a21b9",
    "article": "861d2cf0-85ab-8d6c-81eb-b99eec2a449c",
    "passage": "861d2cf0-85ab-8d6c-9f8f-f2608cd9269a",
    "subscription": "861d2cf0-85ab-8d6c-a17f-38200c1adb44",
    "event": "d5d4c5e6-2d1f-8e36-8045-ad094c1e0e49",
}


def test_ids_never_change() -> None:
    assert {name: str(found) for name, found in IDS.items()} == GOLDEN_IDS


async def test_what_a_published_comment_leaves_in_the_log() -> None:
    log = MemoryLog()
    opened = {"site": "gazette", "resource": "a"}
    posted = {**opened, "comment": "c1", "author": {"id": "ann", "name": "Ann"}, "body": "Yes."}
    acts = [("discussion.opened", opened), ("comment.posted", posted)]
    commands = [
        commanded({"type": kind, "source": "urn:cms", "id": "e1", "time": TIME, "data": data})
        for kind, data in acts
    ]
    await handle(log, MemoryRing(), commands)
    row = log.rows[1]
    assert str(row.stream) == "a23a4859-9e92-897a-8c33-416f56cc5113"
    assert (row.version, row.topic, str(row.event_id)) == (1, "comment.posted", GOLDEN_IDS["event"])
    assert row.metadata == '{"source":"urn:cms","id":"e1","by":"ann"}'
    state = msgspec.json.decode(row.state)
    assert list(state) == ["time", "author", "status", "key", "personal"]
    sealed = msgspec.json.decode(msgspec.json.encode(state["personal"]), type=bytes)
    assert sealed[0] == 1
    assert sealed.endswith(b'{"name":"Ann","body":"Yes."}')
    owner = ids.person_id("gazette", "ann")
    place = associated_data(row.stream, row.topic, ids.event_id("urn:cms", "e1"), "personal")
    assert sealed[1:21] == sha256(owner.bytes + place).digest()[:20]
