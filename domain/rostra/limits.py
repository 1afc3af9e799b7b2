"""The limits of the contract, each with its unit in its name.

Limits in `SETTINGS` may be set by variables of the environment. They are read once, when this
module is imported, since the types of commands are made of them. A limit that is tightened makes no
earlier event unreadable.
"""

import os

from rostra.settable_limits import SETTINGS


def _value(name: str) -> int:
    """Return the value of a setting. Raises ValueError."""
    default, greatest, _ = SETTINGS[name]
    text = os.environ.get(f"ROSTRA_{name}") or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= greatest:
        raise ValueError(f"ROSTRA_{name} must be a whole number from 1 to {greatest}, not {text!r}")
    return int(text)


BODY_BYTES_MAX = _value("BODY_BYTES_MAX")
SITE_CHARACTERS_MAX = _value("SITE_CHARACTERS_MAX")
RESOURCE_CHARACTERS_MAX = _value("RESOURCE_CHARACTERS_MAX")
KEY_CHARACTERS_MAX = _value("KEY_CHARACTERS_MAX")
PERSON_CHARACTERS_MAX = _value("PERSON_CHARACTERS_MAX")
NAME_CHARACTERS_MAX = _value("NAME_CHARACTERS_MAX")
EMAIL_CHARACTERS_MAX = 320
TITLE_CHARACTERS_MAX = _value("TITLE_CHARACTERS_MAX")
URL_CHARACTERS_MAX = 2_000
REASON_CHARACTERS_MAX = _value("REASON_CHARACTERS_MAX")
QUESTION_CHARACTERS_MAX = 500
QUOTE_CHARACTERS_MAX = 10_000
CONTEXT_CHARACTERS_MAX = 500
SOURCE_CHARACTERS_MAX = 1_000
ARTICLE_BYTES_MAX = _value("ARTICLE_BYTES_MAX")
PASSAGES_MAX = 5_000
"""Passages of one article. Each revision of the article anchors all of them."""
MARKS_A_DAY_MAX = 20
"""Passages that one person marks in one article within `DAY_SECONDS`."""
DAY_SECONDS = 24 * 60 * 60
EVENT_CHARACTERS_MAX = 1_000
ORIGINS_MAX = 100
RESERVED_NAMES_MAX = 1_000
REVIEW_SECONDS = 5
"""Seconds that a review may take, unless a site names others."""
REVIEW_SECONDS_MAX = 60
STREAM_EVENTS_MAX = _value("STREAM_EVENTS_MAX")
"""A stream is read whole to decide, so it may not grow beyond this."""
STREAM_EVENTS_RESERVED = _value("STREAM_EVENTS_RESERVED")
"""The last places of a stream, for moderation, bans and erasure alone."""
REVISION_EVENTS_RESERVED = 1_000
"""Places of an article's stream, before those, which persons' marks leave to its revisions."""
COMMENT_EDITS_MAX = _value("COMMENT_EDITS_MAX")
"""Edits of one comment by its author, or published without another editor.
Edits by moderators use ordinary places of the stream."""
VOTE_CHANGES_MAX = _value("VOTE_CHANGES_MAX")
"""Changes of one vote after it was first cast, by any publisher."""
PERSON_CHANGES_MAX = _value("PERSON_CHANGES_MAX")
"""Changes of one person's settings, by any publisher."""
SUBSCRIPTION_CHANGES_MAX = 1_000
"""Starts and ends of one person's subscription to one discussion."""
LABELS_MAX = 100
LABEL_CHARACTERS_MAX = 50
RULES_MAX = 50
"""Rules of a site about the words of comments."""
RULE_WORDS_MAX = 10_000
"""Words of all rules of a site together."""
RULE_WORD_CHARACTERS_MAX = 50
RULE_WORD_PARTS_MAX = 10
"""Words of a phrase."""
RULE_PATTERN_BYTES_MAX = 1_000
RULE_PROGRAM_MAX = 1_000
"""Instructions of a compiled pattern."""
RULE_SAY_CHARACTERS_MAX = 500
LETTERS_COMPARED_MIN = 10
"""Texts with fewer letters have no share of equal letters."""
SLOW_SECONDS_MAX = 24 * 60 * 60
PER_DAY_MAX = 1_000_000
FLAGS_TO_HOLD_MAX = 1_000
LANGUAGE_CHARACTERS_MAX = 35
TIME_ZONE_CHARACTERS_MAX = 64
MENTIONS_MAX = 20
DEPTH_MAX = _value("DEPTH_MAX")
PAGE_COMMENTS_MAX = _value("PAGE_COMMENTS_MAX")
"""Comments of a page, all replies below its rows among them."""
EDIT_SECONDS = 900
TIME_AHEAD_SECONDS_MAX = 5 * 60
