"""Keys of another issuer, and tokens signed with them."""

import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from rostra_adapters.http.auth import jwks
from support.service import claims

ED, EC = ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
ISSUER = "https://login.example"


def entry(private: Any = ED, **changed: Any) -> dict[str, Any]:
    kind, alg = (OKPAlgorithm, "EdDSA") if private is ED else (ECAlgorithm, "ES256")
    public = json.loads(kind.to_jwk(private.public_key()))
    public.pop("key_ops", None)
    given = {"alg": alg, "issuer": ISSUER, "sites": ["gazette"], "scopes": ["publish"], **changed}
    return {name: value for name, value in {**public, **given}.items() if value is not None}


def keys(*entries: dict[str, Any]) -> Any:
    return jwks.keys(json.dumps({"keys": entries}).encode())


def signed(private: Any = ED, *, kid: str | None = None, **changed: Any) -> str:
    algorithm = "EdDSA" if private is ED else "ES256"
    good = claims(**{"iss": ISSUER, "site": "gazette", **changed})
    return jwt.encode(good, private, algorithm, {"kid": kid} if kid else None)
