"""A claim of a delivery looks at few rows, however many lanes wait."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from rostra_adapters.postgres.webhooks import _CLAIM as CLAIM
from support.views import plans

LANES = 20_000
WEBHOOKS = 50
CLAIMS_MAX = 4
LOG = UUID(int=1)
ROWS_MAX = 4 * WEBHOOKS
INDEXES = {
    "rostra_webhook_lanes_next",
    "rostra_webhook_lanes_claimed",
    "rostra_webhook_lanes_failing",
}
FILL = (
    "insert into rostra_followers (name, log, position) values ('webhooks', $1, 0)",
    f"""
insert into rostra_webhooks (
    id, site, kind, url, types, with_held, with_email, networks, secret, log, position
)
select md5(w::text)::uuid, 's', 'events', 'https://example.org/', '{{}}', false, false, '{{}}', '',
    $1, 0
from generate_series(1, {WEBHOOKS}) w""",
    f"""
insert into rostra_webhook_lanes (webhook, lane, due_at)
select md5('1')::uuid, md5(n::text)::uuid, now() - n * interval '1 s'
from generate_series(1, {LANES}) n where $1::uuid is not null
union all select id, id, now() from rostra_webhooks where id <> md5('1')::uuid""",
    """
insert into rostra_webhook_queue (webhook, lane, position)
select webhook, lane, 1 from rostra_webhook_lanes where $1::uuid is not null""",
)
FAIL_ALL = """
update rostra_webhook_lanes set failing_since = now(), attempts = 1, error = 'no answer'
where webhook = md5('1')::uuid
"""
CLAIM_SOME = """
update rostra_webhook_lanes set claimed_until = now() + interval '1 hour'
where lane in (select lane from rostra_webhook_lanes order by due_at limit $1)
"""


VALUES = LOG, timedelta(seconds=90), CLAIMS_MAX, "webhooks"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    await connection.execute("set jit = off")
    yield connection
    await connection.close()


async def fill(database: asyncpg.Connection) -> None:
    for statement in FILL:
        await database.execute(statement, LOG)


def check(nodes: list[plans.Node]) -> None:
    found = "\n".join(map(str, nodes))
    assert max(node.rows for node in nodes) <= ROWS_MAX, found
    assert {node.index for node in nodes} >= INDEXES, found


@pytest.mark.parametrize("claimed", [0, CLAIMS_MAX])
@pytest.mark.parametrize("are_failing", [False, True])
@pytest.mark.parametrize("is_analysed", [False, True])
async def test_a_claim_looks_at_few_rows(
    database: asyncpg.Connection, *, claimed: int, is_analysed: bool, are_failing: bool
) -> None:
    """The webhook with all lanes is at its limit, or nothing of it is claimed."""
    await fill(database)
    if are_failing:
        await database.execute(FAIL_ALL)
    await database.execute(CLAIM_SOME, claimed)
    if is_analysed:
        await database.execute("analyze")
    for generic in (False, True):
        check(await plans.explain(database, CLAIM, *VALUES, generic=generic))


async def test_a_claim_that_was_planned_on_empty_tables_looks_at_few_rows(
    database: asyncpg.Connection,
) -> None:
    (nodes,) = await plans.explain_planned_early(database, [(CLAIM, VALUES)], fill)
    check(nodes)
