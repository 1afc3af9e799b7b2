"""Ids carry their discussion, and no separator can be forged."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from rostra import ids
from rostra.ids import Kind
from support import model_ids

names = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1)


def every_id(site: str, resource: str, a: str, b: str) -> dict[Kind, list[tuple[UUID, UUID]]]:
    """Each id as it is made, and as it is computed a second time."""
    found = ids.discussion_id(site, resource)
    about = ids.comment_id(found, a)

    def inside(kind: str, *parts: str) -> UUID:
        return model_ids.inside(site, resource, kind, *parts)

    return {
        Kind.DISCUSSION: [(found, model_ids.discussion(site, resource))],
        Kind.COMMENT: [
            (about, inside("comment", "comment", "key", a)),
            (ids.comment_id_of_event(found, a, b), inside("comment", "comment", "event", a, b)),
            (ids.comment_id_of_person(found, a, b), inside("comment", "comment", "person", a, b)),
        ],
        Kind.VOTE: [(ids.vote_id(about, b), inside("vote", "vote", str(about), b))],
        Kind.PASSAGE: [(ids.passage_id(found, a), inside("passage", "passage", "key", a))],
        Kind.SUBSCRIPTION: [
            (ids.subscription_id(found, a), inside("subscription", "subscription", a))
        ],
        Kind.PERSON: [(ids.person_id(site, a), model_ids.person(site, a))],
        Kind.SITE: [(ids.site_id(site), model_ids.site(site))],
        Kind.FLAG: [(ids.flag_id(about, b), inside("flag", "flag", str(about), b))],
    }


@given(names, names, names, names)
def test_every_id_is_laid_out_as_the_design_says(site: str, resource: str, a: str, b: str) -> None:
    made = every_id(site, resource, a, b)
    assert set(made) == set(Kind)
    for kind, pairs in made.items():
        at_site = kind in (Kind.SITE, Kind.PERSON)
        discussion = ids.discussion_id(site, "" if at_site else resource)
        for found, computed in pairs:
            assert found == computed
            assert ids.is_ours(found)
            assert found.version == 8
            assert ids.kind_of(found) == kind
            assert ids.discussion_of(found) == discussion
            assert ids.prefix_of(found) == ids.prefix_of(discussion)


@given(names, names)
def test_an_events_id_is_a_uuid_of_version_8(source: str, name: str) -> None:
    assert ids.event_id(source, name) == model_ids.event(source, name)
    assert ids.event_id(source, name).version == 8


def test_no_separator_can_be_forged() -> None:
    found = {
        ids.discussion_id('a","b', "c"),
        ids.discussion_id("a", 'b","c'),
        ids.discussion_id("a,b", "c"),
        ids.discussion_id("ab", "c"),
        ids.discussion_id("a", "bc"),
    }
    assert len(found) == 5


def test_the_ways_to_name_a_comment_do_not_meet() -> None:
    discussion = ids.discussion_id("s", "r")
    assert ids.comment_id_of_event(discussion, "a", "b") != ids.comment_id_of_person(
        discussion, "a", "b"
    )
    assert ids.comment_id(discussion, "k") != ids.passage_id(discussion, "k")


def test_a_foreign_id_is_told_apart() -> None:
    assert not ids.is_ours(UUID("12345678-1234-4234-8234-123456789abc"))
    assert not ids.is_ours(UUID("12345678-1234-8234-1234-123456789abc"))


def test_all_of_a_discussion_lies_in_one_range_and_nothing_else_does() -> None:
    discussion = ids.discussion_id("s", "r")
    first, last = discussion.int, discussion.int | ((1 << 62) - 1)
    inside = [pair[0] for pairs in every_id("s", "r", "a", "b").values() for pair in pairs]
    at_site = {ids.site_id("s"), ids.person_id("s", "a")}
    for found in inside:
        assert (first <= found.int <= last) == (found not in at_site)
    assert not first <= ids.discussion_id("s", "other").int <= last
