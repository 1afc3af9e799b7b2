"""The ids of design section 3, computed a second time: with hashlib, json and bit strings."""

import hashlib
import json
from uuid import UUID

KINDS = {
    "discussion": "000",
    "comment": "001",
    "vote": "010",
    "passage": "011",
    "subscription": "100",
    "person": "101",
    "site": "110",
    "flag": "111",
}


def bits(*parts: str) -> str:
    """SHA-256 of the compact JSON array, as 256 zeros and ones."""
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return "".join(f"{byte:08b}" for byte in hashlib.sha256(text.encode()).digest())


def _laid_out(prefix: str, kind: str, tail: str) -> UUID:
    whole = prefix[:48] + "1000" + prefix[48:60] + "10" + KINDS[kind] + tail[:59]
    assert len(whole) == 128
    return UUID(int=int(whole, 2))


def discussion(site: str, resource: str) -> UUID:
    return _laid_out(bits("discussion", site, resource), "discussion", "0" * 59)


def site(name: str) -> UUID:
    return _laid_out(bits("discussion", name, ""), "site", "0" * 59)


def person(site_name: str, name: str) -> UUID:
    return _laid_out(bits("discussion", site_name, ""), "person", bits("person", name))


def inside(site_name: str, resource: str, kind: str, *parts: str) -> UUID:
    """What `parts` name inside the discussion."""
    return _laid_out(bits("discussion", site_name, resource), kind, bits(*parts))


def comment(site_name: str, resource: str, key: str) -> UUID:
    return inside(site_name, resource, "comment", "comment", "key", key)


def passage(site_name: str, resource: str, key: str) -> UUID:
    return inside(site_name, resource, "passage", "passage", "key", key)


def event(source: str, name: str) -> UUID:
    found = bits("event", source, name)
    return UUID(int=int(found[:48] + "1000" + found[52:64] + "10" + found[66:128], 2))
