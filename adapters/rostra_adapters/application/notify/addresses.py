"""E-mail addresses in one spelling."""

import idna


def normalize_address(address: str) -> str:
    """Return an address with its domain in one spelling. Raises ValueError for an invalid domain.

    The part before the domain is the recipient's server's own, so its capitals stay.
    """
    username, _, domain = address.rpartition("@")
    return f"{username}@{encode_domain(domain)}"


def encode_domain(domain: str) -> str:
    """Return a domain in ASCII (IDNA), in lower case and without a final dot. Raises ValueError."""
    try:
        plain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(f"the domain {domain!r} is not valid: {error}") from None
    if not (plain := plain.rstrip(".").lower()):
        raise ValueError(f"the domain {domain!r} is not valid: it is empty")
    return plain
