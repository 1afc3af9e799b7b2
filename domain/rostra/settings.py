"""Settings: a site's defaults, and what a discussion overrides."""

from typing import Annotated, Literal, TypeVar

import msgspec

from rostra.limits import DEPTH_MAX, EDIT_SECONDS, ORIGINS_MAX, URL_CHARACTERS_MAX

Moderation = Literal["none", "first", "all"]
Voting = Literal["both", "up", "off"]
Order = Literal["newest", "oldest", "most_voted", "best", "controversial", "hot"]

Seconds = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
Depth = Annotated[int, msgspec.Meta(ge=0, le=DEPTH_MAX)]
Origin = Annotated[str, msgspec.Meta(min_length=1, max_length=URL_CHARACTERS_MAX)]
Origins = Annotated[tuple[Origin, ...], msgspec.Meta(max_length=ORIGINS_MAX)]


class Settings(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What a discussion may set; None leaves it to the site."""

    moderation: Moderation | None = None
    edit_seconds: Seconds | None = None
    voting: Voting | None = None
    self_votes: bool | None = None
    private: bool | None = None
    open_on_first: bool | None = None


class SiteSettings(Settings, frozen=True, kw_only=True, omit_defaults=True):
    """What a site may set besides: None leaves it to `Rules`."""

    origins: Origins | None = None
    guests: bool | None = None
    depth: Depth | None = None
    orders: Annotated[tuple[Order, ...], msgspec.Meta(max_length=6)] | None = None


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for one discussion. The defaults here are those of the contract."""

    moderation: Moderation = "none"
    edit_seconds: Seconds = EDIT_SECONDS
    voting: Voting = "both"
    self_votes: bool = False
    private: bool = False
    open_on_first: bool = False
    origins: Origins = ("*",)
    guests: bool = False
    depth: Depth = DEPTH_MAX
    orders: tuple[Order, ...] = ("newest", "oldest", "most_voted")


S = TypeVar("S", bound="Settings")


def named(settings: Settings) -> dict[str, object]:
    """The settings that are set."""
    fields = msgspec.structs.asdict(settings)
    return {name: value for name, value in fields.items() if value is not None}


def merge(standing: S, change: S) -> S:
    """`standing` with what `change` names."""
    return msgspec.structs.replace(standing, **named(change))


def rules(site: SiteSettings, discussion: Settings) -> Rules:
    """The site's settings, overridden by the discussion's, over the defaults."""
    return msgspec.structs.replace(Rules(), **{**named(site), **named(discussion)})
