"""Cursors of a site's list of discussions: by activity, as it stands today."""

import base64
from uuid import UUID

import msgspec

from rostra.times import Time, is_time
from rostra_projections.listing import CURSOR_CHARACTERS_MAX, CursorRefused


class SiteCursor(msgspec.Struct, frozen=True, array_like=True):
    """Of which log and site, after which discussion."""

    log: str
    site: str
    active_at: Time
    id: UUID


_decoder = msgspec.json.Decoder(SiteCursor)


def encode_site_cursor(site: str, log: UUID, last: tuple[Time, UUID]) -> str:
    """A cursor as text that fits a URL."""
    cursor = SiteCursor(str(log), site, *last)
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def decode_site_cursor(text: str, site: str, log: UUID) -> tuple[Time, UUID]:
    """The key again. Raises CursorRefused."""
    try:
        if len(text) > CURSOR_CHARACTERS_MAX:
            raise ValueError(text)
        padded = text + "=" * (-len(text) % 4)
        cursor = _decoder.decode(base64.b64decode(padded, altchars=b"-_", validate=True))
        if not is_time(cursor.active_at):
            raise ValueError(cursor.active_at)
    except (ValueError, msgspec.DecodeError):
        raise CursorRefused("bad-cursor", "this is no cursor of ours") from None
    if cursor.site != site:
        raise CursorRefused("bad-cursor", "the cursor is of another site's list")
    if cursor.log != str(log):
        raise CursorRefused("log-changed", "the cursor is of another history of the log")
    return cursor.active_at, cursor.id
