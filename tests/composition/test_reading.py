"""Reads of an embedded Rostra with arguments that fit nothing."""

from typing import Any, cast

import pytest

import rostra_adapters
from support.service import PLACE, opened


@pytest.mark.parametrize("where", ["memory", "postgres"])
async def test_an_unknown_order_is_refused(where: str, request: pytest.FixtureRequest) -> None:
    url = "memory:" if where == "memory" else request.getfixturevalue("database_url")
    async with rostra_adapters.open(url, master_key=bytes(32)) as app:
        await app.publish([opened()])
        with pytest.raises(ValueError, match="'bestest' is none of newest, oldest"):
            await app.comments(PLACE["site"], PLACE["resource"], order=cast(Any, "bestest"))
