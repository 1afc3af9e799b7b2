"""Meaning of settings that have no text of their own in the code."""

VARIABLES = {
    "ROSTRA_SECRET": "Secret that signs and checks tokens (HS256), at least 32 bytes. By default "
    "the file `secret` in the data folder.",
    "ROSTRA_SECRET_PREVIOUS": "The secret before, whose tokens are taken while it is replaced.",
    "ROSTRA_MASTER_KEY": "64 hex digits: the key that wraps persons' keys. While it is replaced, "
    "the new key, a comma and the former key. By default the file `master-key` in the data folder.",
    "ROSTRA_ERASURES": "File to which erasures are appended. By default `erasures.ndjson` in the "
    "data folder.",
    "ROSTRA_TOKEN": "Token that `rostra publish` sends.",
    "ROSTRA_OWNER_URL": "URL of the owner of the tables, for `rostra init`.",
    "PG_BIN": "Folder of another PostgreSQL's programs, for the one in the data folder.",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "Where traces go. OpenTelemetry's other variables hold, too; "
    "needs the extra `otel`.",
}

BOTH, SITE = "site, discussion", "site"
RULES = {
    "moderation": (BOTH, "Comments that wait for a moderator: `none`, an author's `first`, `all`."),
    "edit_seconds": (BOTH, "Seconds for which authors may edit and delete a comment."),
    "voting": (BOTH, "`both` ways, only `up`, or `off`."),
    "self_votes": (BOTH, "Authors may vote on their own comments."),
    "private": (BOTH, "Only tokens of the site may read."),
    "open_on_first": (BOTH, "A reader's first comment opens the discussion of a resource."),
    "wordings": (BOTH, "Readers of earlier wordings: `moderators`, or the `public`."),
    "marking": (BOTH, "Persons may mark passages (`persons`), or only the `publisher`."),
    "breaks": (BOTH, "A single newline in a comment's body is a line break."),
    "origins": (SITE, "Origins of pages that may use the service from a browser."),
    "guests": (SITE, "Guests may take part under a name."),
    "depth": (SITE, "Deepest level of replies; deeper ones become siblings."),
    "orders": (SITE, "Orders that readers are offered. Replies are always offered oldest first."),
    "names": (SITE, "Source of a person's name: the `token`, or the `person`, who sets it."),
    "labels": (SITE, "Labels that persons may be given."),
    "reserved_names": (SITE, "Names that no guest may take, nor names that look alike."),
    "review": (SITE, "Service that decides on comments: `url`, `seconds`; an empty `url` ends it."),
    "rules": (SITE, "Rules about the words of new comments: hold or reject them."),
    "slow_seconds": (SITE, "Seconds between two comments of a person, and of an address; 0: none."),
    "per_day": (SITE, "Most `comments`, `votes`, `marks` a day of a person, and of an address."),
    "flags_to_hold": (SITE, "Number of persons whose flags hold a published comment; 0: off."),
    "moderators_named": (SITE, "The public log names moderators instead of their role."),
    "guest_votes": (SITE, "Guests' votes: one an `address`, one a `name`, or `off`."),
}  # fmt: skip

LIMITS = {
    "EMAIL_CHARACTERS_MAX": "Characters of an e-mail address.",
    "LANGUAGE_CHARACTERS_MAX": "Characters of a person's language.",
    "TIME_ZONE_CHARACTERS_MAX": "Characters of a person's time zone.",
    "SOURCE_CHARACTERS_MAX": "Characters of an event's `source`.",
    "EVENT_CHARACTERS_MAX": "Characters of an event's `id`.",
    "URL_CHARACTERS_MAX": "Characters of a URL.",
    "QUESTION_CHARACTERS_MAX": "Characters of a passage's question.",
    "QUOTE_CHARACTERS_MAX": "Characters of a passage.",
    "CONTEXT_CHARACTERS_MAX": "Characters of `prefix` and of `suffix`.",
    "PASSAGES_MAX": "Passages of an article.",
    "MARKS_A_DAY_MAX": "Passages that one person marks in one article within a day.",
    "RULES_MAX": "Rules of a site.",
    "RULE_WORDS_MAX": "Words of all rules of a site together.",
    "RULE_WORD_CHARACTERS_MAX": "Characters of a word of a rule.",
    "RULE_WORD_PARTS_MAX": "Words of a phrase of a rule.",
    "RULE_PATTERN_BYTES_MAX": "Bytes of a rule's pattern in UTF-8.",
    "RULE_PROGRAM_MAX": "Instructions of a rule's pattern, compiled.",
    "RULE_SAY_CHARACTERS_MAX": "Characters of the text that a rule shows.",
    "SLOW_SECONDS_MAX": "Seconds that a site may set as `slow_seconds`.",
    "PER_DAY_MAX": "Acts that a site may set as a limit in `per_day`.",
    "FLAGS_TO_HOLD_MAX": "Number that a site may set as `flags_to_hold`.",
    "REVIEW_SECONDS_MAX": "Seconds that a site may give its review service.",
    "ORIGINS_MAX": "Origins of a site.",
    "RESERVED_NAMES_MAX": "Reserved names of a site.",
    "LABELS_MAX": "Labels of a site.",
    "LABEL_CHARACTERS_MAX": "Characters of a label.",
    "MENTIONS_MAX": "Persons whom a comment mentions.",
    "SUBSCRIPTION_CHANGES_MAX": "Starts and ends of one person's subscription to one discussion.",
    "TIME_AHEAD_SECONDS_MAX": "Seconds that an event's `time` may be ahead of the service's clock.",
}
