"""Limits of the contract that the environment may set.

The command line reads them before `rostra.limits` is imported, which reads the environment.
"""

from typing import NamedTuple


class Setting(NamedTuple):
    """A limit that the environment may set, by the variable `ROSTRA_` and its name."""

    default: int
    greatest: int
    meaning: str


SETTINGS = {
    "BODY_BYTES_MAX": Setting(16 * 1024, 1024 * 1024, "Bytes of a comment's body, in UTF-8."),
    "ARTICLE_BYTES_MAX": Setting(
        4 * 1024 * 1024, 12 * 1024 * 1024, "Bytes of an article's text, in UTF-8."
    ),
    "RESOURCE_CHARACTERS_MAX": Setting(2_000, 8_000, "Characters of a resource."),
    "SITE_CHARACTERS_MAX": Setting(200, 500, "Characters of a site's name."),
    "KEY_CHARACTERS_MAX": Setting(
        200, 500, "Characters of a key of a comment, passage or revision."
    ),
    "PERSON_CHARACTERS_MAX": Setting(200, 500, "Characters of a person's id."),
    "NAME_CHARACTERS_MAX": Setting(100, 500, "Characters of a person's name."),
    "TITLE_CHARACTERS_MAX": Setting(500, 10_000, "Characters of a title."),
    "REASON_CHARACTERS_MAX": Setting(500, 10_000, "Characters of a reason."),
    "DEPTH_MAX": Setting(12, 32, "Greatest depth of replies that a site may set."),
    "PAGE_COMMENTS_MAX": Setting(
        500, 10_000, "Comments of a page, with all replies that it shows."
    ),
    "STREAM_EVENTS_MAX": Setting(
        10_000, 100_000, "Events about one thing, such as a comment, a vote or a discussion."
    ),
    "STREAM_EVENTS_RESERVED": Setting(
        1_000, 10_000, "Last of these, for moderation and erasure alone."
    ),
    "COMMENT_EDITS_MAX": Setting(100, 10_000, "Edits of a comment by its author."),
    "VOTE_CHANGES_MAX": Setting(200, 10_000, "Changes of a vote."),
    "PERSON_CHANGES_MAX": Setting(1_000, 10_000, "Changes of a person's settings."),
}
