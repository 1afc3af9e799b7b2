"""Database URLs as providers give them: translated, passed over with a word, or refused."""

import logging
from pathlib import Path

import asyncpg
import pytest
from asyncpg.connect_utils import (  # type: ignore[attr-defined]  # asks no server
    _parse_connect_dsn_and_args,
)

from rostra_adapters.errors import InvalidDatabaseUrl
from rostra_adapters.postgres.connect import connect
from rostra_adapters.postgres.database_url import PASSED_OVER, read_url

NEON = (
    "postgresql://owner:npg_secret@ep-cool-1.eu-central-1.aws.neon.tech/main"
    "?sslmode=require&channel_binding=require"
)
SUPABASE = "postgres://postgres.abc:pw@aws-0.pooler.supabase.com:6543/postgres?pgbouncer=true"
HEROKU = "postgres://u:p@ec2-1.compute-1.amazonaws.com:5432/d1?sslmode=require"
COCKROACH = "postgresql://u:p@h:26257/d?sslmode=require&options=--cluster%3Dcool-1"
AZURE = "postgresql://u%40srv:p@srv.postgres.database.azure.com:5432/d?sslmode=require"
DJANGO = (
    "postgresql://u:p@h/d?connect_timeout=3&keepalives=1&keepalives_idle=30&keepalives_interval=5"
    "&keepalives_count=3&gssencmode=disable&application_name=forum&target_session_attrs=read-write"
)
SEVERAL = "postgresql://u:p@h1:5432,h2:5433/d?target_session_attrs=primary"
SECRET = "npg_secret"


@pytest.mark.parametrize(
    "url", [NEON, SUPABASE, HEROKU, COCKROACH, AZURE, DJANGO, SEVERAL], ids=range(7)
)
def test_a_providers_url_is_understood_by_the_driver(url: str) -> None:
    read = read_url(url)
    nothing = dict.fromkeys(
        ("host", "port", "user", "password", "passfile", "database", "service", "servicefile",
         "direct_tls", "server_settings", "target_session_attrs", "krbsrvname", "gsslib")
    )  # fmt: skip
    addresses, parameters, *_ = _parse_connect_dsn_and_args(dsn=read.dsn, ssl=read.tls, **nothing)
    assert len(addresses) == (2 if url == SEVERAL else 1)
    assert parameters.database
    assert (parameters.server_settings or {}).keys() <= {"options"}


def test_what_is_passed_over_is_told_without_its_secrets(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        read_url(NEON.replace("main", "told"))
    assert "channel_binding in the database URL is passed over" in caplog.text
    assert SECRET not in caplog.text


def test_timeouts_and_names_are_translated() -> None:
    read = read_url(DJANGO)
    assert read.connect_seconds_max == 3.0
    assert read.settings == {"application_name": "forum"}
    assert read_url("postgresql://h/d?connect_timeout=0").connect_seconds_max is None
    assert read_url("postgresql://h/d?connect_timeout=1").connect_seconds_max == 2.0
    system = read_url("postgresql://h/d?sslmode=verify-full&sslrootcert=system")
    assert system.tls is not None and system.tls.check_hostname


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{SECRET}@h:99999/d",
        f"postgresql://u:{SECRET}@h:port/d",
        f"postgresql://u:{SECRET}@h1:1,h2:0/d",
        f"postgresql://u:{SECRET}@h/d?port=70000",
        f"postgresql://u:{SECRET}@h/d?gssencmode=require",
        f"postgresql://u:{SECRET}@h/d?connect_timeout=soon",
        f"postgresql://u:{SECRET}@h/d?client_encoding=latin1",
        f"postgresql://u:{SECRET}@h/d?sslrootcert=/nowhere/root.crt",
        f"postgresql://u:{SECRET}@h/d?sslmode",
        f"postgresql://u:{SECRET}/rest@h/d",
        f"postgresql://u:{SECRET}#rest@h/d",
        f"mysql://u:{SECRET}@h/d",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidDatabaseUrl) as refused:
        read_url(url)
    assert SECRET not in str(refused.value)


async def test_a_mode_that_the_driver_does_not_know_is_refused(database_url: str) -> None:
    with pytest.raises(InvalidDatabaseUrl, match="sslmode"):
        await connect(f"{database_url}&sslmode=no-verify")


async def test_every_parameter_of_libpq_connects(database_url: str) -> None:
    """A server is asked, since it refuses what it does not know."""
    values = {"client_encoding": "UTF8", "application_name": "forum", "connect_timeout": "5"}
    values |= {"options": "-c%20work_mem%3D5MB", "sslmode": "disable", "geqo_seed": "0.5"}
    values |= dict.fromkeys(PASSED_OVER, "1")
    url = "&".join([database_url, *(f"{name}={value}" for name, value in values.items())])
    connection = await connect(url)
    try:
        shown = [
            await connection.fetchval("select current_setting($1)", name)
            for name in ("application_name", "work_mem", "geqo_seed")
        ]
        assert shown == ["forum", "5MB", "0.5"]
    finally:
        await connection.close()


async def test_a_url_is_read_from_a_file_for_each_connection(
    database_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "url"
    for name in ("first", "second"):
        file.write_text(f"{database_url}&application_name={name}\n")
        connection: asyncpg.Connection = await connect(f"file:{file}")
        assert await connection.fetchval("show application_name") == name
        await connection.close()
    file.unlink()
    with pytest.raises(InvalidDatabaseUrl, match="cannot be read"):
        await connect(f"file:{file}")
