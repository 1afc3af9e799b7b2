"""Canonical form of a URL, by RFC 3986. `urls.js` of the web reader computes the same form."""

import re
import unicodedata

from rostra.combining_marks import has_too_many_marks
from rostra.name_cache import cache_by_name

_URL = re.compile(r"(https?)://([^/?#]*)([^?#]*)(?:\?([^#]*))?", re.IGNORECASE | re.ASCII)
_AUTHORITY = re.compile(r"([^@:\[\]\\%\s]+|\[[0-9a-f:.]+\])(?::([0-9]{0,5}))?", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_TRACKING = re.compile(
    r"(?:(?:utm|mtm|hsa)_.+|pk_(?:campaign|cpn|kwd|keyword|source|medium|content|cid)"
    r"|_hs(?:enc|mi)|__hs(?:tc|sc|fp)|fbclid|gclid|gclsrc|gbraid|wbraid|dclid|msclkid|twclid"
    r"|ttclid|yclid|ysclid|igshid|igsh|li_fat_id|srsltid|mc_cid|mc_eid|mkt_tok|oly_anon_id"
    r"|oly_enc_id|vero_id|wickedid|_ga|_gl|_openstat|ref_src|s_kwcid|rostra-comment)",
    re.IGNORECASE | re.ASCII,
)
"""Names of query parameters that track readers and do not identify a page."""
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_APART = re.compile(r"%..|[^%]+", re.DOTALL)
"""Pattern of one percent-encoded byte, or of the text up to the next one."""
_RESERVED = re.compile(r"[^\w.~\-\u0080-\U0010ffff]", re.ASCII)
_NOT_IN_URLS = re.compile(r"[^!$%&'()*+,\-./0-9:;=?@A-Z\[\]_a-z~]")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")
_HOST_FORBIDDEN = re.compile(r"[\x00-\x20\"#%/:<>?@\[\\\]^`{|}\x7f]")

_CACHED_MAX = 4_096


@cache_by_name(_CACHED_MAX)
def canonical_resource(resource: str) -> str:
    """Return the normalised form of an absolute http(s) URL, any other text as it is."""
    found = _URL.match(resource)
    authority = _AUTHORITY.fullmatch(found[2]) if found else None
    host = _host(authority[1]) if authority else ""
    if found is None or authority is None or not host:
        return resource
    scheme = found[1].lower()
    port = int(authority[2] or _DEFAULT_PORTS[scheme])
    at = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    parts = map(_encoded, (found[4] or "").split("&"))
    query = "&".join(part for part in parts if not _TRACKING.fullmatch(part.partition("=")[0]))
    return f"{scheme}://{host}{at}{_without_dots(_encoded(found[3]))}{query and f'?{query}'}"


def _host(name: str) -> str:
    """Return a host's name in ASCII, nothing where it can be none."""
    if name.isascii():
        return name.lower()
    import idna  # its tables are large, and such names are rare

    try:
        host = idna.encode(name, uts46=True, std3_rules=False, transitional=False).decode()
    except (UnicodeError, ValueError):
        return ""
    return "" if _HOST_FORBIDDEN.search(host) else host.lower()


def _encoded(part: str) -> str:
    """Encode reserved characters, decode unreserved ones, and compose equal letters.

    Letters are not composed if there are too many combining marks in a row.
    """
    text = _ENCODED.sub(_decoded, _STRAY_PERCENT.sub("%25", part))
    text = _LONE_SURROGATE.sub("\ufffd", text)
    if not has_too_many_marks(text):
        text = _APART.sub(_composed, text)
    return _NOT_IN_URLS.sub(_percent, text)


def _composed(part: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", part[0])


def _decoded(encoded: re.Match[str]) -> str:
    try:
        text = bytes.fromhex(encoded[0].replace("%", "")).decode()
    except UnicodeDecodeError:
        return encoded[0].upper()
    return _RESERVED.sub(_percent, text)


def _percent(letter: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in letter[0].encode())


def _without_dots(path: str) -> str:
    """Remove the segments `.` and `..` (RFC 3986, 5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for number, segment in enumerate(segments, 1):
        if segment == ".." and kept:
            kept.pop()
        if segment not in (".", ".."):
            kept.append(segment)
        elif number == len(segments):
            kept.append("")
    return "/" + "/".join(kept)
