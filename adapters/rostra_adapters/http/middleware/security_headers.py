"""Headers that keep browsers from guessing types, framing pages and revealing whole addresses."""

from base64 import b64encode
from hashlib import sha256

from aiohttp import hdrs
from multidict import CIMultiDict

CONTENT_SECURITY_POLICY = "Content-Security-Policy"
NOSNIFF = {"X-Content-Type-Options": "nosniff"}
REFERRER_POLICY = {"Referrer-Policy": "strict-origin-when-cross-origin"}


def policy(style: str | None = None) -> str:
    """Return the policy of a page that loads nothing, with one style sheet inside."""
    styles = ""
    if style is not None:
        digest = b64encode(sha256(style.encode()).digest()).decode()
        styles = f"style-src 'sha256-{digest}'; "
    return (
        f"default-src 'none'; {styles}base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


NOTHING = policy()


def secure(headers: CIMultiDict[str]) -> None:
    """Add what an answer lacks. A page without a policy of its own loads and runs nothing."""
    headers.update(NOSNIFF)
    if headers.get(hdrs.CONTENT_TYPE, "").startswith("text/html"):
        headers.update(REFERRER_POLICY)
        headers.setdefault(CONTENT_SECURITY_POLICY, NOTHING)
