"""Opening of sealed words: bodies of comments with their HTML, and names of persons."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol
from uuid import UUID

import msgspec

from rostra import ids
from rostra.codec import find_words, open_words, words_place
from rostra.comment import CommentEdited, CommentPosted
from rostra.events import Words
from rostra.names import cleaned_name
from rostra.person import PersonConfigured
from rostra.sealing import Damaged, Erased, KeyRing
from rostra.times import LONG_AGO
from rostra_adapters.application.queries.mentions import Mentioned, link_mentions
from rostra_adapters.application.queries.renderings import Markdown
from rostra_projections.comments.rows import CommentRow, PendingRow
from rostra_projections.persons import PersonRow
from rostra_projections.query_port import ParticipantRead
from rostra_projections.responses.shapes import PendingShape, WordingShape
from rostra_projections.responses.threads import OpenedWords


class Renderer(Protocol):
    """Makes HTML that is safe to show of bodies (CommonMark)."""

    def at_hand(self, bodies: Iterable[Markdown]) -> Mapping[Markdown, str] | None:
        """Return the HTML of each body; None where that takes long."""

    async def render(self, bodies: Iterable[Markdown]) -> Mapping[Markdown, str]:
        """Return the HTML of each body."""


class WordOpener:
    """Opens the words in rows of the views."""

    def __init__(self, ring: KeyRing, renderer: Renderer) -> None:
        self._ring = ring
        self._renderer = renderer

    async def of_comments(
        self,
        rows: Sequence[CommentRow],
        waiting: Mapping[UUID, PendingRow],
        owners: Mapping[str, UUID],
        persons: Mapping[UUID, PersonRow],
        breaks: Mapping[UUID, bool],
    ) -> tuple[dict[UUID, OpenedWords], dict[UUID, PendingShape]]:
        """Return the opened and rendered words of comments, and of their pending wordings.

        The caller must not wait for anything before it answers.
        """

        def opened() -> tuple[dict[UUID, OpenedWords], dict[UUID, PendingShape]]:
            names = {id_: self.name(row) for id_, row in persons.items()}
            words = {
                row.id: _as_named(self._words(row, owner), persons.get(owner), names.get(owner))
                for row in rows
                for owner in (owners[row.author],)
            }
            pending = {
                row.id: self._pending(waiting[row.id], owners[row.author])
                for row in rows
                if row.id in waiting
            }
            return words, pending

        def markdown(comment: UUID, body: str) -> Markdown:
            return Markdown(body, breaks[ids.discussion_of(comment)])

        await self._ring.load(owners.values())
        words, pending = opened()
        bodies = [
            markdown(id_, one.body)
            for shown in (words, pending)
            for id_, one in shown.items()
            if one.body is not None
        ]
        html = self._renderer.at_hand(bodies)
        if html is None:
            html = await self._renderer.render(bodies)
            await self._ring.load(owners.values())
            words, pending = opened()
        for id_, one in words.items():
            if one.body is not None:
                words[id_] = msgspec.structs.replace(one, html=html[markdown(id_, one.body)])
        for id_, shape in pending.items():
            if shape.body is not None:
                shape.html = html[markdown(id_, shape.body)]
        return words, pending

    def add_mention_links(
        self,
        rows: Sequence[CommentRow],
        words: dict[UUID, OpenedWords],
        mentions: Sequence[ParticipantRead],
        owners: Mapping[str, UUID],
        persons: Mapping[UUID, PersonRow],
    ) -> None:
        """Link the names of mentioned persons in HTML. Their keys must be loaded."""
        known = {
            (one.discussion, one.person): Mentioned(one.person, name, one.comment)
            for one in mentions
            if (name := self.participant_name(one, owners[one.person], persons)) is not None
        }
        for row in rows:
            html = words[row.id].html
            if row.mentions is None or html is None:
                continue
            keys = [(row.discussion, person) for person in mentions_in(row)]
            linked = link_mentions(html, [known[key] for key in keys if key in known])
            words[row.id] = msgspec.structs.replace(words[row.id], html=linked)

    def participant_name(
        self, read: ParticipantRead, owner: UUID, persons: Mapping[UUID, PersonRow]
    ) -> str | None:
        """Return a participant's current name, None if they were erased or gave none.

        The name in a comment that is not shown any more is nobody's. The person's key must be
        loaded.
        """
        place = read.comment, CommentPosted.topic, read.words_event
        said = find_words(read.words, self._ring, owner, *place)
        if said is None and read.words is not None:
            return None
        row = persons.get(owner)
        name = None if row is None else self.name(row)
        return name if said is None else name or _name_in(said)

    def _pending(self, row: PendingRow, owner: UUID) -> PendingShape:
        place = row.id, CommentEdited.topic, row.words_event
        words = find_words(row.words, self._ring, owner, *place)
        return PendingShape(
            body=None if words is None else words.body,
            html=None,
            at=row.at or LONG_AGO,
            wording=WordingShape(row.source or "", row.event or ""),
        )

    def name(self, person: PersonRow) -> str | None:
        """Return the name that a person has set, None if there is none or it was erased.

        The person's key must be loaded.
        """
        place = person.id, PersonConfigured.topic, person.words_event
        words = find_words(person.words, self._ring, person.id, *place)
        return None if words is None else _name_in(words)

    def _words(self, row: CommentRow, owner: UUID) -> OpenedWords:
        """Open the name that came with a comment, and its latest body."""
        try:
            first = self._open(row.id, row.words, CommentPosted.topic, row.words_event, owner)
            latest = first
            if row.edited_event is not None:
                topic, event = CommentEdited.topic, row.edited_event
                latest = self._open(row.id, row.edited_words, topic, event, owner)
        except Erased:
            return OpenedWords(erased=True)
        except Damaged:
            return OpenedWords()
        return OpenedWords(name=_name_in(first), body=latest.body)

    def _open(
        self, comment: UUID, sealed: bytes | None, topic: str, event: UUID | None, owner: UUID
    ) -> Words:
        if sealed is None:
            raise Erased
        if event is None:
            raise Damaged
        place = words_place(comment, topic, event)
        return open_words(sealed, self._ring, owner, place)


_persons = msgspec.json.Decoder(list[str])


def mentions_in(row: CommentRow) -> list[str]:
    """Return the ids of the persons whom a comment mentions."""
    return [] if row.mentions is None else _persons.decode(row.mentions)


def _name_in(words: Words) -> str | None:
    """Return the name, cleaned: the log may hold names from before names were cleaned."""
    return None if words.name is None else cleaned_name(words.name)


def _as_named(words: OpenedWords, person: PersonRow | None, name: str | None) -> OpenedWords:
    """Return a comment's words with its author's current name and label."""
    if person is None or words.body is None:
        return words
    return msgspec.structs.replace(words, name=name or words.name, label=person.label)
