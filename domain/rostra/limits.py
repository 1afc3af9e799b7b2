"""The limits of the contract, each with its unit in its name."""

BODY_BYTES_MAX = 16 * 1024
SITE_CHARACTERS_MAX = 200
RESOURCE_CHARACTERS_MAX = 2_000
KEY_CHARACTERS_MAX = 200
PERSON_CHARACTERS_MAX = 200
NAME_CHARACTERS_MAX = 100
EMAIL_CHARACTERS_MAX = 320
TITLE_CHARACTERS_MAX = 500
URL_CHARACTERS_MAX = 2_000
REASON_CHARACTERS_MAX = 500
QUESTION_CHARACTERS_MAX = 500
QUOTE_CHARACTERS_MAX = 10_000
CONTEXT_CHARACTERS_MAX = 500
SOURCE_CHARACTERS_MAX = 1_000
ARTICLE_BYTES_MAX = 4 * 1024 * 1024
PASSAGES_MAX = 5_000
"""Of one article. Each revision anchors them all."""
MARKS_A_DAY_MAX = 20
"""Passages that one person marks in one article within `DAY_SECONDS`."""
DAY_SECONDS = 24 * 60 * 60
EVENT_CHARACTERS_MAX = 1_000
ORIGINS_MAX = 100
RESERVED_NAMES_MAX = 1_000
STREAM_EVENTS_MAX = 10_000
"""A stream is read whole to decide, so it may not grow beyond this."""
STREAM_EVENTS_RESERVED = 1_000
"""The last places of a stream, for moderation, bans and erasure alone."""
REVISION_EVENTS_RESERVED = 1_000
"""Places of an article's stream, before those, which persons' marks leave to its revisions."""
COMMENT_EDITS_MAX = 100
"""By the author of a comment, or as told by a publisher who names nobody else as the editor.
Edits by moderators take ordinary places of the stream."""
VOTE_CHANGES_MAX = 200
"""Changes of one vote after it was first cast, whoever publishes them."""
PERSON_CHANGES_MAX = 1_000
"""Changes of one person's settings, whoever publishes them."""
SUBSCRIPTION_CHANGES_MAX = 1_000
"""Starts and ends of one person's subscription to one discussion."""
LABELS_MAX = 100
LABEL_CHARACTERS_MAX = 50
LANGUAGE_CHARACTERS_MAX = 35
TIME_ZONE_CHARACTERS_MAX = 64
MENTIONS_MAX = 20
DEPTH_MAX = 12
EDIT_SECONDS = 900
TIME_AHEAD_SECONDS_MAX = 5 * 60
