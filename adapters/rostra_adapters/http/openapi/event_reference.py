"""Text and an example for each type of event: for `/docs`, and for the reference in `docs/`.

Published in the order of `EVENTS`, the examples are all recorded; a test publishes them.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from rostra.commands import COMMANDS

SOURCE = "https://news.example/cms"
SITE = {"site": "news"}
TEA = {"site": "news", "resource": "/tea"}
C1 = {**TEA, "comment": "c1"}
P1 = {**TEA, "passage": "p1"}
BO_ON_C1 = {**C1, "voter": "bo"}

_Event = dict[str, Any]


class EventText(msgspec.Struct, frozen=True):
    """Description of a type of event, and example data."""

    summary: str
    data: dict[str, Any]


EVENTS: dict[str, EventText] = {
    "site.configured": EventText(
        "Set the defaults of a site. Only the settings that are named change. "
        "Needs the scope `admin`.",
        {
            **SITE,
            "settings": {
                "guests": True,
                "orders": ["newest", "most_voted", "best"],
                "labels": ["Staff"],
            },
        },
    ),
    "discussion.opened": EventText(
        "Open the discussion of a resource, or update its title, URL and settings.",
        {**TEA, "title": "Is tea better than coffee?", "url": "https://news.example/tea"},
    ),
    "article.revised": EventText(
        "Give the article's text, as `text` or `html`. Passages are found again in it.",
        {**TEA, "revision": "r1", "text": "A nice cup of tea takes four minutes."},
    ),
    "passage.marked": EventText(
        "Mark a passage of the article that invites feedback. With a key that exists, change "
        "its question.",
        {**P1, "exact": "A nice cup of tea", "question": "With milk?"},
    ),
    "comment.posted": EventText(
        "Post a comment, a reply (`parent`) or feedback on a passage (`passage`).",
        {**C1, "author": {"id": "ann", "name": "Ann"}, "body": "It *is*."},
    ),
    "comment.edited": EventText(
        "Replace the body of a comment.", {**C1, "body": "It *is* better.", "by": "ann"}
    ),
    "comment.flagged": EventText(
        "Report a comment to the moderators.", {**C1, "by": "cy", "reason": "Off topic"}
    ),
    "comment.held": EventText(
        "Put a comment into the moderators' queue. The public no longer sees it.",
        {**C1, "by": "mia", "reason": "Let us look at it"},
    ),
    "comment.approved": EventText(
        "Publish a held comment, or a new wording that waits. Answers the flags on it.",
        {**C1, "by": "mia"},
    ),
    "comment.pinned": EventText(
        "Put a top-level comment at the head of every list.", {**C1, "by": "mia"}
    ),
    "comment.unpinned": EventText("Take the pin away again.", {**C1, "by": "mia"}),
    "comment.removed": EventText(
        "Remove a comment. A tombstone without words keeps its place, and replies stay.",
        {**C1, "by": "mia", "reason": "Advertising"},
    ),
    "comment.restored": EventText("Take a removal back.", {**C1, "by": "mia"}),
    "comment.rejected": EventText(
        "Refuse a held comment, or a new wording that waits.",
        {**C1, "by": "mia", "reason": "Off topic"},
    ),
    "vote.cast": EventText(
        "Set one person's vote on a comment. The vote with the latest time counts.",
        {**BO_ON_C1, "value": 1},
    ),
    "vote.nullified": EventText(
        "Exclude one person's vote from the count, also after a later vote.",
        {**BO_ON_C1, "by": "mia", "reason": "Bought votes"},
    ),
    "vote.restored": EventText(
        "Count a nullified vote again.", {**BO_ON_C1, "by": "mia", "reason": "A mistake"}
    ),
    "passage.closed": EventText("Accept no more comments on a passage.", {**P1, "by": "mia"}),
    "passage.reopened": EventText("Accept comments on a closed passage again.", P1),
    "passage.unmarked": EventText(
        "Take the mark away. Comments on the passage stay in the discussion.", P1
    ),
    "discussion.closed": EventText(
        "Accept no more comments and edits. Votes still count.",
        {**TEA, "by": "mia", "reason": "A week is over"},
    ),
    "discussion.reopened": EventText("Accept comments again.", TEA),
    "discussion.moved": EventText(
        "Give the discussion a new resource, for example after the article's URL changed. "
        "The old name keeps working.",
        {**TEA, "to": "/drinks/tea"},
    ),
    "person.configured": EventText(
        "Set a person's name, address, language, time zone and mail settings. Only what is named "
        "changes; null takes a setting back. The feed carries the name alone.",
        {
            **SITE,
            "person": "ann",
            "name": "Ann Bell",
            "language": "en-GB",
            "time_zone": "Europe/London",
            "hour": 7,
            "notify": {"replies": "now", "subscriptions": "daily"},
        },
    ),
    "person.labelled": EventText(
        "Show a label beside a person's name: one of the site's `labels`, or null for none.",
        {**SITE, "person": "ann", "label": "Staff", "by": "mia"},
    ),
    "person.banned": EventText(
        "Ban a person of the site, until a time or for good: they comment, vote, flag and mark no "
        "more. With `comments: remove` and `votes: nullify` what they did before is taken away, "
        "by an event of its own for each comment and vote. Again: changes the ban's terms.",
        {
            **SITE,
            "person": "bo",
            "by": "mia",
            "reason": "Advertising",
            "until": "2026-12-01T00:00:00.000000Z",
            "comments": "remove",
            "votes": "nullify",
        },
    ),
    "person.unbanned": EventText(
        "End a ban. With `restore` exactly what the ban removed and nullified comes back.",
        {**SITE, "person": "bo", "by": "mia", "restore": True},
    ),
    "person.trusted": EventText(
        "Trust a person: where `moderation` is `first`, their comments need no approval.",
        {**SITE, "person": "bo", "by": "mia"},
    ),
    "person.distrusted": EventText(
        "Take a person's trust back: where `moderation` is `first`, their next comment is held.",
        {**SITE, "person": "bo", "by": "mia"},
    ),
    "subscription.started": EventText(
        "Notify a person of every new comment (`comments`) or of replies to their own (`replies`). "
        "Not in the feed.",
        {**TEA, "person": "ann", "to": "replies"},
    ),
    "subscription.ended": EventText(
        "Stop notifying the person of the discussion. Not in the feed.", {**TEA, "person": "ann"}
    ),
    "person.erased": EventText(
        "Destroy the key of a person's words. Names, bodies and reasons are gone for ever; "
        "threads, votes and counts stay. Needs the scope `admin`.",
        {**SITE, "person": "ann"},
    ),
    "person.returned": EventText(
        "Let an erased person write again, under a new key. Needs the scope `admin`.",
        {**SITE, "person": "ann"},
    ),
}

FIELDS: dict[str, str] = {
    "site": "Name of the site.",
    "resource": "The publisher's own name of what is discussed: a URL, a path or an id.",
    "discussion_id": "Rostra's id of the discussion. It must agree with `resource`.",
    "comment": "The publisher's key of the comment.",
    "comment_id": "Rostra's id of the comment, in place of `comment`.",
    "parent": "Key of the comment that this one answers.",
    "parent_id": "Rostra's id of that comment, in place of `parent`.",
    "passage": "The publisher's key of the passage.",
    "passage_id": "Rostra's id of the passage, in place of `passage`.",
    "author": "Author of the comment.",
    "author.id": "The publisher's id of the person. A pseudonym: no e-mail address.",
    "author.name": "Name to show. Needed unless `erased` is true.",
    "author.email": "E-mail address. Sealed, and readable only in the feed.",
    "body": "Text in CommonMark. Needed unless `erased` is true.",
    "status": "Publish or hold the comment regardless of the site's `moderation`. For importers.",
    "erased": "True in the feed where the words were erased. Then no words are given.",
    "by": "Id of the person who does this.",
    "reason": "Reason. Sealed; moderators and the moderation log show it.",
    "rule": "Name of the rule that held the comment.",
    "wording": "The edit that is decided on. By default the latest.",
    "wording.source": "`source` of the edit.",
    "wording.id": "`id` of the edit.",
    "voter": "Id of the person whose vote it is.",
    "value": "1 for, -1 against, 0 takes the vote back.",
    "exact": "The passage's words, exactly as in the article.",
    "prefix": "Words before the passage, which distinguish it from equal passages.",
    "suffix": "Words after the passage.",
    "start": "Offset of the first character in the article's normalised text, in code points.",
    "end": "Offset after the last character.",
    "question": "Question to the readers.",
    "revision": "The publisher's name of the revision.",
    "text": "The article as plain text. Either `text` or `html`.",
    "html": "The article as HTML.",
    "dropped": "True in the feed where the text is no longer kept. Changes nothing.",
    "person": "Id of the person.",
    "to": "The new resource. Of a subscription: `comments` for every new one, `replies` for those "
    "to the person's own.",
    "mentions": "Ids of persons whom the body mentions.",
    "name": "Name to show, on earlier comments too.",
    "email": "E-mail address. Sealed; mails go there once it is confirmed.",
    "language": "Language of mails and pages, for example `de-AT`.",
    "time_zone": "IANA's name of the time zone, for example `Europe/Vienna`.",
    "hour": "Hour of the day at which daily mails are sent.",
    "notify": "How soon a mail is sent, by reason.",
    "notify.replies": "Of replies to the person's comments: `now`, `hourly`, `daily` or `off`.",
    "notify.mentions": "Of comments that mention the person.",
    "notify.subscriptions": "Of comments in discussions that the person subscribed to.",
    "notify.moderation": "Of decisions about the person's comments and flags.",
    "label": "One of the site's `labels`; null takes the label away.",
    "until": "End of the ban; null for no end.",
    "comments": "`remove` takes away the comments posted before the ban; `keep` leaves them.",
    "votes": "`nullify` takes away the votes cast before the ban; `keep` leaves them.",
    "restore": "True takes back what the ban removed and nullified.",
    "title": "Title to show.",
    "url": "Address of the page.",
    "settings": "Settings to change.",
    "settings.moderation": "Comments that wait for a moderator: `none`, the `first` of each "
    "author, or `all`.",
    "settings.edit_seconds": "Seconds for which authors may edit and delete a comment.",
    "settings.voting": "`both` ways, only `up`, or `off`.",
    "settings.self_votes": "True lets authors vote on their own comments.",
    "settings.private": "True shows the discussion only to tokens of the site.",
    "settings.open_on_first": "True lets a reader's first comment open a discussion.",
    "settings.wordings": "Readers of earlier wordings: `moderators`, or the `public`.",
    "settings.breaks": "Whether a single newline in a body is a line break.",
    "settings.marking": "Who marks passages: `persons` too, or the `publisher` alone.",
    "settings.origins": "Origins of pages that may use the service from a browser.",
    "settings.guests": "True lets guests take part under a name.",
    "settings.depth": "Depth of replies; deeper ones become siblings.",
    "settings.orders": "Orders that readers are offered.",
    "settings.reserved_names": "Names that no guest may take.",
    "settings.names": "Source of a person's name: the `token`, or the `person`, who sets it.",
    "settings.review": "Service that decides on new comments before they are shown.",
    "settings.review.url": "URL that comments are sent to; empty to end the review.",
    "settings.review.seconds": "Longest wait for an answer.",
    "settings.labels": "Labels that persons may be given.",
    "settings.rules": "Rules about the words of new comments and edits. The first that fits "
    "decides; events with a `status` are obeyed.",
    "settings.rules.when": "Conditions of the rule. It fits if each of them holds.",
    "settings.rules.when.words": "Words and phrases, one of which the text has. Case, styled "
    "letters, invisible characters and look-alikes do not matter.",
    "settings.rules.when.pattern": "Regular expression of RE2 that is found in the text. Links' "
    "targets follow the text, a line each.",
    "settings.rules.when.links_min": "Least number of links that readers would see.",
    "settings.rules.when.guest": "Whether the author is a guest.",
    "settings.rules.when.first": "Whether the author has no approved comment yet.",
    "settings.rules.when.letters_same_share": "Least share of the most frequent letter, from 0 "
    "to 1. A text of few letters has none.",
    "settings.rules.then": "`hold` the comment for a moderator, or `reject` it.",
    "settings.rules.say": "Message to the author of a rejected comment.",
    "settings.slow_seconds": "Least number of seconds between two comments of a person, and of "
    "an address.",
    "settings.per_day": "Limits of a person, and of an address, within a day.",
    "settings.per_day.comments": "Comments a day.",
    "settings.per_day.votes": "Votes a day.",
    "settings.per_day.marks": "Passages marked a day.",
    "settings.flags_to_hold": "Number of persons whose flags hold a published comment; 0 for "
    "none. Guests do not count.",
    "settings.moderators_named": "True names moderators in the public log, instead of their role.",
    "settings.guest_votes": "One guest's vote an `address`, one a `name`, or `off`.",
}
"""Meaning of each field of `data`, for all types of events alike."""


def examples() -> Iterator[_Event]:
    """Yield an event of each type, in the order in which they can be published."""
    for number, name in enumerate(EVENTS, start=1):
        yield example(name, str(number))


def example(name: str, event_id: str = "1") -> _Event:
    """Return an event of one type as it is published."""
    envelope = {"specversion": "1.0", "source": SOURCE, "id": event_id, "type": name}
    return {**envelope, "data": EVENTS[name].data}


def names_by_thing() -> Iterator[str]:
    """Yield the types of events, grouped by their subject."""
    for thing in dict.fromkeys(name.partition(".")[0] for name in EVENTS):
        yield from (name for name in COMMANDS if name.startswith(f"{thing}."))
