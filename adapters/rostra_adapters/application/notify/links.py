"""Links in mails: what they do, signed, so that they work without signing in.

A link carries no address, and a person's stream in place of their id, which may be long: lines of
headers are short. Its key is the outbox's own, so that replacing `ROSTRA_SECRET` ends none.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Literal
from uuid import UUID

import msgspec

TAG_BYTES = 16
LINK_CHARACTERS_MAX = 400


class MailLink(msgspec.Struct, frozen=True, array_like=True):
    """Deed of a link: confirm an address, begin a subscription by mail, or end one.

    Without a discussion it ends all mails.
    """

    deed: Literal["unsubscribe", "confirm", "subscribe"]
    person: UUID
    """The person's stream."""
    discussion: UUID | None = None
    address: bytes | None = None
    """Hash of the address to confirm."""


_decoder = msgspec.json.Decoder(MailLink)


def sign_link(link: MailLink, key: bytes) -> str:
    """Return the text of a link, for a URL."""
    payload = msgspec.json.encode(link)
    return urlsafe_b64encode(_tag(payload, key) + payload).rstrip(b"=").decode()


def read_link(text: str, key: bytes) -> MailLink | None:
    """Return the link of a text, None for any text that was not signed."""
    if len(text) > LINK_CHARACTERS_MAX or not text.isascii():
        return None
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    tag, payload = raw[:TAG_BYTES], raw[TAG_BYTES:]
    if not hmac.compare_digest(tag, _tag(payload, key)):
        return None
    try:
        return _decoder.decode(payload)
    except msgspec.DecodeError:
        return None


def address_hash(person: UUID, address: str, key: bytes) -> bytes:
    """Return the keyed hash of a person's address."""
    return hmac.digest(key, person.bytes + address.encode(), sha256)[:TAG_BYTES]


def _tag(payload: bytes, key: bytes) -> bytes:
    return hmac.digest(key, payload, sha256)[:TAG_BYTES]
