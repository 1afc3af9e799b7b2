"""The passages of an article as annotations: https://www.w3.org/TR/annotation-model/ (JSON-LD).

A page of a collection (the model's section 5), each of its annotations whole in itself. Offsets
are the model's "characters": code points of the article's normalised plain text.
"""

import re
from collections.abc import Iterable
from typing import ClassVar, Literal
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType

from rostra_projections.responses.shapes import DiscussionShape, PassageShape, PassagesPage

CONTEXT = "http://www.w3.org/ns/anno.jsonld"
MEDIA_TYPE = f'application/ld+json;profile="{CONTEXT}"'

_NOT_IN_AN_IRI = re.compile(r'[\x00-\x20<>"{}|\\^`\x7f-\x9f]')


class TextQuoteSelector(
    msgspec.Struct, kw_only=True, omit_defaults=True, gc=False, tag_field="type", tag=True
):
    """The words, and those around them."""

    exact: str
    prefix: str | UnsetType = UNSET
    suffix: str | UnsetType = UNSET


class TextPositionSelector(msgspec.Struct, kw_only=True, gc=False, tag_field="type", tag=True):
    """Current offsets of the words; an orphan has none."""

    start: int
    end: int


class Target(msgspec.Struct, kw_only=True, gc=False):
    """`source`: the article's URL, or the publisher's own name of it."""

    source: str
    selector: list[TextQuoteSelector | TextPositionSelector]


class QuestionBody(msgspec.Struct, kw_only=True, gc=False):
    """Question of the author about the passage."""

    type: Literal["TextualBody"]
    value: str
    format: Literal["text/plain"]
    purpose: Literal["questioning"]


class Annotation(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """A passage."""

    context: str = msgspec.field(name="@context")
    id: str
    type: Literal["Annotation"]
    motivation: Literal["questioning", "commenting"]
    body: QuestionBody | UnsetType = UNSET
    target: Target


class Collection(msgspec.Struct, kw_only=True, gc=False):
    """All passages of the article."""

    id: str
    type: Literal["AnnotationCollection"]
    total: int


class AnnotationsPage(msgspec.Struct, kw_only=True):
    """All of them on one page."""

    media_type: ClassVar[str] = MEDIA_TYPE

    context: str = msgspec.field(name="@context")
    id: str
    type: Literal["AnnotationPage"]
    partOf: Collection  # noqa: N815  # the model's own names
    startIndex: int  # noqa: N815
    items: list[Annotation]


def annotations(discussion: DiscussionShape, page: PassagesPage) -> AnnotationsPage:
    """Return the passages of a discussion's article as annotations."""
    source = iri(discussion.url or discussion.resource)
    collection = f"urn:uuid:{discussion.id}"
    return AnnotationsPage(
        context=CONTEXT,
        id=f"{collection}#passages",
        type="AnnotationPage",
        partOf=Collection(id=collection, type="AnnotationCollection", total=len(page.passages)),
        startIndex=0,
        items=[_annotation(passage, source) for passage in page.passages],
    )


def iri(name: str) -> str:
    """Return a name as an IRI reference, with other characters percent-encoded."""
    return _NOT_IN_AN_IRI.sub(lambda found: quote(found[0]), name)


def _annotation(passage: PassageShape, source: str) -> Annotation:
    question = passage.question
    return Annotation(
        context=CONTEXT,
        id=f"urn:uuid:{passage.id}",
        type="Annotation",
        motivation="commenting" if question is None else "questioning",
        body=UNSET if question is None else _body(question),
        target=Target(source=source, selector=list(_selectors(passage))),
    )


def _body(question: str) -> QuestionBody:
    return QuestionBody(
        type="TextualBody", value=question, format="text/plain", purpose="questioning"
    )


def _selectors(passage: PassageShape) -> Iterable[TextQuoteSelector | TextPositionSelector]:
    yield TextQuoteSelector(
        exact=passage.exact,
        prefix=UNSET if passage.prefix is None else passage.prefix,
        suffix=UNSET if passage.suffix is None else passage.suffix,
    )
    if passage.start is not None and passage.end is not None:
        yield TextPositionSelector(start=passage.start, end=passage.end)
