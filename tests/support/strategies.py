"""Sequences of acts that collide: few sites, resources, keys and persons; late times; repeats.

Every element is drawn on its own, so that a failing sequence shrinks to the few
acts that matter.
"""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from support import model_ids
from support.model import Act

PLACES = [("s", "a")] * 40 + [("s", "b"), ("t", "a"), ("s", "never opened")]
MOVED_TO = ["moved here", "moved on"]
COMMENTS = ["c0", "c0", "c1", "c1", "c2", "c3"]
PASSAGES = ["p0", "p1"]
STRETCH = "a stretch of the article that is long enough"
ANOTHER = "another one, which has as many letters as that"
TEXTS = {
    "r1": f"{STRETCH}.",
    "r2": f"Oh. {STRETCH}, and {ANOTHER}: both of them.",
    "r3": f"It was {ANOTHER}! Who says so? Nobody but {STRETCH}",
    "r4": "Nothing of it stands here.",
}
PERSONS = ["ann", "bob", "cem", "dee"]
VOTERS = ["dee", "dee", "dee", "bob", "ann"]
SOURCES = ["cms", "forum"]
EVENTS_MAX = 200
MINUTES_LATE = [0, 0, 0, 1, 1, 2, 10, 50]

_bodies = st.sampled_from(["Yes.", "No.", "Why?"])
_statuses = st.sampled_from(["published", "held", "held"])
_edits = st.sampled_from(["w0", "w1", "w2", "w3"])
_wordings: SearchStrategy[dict[str, str]] = st.builds(
    dict, source=st.sampled_from(SOURCES), id=_edits
)
_persons = st.sampled_from(PERSONS)
_voters = st.sampled_from(VOTERS)
_reasons = st.sampled_from(["spam", "off topic"])
_by: dict[str, SearchStrategy[Any]] = {"by": _persons}
_because: dict[str, SearchStrategy[Any]] = {"by": _persons, "reason": _reasons}

_settings: dict[str, SearchStrategy[Any]] = {
    "moderation": st.sampled_from(["none", "first", "all"]),
    "voting": st.sampled_from(["both", "up", "off"]),
    "self_votes": st.booleans(),
}


def time_of(minute: int) -> str:
    """A moment of the day of the conversation."""
    return f"2026-11-22T{8 + minute // 60:02}:{minute % 60:02}:00.000000Z"


@st.composite
def _envelope(draw: st.DrawFn, kind: str, data: SearchStrategy[dict[str, Any]]) -> Act:
    """An act without its time: it comes some minutes later than it happened."""
    return {
        "type": kind,
        "source": draw(st.sampled_from(SOURCES)),
        "id": f"e{draw(st.integers(0, EVENTS_MAX))}",
        "late": draw(st.sampled_from(MINUTES_LATE)),
        "data": draw(data),
    }


def _data(
    required: dict[str, SearchStrategy[Any]] | None = None,
    optional: dict[str, SearchStrategy[Any]] | None = None,
) -> SearchStrategy[dict[str, Any]]:
    rest = st.fixed_dictionaries(required or {}, optional=optional or {})
    return st.tuples(st.sampled_from(PLACES), rest).map(
        lambda it: {"site": it[0][0], "resource": it[0][1], **it[1]}
    )


@st.composite
def _by_id(draw: st.DrawFn, data: SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    """Sometimes our id in place of the publisher's key, also of a comment without one."""
    drawn = dict(draw(data))
    site, resource = drawn["site"], drawn["resource"]
    for field in ("comment", "parent"):
        if field not in drawn or not draw(st.sampled_from([False] * 7 + [True])):
            continue
        key = drawn.pop(field)
        if draw(st.booleans()):
            found = model_ids.comment(site, resource, key)
        else:
            parts = ("comment", "event", draw(st.sampled_from(SOURCES)), f"e{key[1:]}")
            found = model_ids.inside(site, resource, "comment", *parts)
        drawn[f"{field}_id"] = str(found)
    return drawn


def _on_comment(
    required: dict[str, SearchStrategy[Any]] | None = None,
    optional: dict[str, SearchStrategy[Any]] | None = None,
) -> SearchStrategy[dict[str, Any]]:
    return _by_id(_data({"comment": st.sampled_from(COMMENTS), **(required or {})}, optional))


def _author(person: str) -> dict[str, str]:
    return {"id": person, "name": person.title(), "email": f"{person}@example.org"}


def posted() -> SearchStrategy[Act]:
    """A comment or a reply, sometimes without a key, sometimes on a passage."""
    required = {"author": _persons.map(_author), "body": _bodies}
    optional = {
        "parent": st.sampled_from(COMMENTS),
        "passage": st.sampled_from(PASSAGES),
        "status": st.sampled_from(["published", "held"]),
    }
    keyed = _data({**required, "comment": st.sampled_from(COMMENTS)}, optional)
    # Only a parent is named by id: a new comment has its key, or the event's.
    return _envelope("comment.posted", st.one_of(keyed, keyed, _data(required, optional)))


def voted() -> SearchStrategy[Act]:
    """A vote: for, against, or retracted."""
    return _envelope(
        "vote.cast", _on_comment({"voter": _voters, "value": st.sampled_from([1, -1, 0])})
    )


def _moderated() -> list[SearchStrategy[Act]]:
    verbs = ("removed", "restored", "held", "pinned", "unpinned")
    moved = [_envelope(f"comment.{verb}", _on_comment(optional=_because)) for verb in verbs]
    naming = {**_because, "wording": _wordings}
    decided = [
        _envelope(f"comment.{verb}", _on_comment(optional=naming))
        for verb in ("approved", "rejected")
    ]
    return moved + decided


@st.composite
def _edited(draw: st.DrawFn) -> Act:
    """An edit, which has one of few names: decisions name it."""
    data = _on_comment({"body": _bodies}, {**_by, "status": _statuses})
    return {**draw(_envelope("comment.edited", data)), "id": draw(_edits)}


def _votes_ruled() -> list[SearchStrategy[Act]]:
    required = {"voter": _voters, **_because}
    return [_envelope(f"vote.{verb}", _on_comment(required)) for verb in ("nullified", "restored")]


def _passages() -> list[SearchStrategy[Act]]:
    named = {"passage": st.sampled_from(PASSAGES)}
    words = {"exact": st.sampled_from([STRETCH, STRETCH, ANOTHER])}
    position = {"start": st.integers(0, 3), "question": st.sampled_from(["Right?", "Clear?"])}
    turned = [
        _envelope(f"passage.{verb}", _data(named, _by))
        for verb in ("closed", "reopened", "unmarked")
    ]
    texts = st.sampled_from([*TEXTS.items(), ("r1", TEXTS["r2"])])
    articles = texts.map(
        lambda it: {"site": "s", "resource": "a", "revision": it[0], "text": it[1]}
    )
    return [
        _envelope("passage.marked", _data({**named, **words}, position)),
        _envelope("article.revised", articles),
        *turned,
    ]


def opened() -> SearchStrategy[Act]:
    """A discussion opened, or opened again."""
    titles = st.sampled_from(["A title", "Another"])
    settings = st.fixed_dictionaries({}, optional=_settings)
    return _envelope("discussion.opened", _data(optional={"title": titles, "settings": settings}))


def _configured() -> SearchStrategy[Act]:
    settings = st.fixed_dictionaries({}, optional={**_settings, "depth": st.integers(0, 3)})
    data = st.fixed_dictionaries({"site": st.sampled_from(["s", "s", "t"]), "settings": settings})
    return _envelope("site.configured", data)


def acts() -> SearchStrategy[Act]:
    """An act of any type; posting and voting most of all."""
    turned = [
        _envelope(f"discussion.{verb}", _data(optional=_because)) for verb in ("closed", "reopened")
    ]
    edited = _edited()
    flagged = _envelope("comment.flagged", _on_comment(_because))
    rare = [opened(), _configured(), *turned, *_passages(), *_votes_ruled(), edited, flagged]
    return st.one_of(posted(), voted(), st.one_of(posted(), voted(), *_moderated(), *rare))


STORIES = [
    ("comment.removed", "comment.restored", "comment.removed"),
    ("comment.rejected", "comment.removed", "comment.approved", "comment.restored"),
    ("comment.edited", "comment.approved"),
    ("comment.edited", "comment.rejected", "comment.approved"),
    ("comment.edited", "comment.held", "comment.approved"),
    ("comment.edited", "comment.removed", "comment.restored", "comment.approved"),
    ("comment.edited", "comment.edited", "comment.approved"),
    ("comment.pinned", "comment.unpinned", "comment.pinned"),
    ("discussion.closed", "comment.posted", "discussion.reopened"),
    ("vote.cast", "vote.nullified", "vote.cast", "vote.restored"),
    ("vote.cast", "comment.removed", "vote.cast"),
    ("passage.closed", "passage.reopened"),
    ("passage.unmarked", "passage.marked"),
    ("article.revised", "passage.marked", "comment.posted"),
]


@st.composite
def _stories(draw: st.DrawFn) -> list[Act]:
    """A few acts about the same thing, each of which may undo the one before."""
    place = {
        "comment": draw(st.sampled_from(COMMENTS)),
        "passage": "p0",
        "voter": draw(_voters),
        "by": draw(_persons),
        "reason": "spam",
        "exact": STRETCH,
        **dict(zip(("revision", "text"), draw(st.sampled_from(list(TEXTS.items()))), strict=True)),
        "author": _author("ann"),
        "body": "Why?",
        "value": draw(st.sampled_from([1, -1])),
    }
    kinds = draw(st.sampled_from(STORIES))
    return [
        draw(_decided(it, place))
        if it in _ON_WORDINGS
        else draw(_envelope(it, st.just(_about(it, place))))
        for it in kinds
    ]


_ON_WORDINGS = ("comment.edited", "comment.approved", "comment.rejected")


@st.composite
def _decided(draw: st.DrawFn, kind: str, place: dict[str, Any]) -> Act:
    """An edit, mostly one that waits, or a decision, which may name one; in time."""
    data = _about(kind, place)
    name = f"e{draw(st.integers(0, EVENTS_MAX))}"
    if kind == "comment.edited":
        data |= {"body": draw(_bodies), "status": draw(_statuses)}
        name = draw(_edits)
    elif draw(st.booleans()):
        data |= {"wording": draw(_wordings)}
    source = draw(st.sampled_from(SOURCES))
    return {"type": kind, "source": source, "id": name, "late": 0, "data": data}


_FIELDS = {
    "comment.edited": ("comment",),
    "comment.posted": ("comment", "author", "body"),
    "comment": ("comment", "by", "reason"),
    "discussion": ("by", "reason"),
    "vote.cast": ("comment", "voter", "value"),
    "vote": ("comment", "voter", "by", "reason"),
    "passage.marked": ("passage", "exact"),
    "article.revised": ("revision", "text"),
    "passage": ("passage", "by"),
}


def _about(kind: str, place: dict[str, Any]) -> dict[str, Any]:
    """What of `place` an event of this type has."""
    fields = _FIELDS.get(kind) or _FIELDS[kind.partition(".")[0]]
    return {"site": "s", "resource": "a", **{field: place[field] for field in fields}}


def _first(kind: str, **data: Any) -> Act:
    envelope = {"type": kind, "source": "cms", "id": "first", "late": 0}
    return {**envelope, "data": {"site": "s", "resource": "a", **data}}


def _first_comment(key: str, person: str, **data: Any) -> Act:
    return _first("comment.posted", comment=key, author=_author(person), body="Why?", **data)


BEGINNING = [
    _first("discussion.opened"),
    _first("discussion.opened", resource="b"),
    _first("passage.marked", passage="p0", exact=STRETCH),
    _first_comment("c0", "ann"),
    _first_comment("c1", "bob", parent="c0"),
    _first_comment("c2", "cem", passage="p0", status="held"),
    _first("vote.cast", comment="c0", voter="dee", value=1),
]


@st.composite
def conversations(draw: st.DrawFn, *, acts_max: int = 80) -> list[Act]:
    """Acts in log order; most begin with all of `BEGINNING`, some come again later."""
    chosen = list(range(len(BEGINNING)))
    if not draw(st.sampled_from([True] * 9 + [False])):
        chosen = sorted(draw(st.sets(st.sampled_from(chosen))))
    sequence = [BEGINNING[index] for index in chosen]
    # Lists of lists are longer than one list, and shrink as well.
    few = st.lists(st.one_of(acts().map(lambda it: [it]), _stories()), max_size=10)
    drawn = draw(st.lists(few, min_size=3, max_size=acts_max // 10))
    sequence += [act for episodes in drawn for episode in episodes for act in episode]
    sequence = [_timed(act, minute) for minute, act in enumerate(sequence)]
    if sequence:
        again = draw(st.lists(st.integers(0, len(sequence) - 1), max_size=5))
        repeats = [sequence[index] for index in again]
        sequence += [draw(st.one_of(st.just(it), _with_other_content(it))) for it in repeats]
    return sequence


@st.composite
def _with_other_content(draw: st.DrawFn, act: Act) -> Act:
    """The act published again with a field of another value, or as another type, under the id
    that is taken.
    """
    data = act["data"]
    others: dict[str, list[Any]] = {
        "value": [1, -1, 0],
        "body": ["Yes.", "No.", "Oh."],
        "exact": [STRETCH, ANOTHER],
        "parent": COMMENTS,
        "passage": PASSAGES,
        "title": ["A third title"],
        "reason": ["another reason"],
        "to": MOVED_TO,
        "author": [_author(person) for person in PERSONS],
        "wording": [{"source": "cms", "id": name} for name in ("w0", "w1")],
    }
    fields = sorted(others.keys() & data.keys())
    if act["type"] == "comment.posted":
        fields += ["parent", "passage", "edited"]
    if not fields:
        return act
    field = draw(st.sampled_from(fields))
    if field == "edited" and "comment" in data:
        place = {name: data[name] for name in ("site", "resource", "comment")}
        return {**act, "type": "comment.edited", "data": {**place, "body": "Edited."}}
    if field == "edited":
        return act
    return {**act, "data": {**data, field: draw(st.sampled_from(others[field]))}}


@st.composite
def _upsets(draw: st.DrawFn) -> list[Act]:
    """Somebody writes, is erased, and may return, who would then change what is gone; or a
    discussion moves: there, on, or back.
    """
    if draw(st.booleans()):
        moves = _data({"to": st.sampled_from([*MOVED_TO, "a", "b"])}, _because)
        return draw(st.lists(_envelope("discussion.moved", moves), min_size=1, max_size=3))
    site, name = draw(st.sampled_from(["s", "s", "s", "t"])), draw(_persons)
    person, author = {"site": site, "person": name}, _author(name)
    wrote = {"author": st.just(author), "body": _bodies, "status": st.just("published")}
    on_passage, below_it = {"passage": st.just("p0")}, {"parent": st.just("c2")}
    wheres = [_data(wrote), *(_data({**wrote, **it}) for it in (on_passage, below_it))]
    posted = _envelope("comment.posted", st.one_of(wheres))
    erased, returned = (_envelope(f"person.{it}", st.just(person)) for it in ("erased", "returned"))
    edited = _envelope("comment.edited", _on_comment({"body": _bodies}))
    episode = [posted, erased, posted, returned, edited, posted, erased]
    episode = episode[: draw(st.integers(2, len(episode)))]
    return [draw(act) for act in episode]


@st.composite
def upheavals(draw: st.DrawFn, *, acts_max: int = 80) -> list[Act]:
    """A conversation that goes on while its persons are erased and it moves, under any name that
    it has been given.
    """
    told: list[Act] = list(draw(conversations(acts_max=acts_max)))
    for upsets in draw(st.lists(_upsets(), min_size=1, max_size=4)):
        before_end = st.integers(
            0, len(told)
        )  # which is mostly little: first there is much to upset
        drawn = draw(st.lists(before_end, min_size=len(upsets), max_size=len(upsets)))
        minutes = sorted(len(told) - it for it in drawn)
        for before, (minute, upset) in enumerate(zip(minutes, upsets, strict=True)):
            told.insert(minute + before, _timed(upset, minute))
    names = {place: [place[1]] for place in PLACES}
    return [draw(_by_any_name(act, names)) for act in told]


@st.composite
def _by_any_name(draw: st.DrawFn, act: Act, names: dict[tuple[str, str], list[str]]) -> Act:
    """The act, whose discussion is named as it may be by then."""
    data = act["data"]
    known = names.get((data["site"], data.get("resource")), [])
    if len(known) > 1:
        data = {**data, "resource": draw(st.sampled_from(known))}
    if act["type"] == "discussion.moved":
        known.append(data["to"])
    return {**act, "data": data}


def timed_beginning() -> list[Act]:
    """What most conversations begin with."""
    return [_timed(act, minute) for minute, act in enumerate(BEGINNING)]


def _timed(act: Act, minute: int) -> Act:
    timed = {**act, "time": time_of(max(0, minute - act["late"]))}
    del timed["late"]
    return timed


def batches(sequence: list[Act]) -> SearchStrategy[list[list[Act]]]:
    """The sequence cut into batches."""
    cuts = st.lists(st.integers(0, len(sequence)), max_size=6).map(sorted)
    return cuts.map(
        lambda at: [
            sequence[start:end] for start, end in zip([0, *at], [*at, len(sequence)], strict=True)
        ]
    )
