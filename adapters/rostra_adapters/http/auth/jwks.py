"""Keys of others who may issue tokens: a JWKS whose entries say what each may grant.

    {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "…", "alg": "EdDSA", "kid": "2026",
               "issuer": "https://login.example", "sites": ["gazette"], "scopes": ["comment"]}]}

`sites` may hold `*`. Without `sites` or `scopes` a key grants nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import jwt
import msgspec
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from rostra_adapters.errors import JwksError

Algorithm = Literal["EdDSA", "ES256"]

BYTES_MAX = 1024 * 1024
CURVES = {"EdDSA": ("OKP", "Ed25519"), "ES256": ("EC", "P-256")}


class Entry(msgspec.Struct, frozen=True):
    """Key of an issuer, with the site of its tokens and the scopes that it may grant."""

    kty: str
    crv: str
    x: str
    alg: Algorithm
    issuer: str
    y: str | None = None
    kid: str | None = None
    use: str = "sig"
    key_ops: tuple[str, ...] = ("verify",)
    sites: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()

    def public_key(self) -> Any:
        """Return the public key. Raises ValueError if it is invalid."""
        if (self.kty, self.crv) != CURVES[self.alg]:
            raise ValueError(f"{self.alg} is not for a key {self.kty} {self.crv}")
        if self.use != "sig" or "verify" not in self.key_ops:
            raise ValueError("the key is not for signatures")
        members = {"kty": self.kty, "crv": self.crv, "x": self.x, "y": self.y}
        kind = OKPAlgorithm if self.alg == "EdDSA" else ECAlgorithm
        try:
            return kind.from_jwk({name: value for name, value in members.items() if value})
        except jwt.InvalidKeyError as error:
            raise ValueError(str(error)) from None


class _File(msgspec.Struct):
    keys: list[Entry]


class TokenKey(msgspec.Struct, frozen=True):
    """An entry, ready to verify with."""

    entry: Entry
    public: Any

    def fits(self, algorithm: object, issuer: object, kid: object) -> bool:
        """Return whether a token with this header and issuer is verified with the key."""
        named = self.entry.kid is None or kid in (None, self.entry.kid)
        return named and (algorithm, issuer) == (self.entry.alg, self.entry.issuer)


def read(path: Path) -> Sequence[TokenKey]:
    """Return the keys of a file. Raises JwksError."""
    try:
        with path.open("rb") as file:
            data = file.read(BYTES_MAX + 1)
        if len(data) > BYTES_MAX:
            raise ValueError(f"longer than {BYTES_MAX} bytes")
        return keys(data)
    except OSError as error:
        raise JwksError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, msgspec.DecodeError) as error:
        raise JwksError(f"{path}: {error}") from None


def keys(json: bytes) -> Sequence[TokenKey]:
    """Return the keys of a JWKS. Raises ValueError and msgspec.DecodeError."""
    return [
        TokenKey(entry, entry.public_key()) for entry in msgspec.json.decode(json, type=_File).keys
    ]
