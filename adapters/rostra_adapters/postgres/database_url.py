"""Database URLs as providers give them.

The driver sends every parameter that it does not know to the server, which refuses most of
libpq's. So libpq's parameters are translated here, or passed over with a line in the log.
"""

import logging
import ssl
from functools import lru_cache
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

import msgspec

from rostra_adapters.errors import InvalidDatabaseUrl
from rostra_adapters.postgres.namespace import DEFAULT_SCHEMA, SCHEMA_NAME

FILE_SCHEME = "file:"
"""`file:PATH` names a file that holds the URL. It is read again for each connection, so that a
password can be replaced while services run."""
SCHEMES = ("postgresql://", "postgres://", FILE_SCHEME)
PORT_MAX = 65_535
CONNECT_SECONDS_MIN = 2.0
"""libpq waits at least this long, too."""

PASSED_OVER = {
    "channel_binding": "the driver does not bind channels; TLS protects the connection",
    "fallback_application_name": "application_name is set",
    "gssdelegation": "the driver does not use it",
    "gssencmode": "the driver does not encrypt by GSSAPI",
    "hostaddr": "the driver looks hosts up",
    "keepalives": "the server sends keepalives",
    "keepalives_count": "the server sends keepalives",
    "keepalives_idle": "the server sends keepalives",
    "keepalives_interval": "the server sends keepalives",
    "load_balance_hosts": "hosts are tried in their order",
    "max_protocol_version": "the driver speaks version 3.0",
    "min_protocol_version": "the driver speaks version 3.0",
    "require_auth": "the driver takes what the server asks for",
    "requirepeer": "the driver does not look at the server's user",
    "sslcertmode": "a certificate is sent if one is given",
    "sslcompression": "the driver does not compress",
    "sslsni": "the host's name is always sent",
    "tcp_user_timeout": "statements have a timeout of their own",
    # Parameters of other programs that read the same variable.
    "connection_limit": "--pool-size says so",
    "pgbouncer": "a pooler is recognised by itself",
    "pool_timeout": "it belongs to another program",
}
"""Parameters that are passed over, with the reason."""
REQUIRED = {"gssencmode": "require"}
"""Values of those parameters without which a connection would be less than was asked for."""
FILES = ("sslcert", "sslkey", "sslrootcert", "sslcrl")

_FORM = (
    "the database URL cannot be parsed: it is like postgresql://USER:PASSWORD@HOST/NAME, with "
    "`@`, `:`, `/`, `?`, `#` and `%` in its parts percent-encoded"
)

_logger = logging.getLogger(__name__)


class DatabaseUrl(msgspec.Struct, frozen=True):
    """A URL, in the terms of the driver."""

    dsn: str
    """URL with the parameters that the driver knows, and settings of the server."""
    settings: dict[str, str] = {}
    """Settings of the session that take the place of ours."""
    connect_seconds_max: float | None = None
    tls: ssl.SSLContext | None = None
    schema: str = DEFAULT_SCHEMA
    """Schema of the log, by the parameter `schema`."""
    is_read_only: bool = False
    """True if transactions may not write, by the parameter `read_only=on`."""


def read_url(url: str) -> DatabaseUrl:
    """Parse a URL, or that in the file it names. Raises InvalidDatabaseUrl."""
    return _parsed(text_of(url))


def text_of(url: str) -> str:
    """Return a URL, or that in the file it names. Raises InvalidDatabaseUrl."""
    if not url.startswith(FILE_SCHEME):
        return url
    path, _, query = url.removeprefix(FILE_SCHEME).partition("?")
    try:
        text = Path(path).read_text("utf-8").strip()
        return _with_query(text, query) if query else text
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidDatabaseUrl(f"the file of the database URL cannot be read: {error}") from None


def with_schema(url: str, schema: str) -> str:
    """Return a URL of the Rostra in a schema. Raises InvalidDatabaseUrl."""
    _check_schema(schema)
    if schema == DEFAULT_SCHEMA:
        return url
    if not url.startswith(SCHEMES):
        raise InvalidDatabaseUrl("a schema needs PostgreSQL")
    return _with_query(url, f"schema={schema}")


def with_read_only(url: str) -> str:
    """Return a URL whose connections cannot write."""
    return _with_query(url, "read_only=on")


def _with_query(url: str, query: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _check_schema(schema: str) -> None:
    if not SCHEMA_NAME.fullmatch(schema):
        raise InvalidDatabaseUrl(
            f"the schema {schema!r} must be at most 40 lower-case letters, digits and `_`, and not "
            "begin with `pg_`"
        )


@lru_cache(8)
def _parsed(url: str) -> DatabaseUrl:
    parts, parameters = _split(url)
    settings, seconds, tls = {}, None, None
    if (name := parameters.pop("application_name", "")) != "":
        settings["application_name"] = name
    is_read_only = parameters.pop("read_only", "off") == "on"
    schema = parameters.pop("schema", DEFAULT_SCHEMA)
    _check_schema(schema)
    if (text := parameters.pop("connect_timeout", "")) != "":
        seconds = _connect_seconds(text)
    if parameters.pop("client_encoding", "utf8").lower().replace("-", "") not in ("utf8", "auto"):
        raise InvalidDatabaseUrl("client_encoding in the database URL must be UTF8")
    if parameters.get("sslrootcert") == "system":
        del parameters["sslrootcert"]
        parameters.pop("sslmode", None)
        tls = ssl.create_default_context()
    for file in FILES:
        if (path := parameters.get(file)) and not Path(path).exists():
            raise InvalidDatabaseUrl(f"{file} in the database URL names no file: {path}")
    _pass_over(parameters)
    query = urlencode(parameters, quote_via=quote)
    return DatabaseUrl(
        parts._replace(query=query).geturl(), settings, seconds, tls, schema, is_read_only
    )


def _split(url: str) -> tuple[SplitResult, dict[str, str]]:
    try:
        parts = urlsplit(url)
        query = parts.query
        parameters = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise InvalidDatabaseUrl(_FORM) from None
    if f"{parts.scheme}://" not in SCHEMES or parts.fragment or "@" in parts.path:
        raise InvalidDatabaseUrl(_FORM)
    hosts = parts.netloc.rpartition("@")[2].split(",")
    ports = [host.rpartition("]")[2].partition(":")[2] for host in hosts]
    for port in ports + parameters.get("port", "").split(","):
        if port and not (port.isdecimal() and 0 < int(port) <= PORT_MAX):
            raise InvalidDatabaseUrl(
                f"the port of the database URL must be a number from 1 to {PORT_MAX}"
            )
    return parts, parameters


def _connect_seconds(text: str) -> float | None:
    """Return the limit of one connection; None without a limit, by which ours holds."""
    try:
        seconds = int(text)
    except ValueError:
        raise InvalidDatabaseUrl("connect_timeout in the database URL must be seconds") from None
    return max(float(seconds), CONNECT_SECONDS_MIN) if seconds > 0 else None


def _pass_over(parameters: dict[str, str]) -> None:
    for name in sorted(parameters.keys() & PASSED_OVER.keys()):
        value = parameters.pop(name)
        if value == REQUIRED.get(name):
            raise InvalidDatabaseUrl(f"{name}={value} in the database URL: {PASSED_OVER[name]}")
        _logger.info("%s in the database URL is passed over: %s", name, PASSED_OVER[name])
