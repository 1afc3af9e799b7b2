"""The whole of Rostra a second time: slow, of plain dicts, written from the contract.

It is the judge in property tests, so it imports nothing of what it judges. An act
is a CloudEvent as a dict: `type`, `source`, `id`, `time` (27 characters, UTC), `data`.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from support import model_articles, model_ids
from support.model_named import No
from support.model_views import Row
from support.model_wordings import Wordings

Act = dict[str, Any]

DEFAULTS = {"moderation": "none", "voting": "both", "self_votes": False, "depth": 12}


class Model(Wordings):
    """Acts in, outcomes out; its views are computed afresh at each look."""

    def __init__(self) -> None:
        super().__init__()
        self.position = 0
        self.sites: dict[str, Row] = {}
        self.flags: set[tuple[UUID, str]] = set()
        self.articles: dict[UUID, list[Row]] = {}
        self.said: dict[tuple[Any, str, str], Act] = {}

    def apply(self, act: Act) -> str:
        """`recorded`, `unchanged`, `duplicate`, or the name of a refusal."""
        act = self.by_own_name(act)
        try:
            about, identity = self._about(act), (act["source"], act["id"])
            if (about, *identity) in self.seen:
                same = self._says_the_same(act, self.said[(about, *identity)])
                return "duplicate" if same else "different-content"
            events = self._decide(act)
        except No as no:
            return str(no.args[0])
        if not events:
            return "unchanged"
        own = events if act["type"] == "article.revised" else 1  # after what it concludes
        self.seen[(about, *identity)] = self.position + own
        self.said[(about, *identity)] = act
        self.position += events
        return "recorded"

    def _says_the_same(self, act: Act, before: Act) -> bool:
        """Of two acts with one source and id about one thing: neither time nor names count,
        nor what the settings may have made of the place that was asked for.
        """
        if act["type"] != before["type"]:
            return False
        one, other = act["data"], before["data"]
        fields = {"vote.cast": "value", "passage.marked": "exact", "discussion.moved": "to"}
        field = {**fields, "article.revised": "revision"}.get(act["type"])
        if field is not None:
            return bool(one[field] == other[field])
        if act["type"] == "comment.posted":
            row = self.comments[_comment_id(act)]
            if not _in_the_same_place(act, row) or one["author"]["id"] != other["author"]["id"]:
                return False
        if act["type"] in ("comment.approved", "comment.rejected"):
            return self.decides_as_before(_comment_id(act), act)
        if act["type"] in ("comment.posted", "comment.edited"):
            erased = self._comment(act)["erased"]
            return bool(erased or one["body"] == other["body"])
        return True

    def first_position(self, act: Act) -> int:
        """Where the act, or the one that it repeats, was recorded."""
        about = self._about(self.by_own_name(act))
        return self.seen[(about, act["source"], act["id"])]

    def _about(self, act: Act) -> Any:
        """What an act is about: where a repeat of it is found."""
        kind, _, verb = act["type"].partition(".")
        data = act["data"]
        if kind == "site":
            return data["site"]
        if kind == "person":
            return kind, data["site"], data["person"]
        if kind == "discussion":
            return _discussion_id(act)
        if kind == "passage":
            return _passage_id(act)
        if kind == "article":
            return "article", _discussion_id(act)
        comment = _comment_id(act)
        if kind == "vote":
            return comment, "vote", data["voter"]
        return (comment, "flag", data["by"]) if verb == "flagged" else comment

    def _decide(self, act: Act) -> int:
        """Apply the act if it changes anything; how many events it makes."""
        site = act["data"]["site"]
        self.must_not_be_erased(site, act["data"].get("by"))
        if act["type"] == "site.configured":
            return self._configure(act)
        if act["type"] == "person.erased":
            return self.erase(site, act["data"]["person"])
        if act["type"] == "person.returned":
            return self.return_(site, act["data"]["person"])
        if act["type"] == "discussion.opened":
            return self._open(act)
        if _discussion_id(act) not in self.discussions:
            raise No("unknown-discussion")
        deciders: dict[str, Callable[[Act], int]] = {
            "discussion.closed": lambda it: self._turn(self.discussion(it), it, "open", False),
            "discussion.reopened": lambda it: self._turn(self.discussion(it), it, "open", True),
            "discussion.moved": lambda it: self.move(
                self.discussion(it), it["data"]["resource"], it
            ),
            "comment.posted": self._post,
            "comment.edited": self._edit,
            "comment.removed": self._remove,
            "comment.restored": lambda it: self._register(it, "removed", None),
            "comment.approved": self._approve,
            "comment.rejected": lambda it: self._unpublish(it, "rejected"),
            "comment.held": lambda it: self._unpublish(it, "held"),
            "comment.pinned": self._pin,
            "comment.unpinned": lambda it: self._register(it, "pinned", False),
            "comment.flagged": self._flag,
            "vote.cast": self._cast,
            "vote.nullified": lambda it: self._turn(self._vote(it), it, "nullified", True),
            "vote.restored": lambda it: self._turn(self._vote(it), it, "nullified", False),
            "passage.marked": self._mark,
            "article.revised": self._revise,
            "passage.closed": lambda it: self._turn(self._passage(it), it, "open", False),
            "passage.reopened": lambda it: self._turn(self._passage(it), it, "open", True),
            "passage.unmarked": lambda it: self._turn(self._passage(it), it, "marked", False),
        }
        return deciders[act["type"]](act)

    def _turn(self, row: Row, act: Act, field: str, value: Any) -> int:
        """A register: the latest time wins, what already stands changes nothing."""
        if row[field] == value or act["time"] < row[f"{field}_at"]:
            return 0
        row[field], row[f"{field}_at"] = value, act["time"]
        return 1

    def discussion(self, act: Act) -> Row:
        return self.discussions[_discussion_id(act)]

    def _comment(self, act: Act) -> Row:
        try:
            return self.comments[_comment_id(act)]
        except KeyError:
            raise No("unknown-comment") from None

    def _vote(self, act: Act) -> Row:
        try:
            return self.votes[_comment_id(act), act["data"]["voter"]]
        except KeyError:
            raise No("unknown-vote") from None

    def _passage(self, act: Act) -> Row:
        try:
            return self.passages[_passage_id(act)]
        except KeyError:
            raise No("unknown-passage") from None

    def _register(self, act: Act, field: str, value: Any) -> int:
        return self._turn(self._comment(act), act, field, value)

    def _configure(self, act: Act) -> int:
        name = act["data"]["site"]
        settings = {**self.sites.get(name, {}), **act["data"]["settings"]}
        if settings == self.sites.get(name):
            return 0
        self.sites[name] = settings
        return 1

    def _open(self, act: Act) -> int:
        data = act["data"]
        standing = self.discussions.get(_discussion_id(act))
        row = standing or {
            "id": _discussion_id(act),
            "site": data["site"],
            "resource": data["resource"],
            "title": None,
            "url": None,
            "settings": {},
            "open": True,
            "open_at": "",
            "moved_at": "",
        }
        named = {key: data[key] for key in ("title", "url") if data.get(key) is not None}
        opened = {**row, **named, "settings": {**row["settings"], **data.get("settings", {})}}
        if opened == standing:
            return 0
        self.discussions[row["id"]] = opened
        return 1

    def rules(self, act: Act) -> Row:
        """The settings that hold: the discussion's over the site's over the defaults."""
        site = self.sites.get(act["data"]["site"], {})
        return {**DEFAULTS, **site, **self.discussion(act)["settings"]}

    # -- comments

    def _post(self, act: Act) -> int:
        data, comment = act["data"], _comment_id(act)
        if comment in self.comments:
            raise No(self._taken(act, self.comments[comment]))
        asked = _named(act, "parent")
        self.must_not_be_erased(data["site"], data["author"]["id"])
        if not self.discussion(act)["open"]:
            raise No("discussion-closed")
        path, passage = self._place(act)
        status = data.get("status") or self.policy(
            self.rules(act), data["site"], data["author"]["id"]
        )
        self.comments[comment] = {
            "id": comment,
            "discussion": _discussion_id(act),
            "key": data.get("comment"),
            "path": path,
            "parent": path[-1] if path else None,
            "asked": asked,
            "depth": len(path),
            "passage": passage,
            "author": data["author"]["id"],
            "name": data["author"]["name"],
            "body": data["body"],
            "erased": False,
            "posted_at": act["time"],
            "position": self.position + 1,
            "edited_at": "",
            "pending": None,
            "named": (act["source"], act["id"]),
            "moderated": status,
            "waited": status == "held",
            "approved": False,
            "moderated_at": "",
            "removed": None,
            "removed_at": "",
            "pinned": False,
            "pinned_at": "",
        }
        return 1

    def _taken(self, act: Act, row: Row) -> str:
        data = act["data"]
        same_parent = _has_parent(act, row)
        same_author = data["author"]["id"] == row["author"]
        same_body = data["body"] == row.get("first_body", row["body"]) and not row["erased"]
        same = same_author and same_parent and same_body
        return "comment-exists" if same else "different-content"

    def _place(self, act: Act) -> tuple[list[UUID], UUID | None]:
        """The path to the comment, cut at the greatest depth, and its passage."""
        asked, mark = _named(act, "parent"), _named(act, "passage")
        path, passage = [], mark
        if asked is not None:
            parent = self.comments.get(asked)
            if parent is None:
                raise No("unknown-parent")
            if mark not in (None, parent["passage"]):
                raise No("other-passage")
            path = [*parent["path"], asked][: self.rules(act)["depth"]]
            passage = parent["passage"]
        if mark is not None:
            row = self.passages.get(mark)
            if row is None or not row["marked"]:
                raise No("unknown-passage")
            if not row["open"]:
                raise No("passage-closed")
        return path, passage

    def _edit(self, act: Act) -> int:
        row = self._comment(act)
        self.must_not_be_erased(act["data"]["site"], row["author"])
        if row["erased"]:
            raise No("comment-erased")
        return self.edit(row, act, self.rules(act))

    def _remove(self, act: Act) -> int:
        row = self._comment(act)
        by_author = act["data"].get("by") == row["author"]
        if row["removed"] is not None:
            return 0
        return self._turn(row, act, "removed", "deleted" if by_author else "removed")

    def _approve(self, act: Act) -> int:
        row = self._comment(act)
        self.must_be_the_latest(_comment_id(act), row, act)
        return self.approve(row, act)

    def _unpublish(self, act: Act, to: str) -> int:
        row = self._comment(act)
        self.must_be_the_latest(_comment_id(act), row, act)
        return self.unpublish(row, act, to)

    def _pin(self, act: Act) -> int:
        if self._comment(act)["parent"] is not None:
            raise No("not-at-the-top")
        return self._register(act, "pinned", True)

    def _flag(self, act: Act) -> int:
        flag = (self._comment(act)["id"], act["data"]["by"])
        if flag in self.flags:
            return 0
        self.flags.add(flag)
        return 1

    # -- votes and passages

    def _cast(self, act: Act) -> int:
        self.must_not_be_erased(act["data"]["site"], act["data"]["voter"])
        comment, rules, data = self._comment(act), self.rules(act), act["data"]
        if comment["removed"]:
            raise No("comment-removed")
        if comment["author"] == data["voter"] and not rules["self_votes"]:
            raise No("self-vote")
        if rules["voting"] == "off" and data["value"]:
            raise No("voting-off")
        if rules["voting"] == "up" and data["value"] == -1:
            raise No("voting-up-only")
        vote = self.votes.setdefault(
            (comment["id"], data["voter"]),
            {"order": ("", "", ""), "value": 0, "nullified": False, "nullified_at": ""},
        )
        order = (act["time"], act["source"], act["id"])
        if order <= vote["order"]:
            return 0
        vote["order"], vote["value"] = order, data["value"]
        return 1

    def _mark(self, act: Act) -> int:
        data, passage = act["data"], _passage_id(act)
        standing = self.passages.get(passage)
        if standing is None:
            place = model_articles.place_of_new(self.text(_discussion_id(act)), data)
            self.passages[passage] = {
                "id": passage,
                "discussion": _discussion_id(act),
                "key": data["passage"],
                **place,
                "question": data.get("question"),
                "open": True,
                "open_at": "",
                "marked": True,
                "marked_at": act["time"],
                "position": self.position + 1,
            }
            # Its article has it, too, and has it not.
            return 3 if place["state"] == "orphaned" else 2
        if standing["exact"] != data["exact"]:
            raise No("different-content")
        return self._mark_again(standing, act)

    def text(self, discussion: UUID) -> str | None:
        """The article's, as far as it was told."""
        revisions = self.articles.get(discussion)
        return revisions[-1]["text"] if revisions else None

    def _revise(self, act: Act) -> int:
        data, revisions = act["data"], self.articles.setdefault(_discussion_id(act), [])
        same = [it for it in revisions if it["revision"] == data["revision"]]
        if same and same[0]["text"] != data["text"]:
            raise No("different-content")
        if revisions:
            last = revisions[-1]
            if act["time"] < last["time"] or last["revision"] == data["revision"]:
                return 0
        revisions.append({"time": act["time"], **data})
        mine = [it for it in self.passages.values() if it["discussion"] == _discussion_id(act)]
        return 1 + sum(model_articles.find_again(it, data["text"]) for it in mine)

    def _mark_again(self, standing: Row, act: Act) -> int:
        question = act["data"].get("question")
        question = standing["question"] if question is None else question
        same = standing["marked"] and question == standing["question"]
        if same or act["time"] < standing["marked_at"]:
            return 0
        standing.update(question=question, marked=True, marked_at=act["time"])
        return 1


def _has_parent(act: Act, row: Row) -> bool:
    """Whether the act names the parent that the comment was posted with, or has."""
    named = _named(act, "parent")
    return named in (row["asked"], row["parent"]) if row["asked"] else named is None


def _in_the_same_place(act: Act, row: Row) -> bool:
    """The parent and the passage; a reply is on its thread's passage without naming it."""
    if not _has_parent(act, row):
        return False
    mark = _named(act, "passage")
    return mark == row["passage"] or (mark is None and row["asked"] is not None)


def _discussion_id(act: Act) -> UUID:
    return model_ids.discussion(act["data"]["site"], act["data"]["resource"])


def _named(act: Act, field: str) -> UUID | None:
    """A comment or passage named by key or by our id; they must agree."""
    data = act["data"]
    given = data.get(f"{field}_id")
    if field not in data:
        if given is not None and str(given)[:18] != str(_discussion_id(act))[:18]:
            raise No(f"unknown-{field}")  # it is of another discussion
        return given if given is None else UUID(str(given))
    compute = model_ids.passage if field == "passage" else model_ids.comment
    computed = compute(data["site"], data["resource"], data[field])
    if given is not None and UUID(str(given)) != computed:
        raise No("ids-disagree")
    return computed


def _comment_id(act: Act) -> UUID:
    named = _named(act, "comment")
    if named is not None:
        return named
    data = act["data"]
    parts = ("comment", "event", act["source"], act["id"])
    return model_ids.inside(data["site"], data["resource"], "comment", *parts)


def _passage_id(act: Act) -> UUID:
    named = _named(act, "passage")
    assert named is not None
    return named
