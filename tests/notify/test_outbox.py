"""The outbox: notices stay in one mail, expire, and are never added again."""

import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from rostra import ids
from rostra.log import LogUnavailable
from rostra_adapters.application.checkpoint import Checkpoint
from rostra_adapters.application.notify import outbox as outboxes
from rostra_adapters.application.notify.outbox import Claimed, MemoryOutbox, Notice, Outbox
from rostra_adapters.clock import moment
from rostra_adapters.errors import ViewBehind
from rostra_adapters.postgres.connect import create_pool
from rostra_adapters.postgres.operational import PostgresOperational
from rostra_adapters.postgres.outbox import CLAIM, PostgresOutbox
from support.checkpoints import follow_another_log
from support.mails import Notified, about, by, elapse
from support.service import event, opened, posted
from support.waiting import wait_until

ANN = ids.person_id("gazette", "ann")
OLD = timedelta(days=31)


def notice(number: int, person: UUID = ANN, reason: str = "reply", site: str = "gazette") -> Notice:
    return Notice(UUID(int=number), person, site, "ann", reason)  # type: ignore[arg-type]


@pytest.fixture(params=["memory", "postgres"])
async def outbox(request: pytest.FixtureRequest) -> AsyncIterator[Outbox]:
    if request.param == "memory":
        yield MemoryOutbox()
        return
    pool = await create_pool(request.getfixturevalue("database_url"))
    try:
        yield PostgresOutbox(pool)
    finally:
        await pool.close()


async def claimed(outbox: Outbox, *, error: str | None = None, done: bool = False) -> list[int]:
    """Claim a mail, and return the numbers of its notices."""
    async with outbox.claim() as claim:
        if claim is None:
            return []
        numbers = [one.event.int for one in claim.claimed.notices]
        if done:
            claim.done.update(one.event for one in claim.claimed.notices)
        if error is not None:
            claim.fail(error)
            claim.retry_after = timedelta()
        return sorted(numbers)


async def test_a_mail_that_is_tried_again_holds_the_same_notices(outbox: Outbox) -> None:
    await outbox.add([notice(1), notice(2)])
    assert await claimed(outbox) == [1, 2]
    await outbox.add([notice(3)])
    assert await claimed(outbox, error="451") == [1, 2]
    found = [await claimed(outbox, done=True) for _ in range(3)]
    assert sorted(found) == [[], [1, 2], [3]]
    status = await outbox.status()
    assert (status.waiting, status.retried) == (0, 1)


async def test_a_confirmation_is_a_mail_of_its_own(outbox: Outbox) -> None:
    await outbox.add([notice(1), notice(2, reason="confirm"), notice(3)])
    assert sorted([await claimed(outbox, done=True) for _ in range(3)]) == [[], [1, 3], [2]]


async def test_a_mail_holds_no_more_notices_than_the_limit(outbox: Outbox) -> None:
    most = outboxes.NOTICES_A_MAIL_MAX
    await outbox.add([notice(number) for number in range(1, most + 3)])
    sizes = [len(await claimed(outbox, done=True)) for _ in range(3)]
    assert sizes == [most, 2, 0]


async def test_confirmations_and_replies_are_before_subscriptions(outbox: Outbox) -> None:
    await outbox.add([notice(0)])
    async with outbox.claim() as claim:
        assert claim is not None
        claim.deferred[UUID(int=0)] = moment() - timedelta(hours=1)
    reasons = ["subscription", "subscription", "moderation", "reply", "confirm", "mention"]
    for number, reason in enumerate(reasons, 1):
        await outbox.add([notice(number, uuid4(), reason)])
    found = [await claimed(outbox, done=True) for _ in range(8)]
    assert found == [[5], [3], [4], [6], [0], [1], [2], []]


async def test_sites_take_turns(outbox: Outbox) -> None:
    sites = ["b", "b", "b", "a", "c", "a", "b"]
    for number, site in enumerate(sites):
        await outbox.add([notice(number, uuid4(), "subscription", site)])
    assert [await claimed(outbox, done=True) for _ in range(4)] == [[3], [0], [4], [5]]
    await outbox.add([notice(7, uuid4(), "reply", "c"), notice(8, uuid4(), "reply", "d")])
    assert [await claimed(outbox, done=True) for _ in range(6)] == [[7], [8], [1], [2], [6], []]


async def test_a_claim_reads_few_of_the_notices_that_are_not_due(database_url: str) -> None:
    pool = await create_pool(database_url)
    try:
        await pool.execute(
            "insert into rostra_outbox (event, person, site, person_id, reason, due_at)"
            " select gen_random_uuid(), gen_random_uuid(), 's' || (n % 20), 'ann', 'reply',"
            " now() + interval '1 hour' from generate_series(1, 20000) n"
        )
        await pool.execute("analyze rostra_outbox")
        waits = outboxes.CLAIM_TIME, outboxes.FIRST_RETRY, outboxes.LONGEST_RETRY
        (plan,) = json.loads(
            await pool.fetchval(
                f"explain (analyze, buffers, format json) {CLAIM}", 100, *waits, "s1"
            )
        )
        assert plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] < 500
    finally:
        await pool.close()


async def test_what_waits_is_counted_and_what_was_given_up(outbox: Outbox) -> None:
    await outbox.add([notice(1), notice(2, ids.person_id("gazette", "bob"))])
    status = await outbox.status()
    assert (status.waiting, status.sent, status.retried, status.given_up) == (2, 0, 0, 0)
    assert status.waiting_since is not None
    assert status.waiting_since <= moment()
    for is_final in (False, True):
        async with outbox.claim() as claim:
            assert claim is not None
            claim.fail("550" if is_final else "451", is_final=is_final)
            claim.retry_after = timedelta()
    status = await outbox.status()
    assert (status.waiting, status.retried, status.given_up) == (1, 1, 1)
    assert set(status.errors) == {"451", "550"}


async def test_a_mail_is_tried_for_three_days_from_its_first_attempt(outbox: Outbox) -> None:
    await outbox.add([notice(1)])
    await elapse(outbox, timedelta(days=4))  # nothing was sent meanwhile
    assert await claimed(outbox, error="451") == [1]
    await elapse(outbox, timedelta(days=4))
    for _ in range(outboxes.ATTEMPTS_MIN - 2):
        assert await claimed(outbox, error="451") == [1]
    assert (await outbox.status()).given_up == 0
    assert await claimed(outbox, error="451") == [1]
    assert ((await outbox.status()).given_up, await claimed(outbox)) == (1, [])


async def test_attempts_before_a_digest_do_not_count(outbox: Outbox) -> None:
    await outbox.add([notice(1)])
    assert await claimed(outbox, error="451") == [1]
    async with outbox.claim() as claim:
        assert claim is not None
        claim.deferred[claim.claimed.notices[0].event] = moment()
    await elapse(outbox, timedelta(days=1))
    async with outbox.claim() as claim:
        assert claim is not None
        assert claim.claimed.attempts == 0
        assert claim.claimed.tried_for < timedelta(hours=1)


async def test_waits_between_attempts_grow_and_end() -> None:
    waits = []
    for attempts in range(100):
        claim = outboxes.Claim(outboxes.Claimed([notice(1)], attempts, timedelta()))
        claim.fail("451")
        assert claim.retry_after is not None
        waits.append(claim.retry_after)
    assert waits[:3] == [outboxes.FIRST_RETRY * factor for factor in (1, 2, 4)]
    assert waits == sorted(waits) and waits[-1] == outboxes.LONGEST_RETRY


async def breaking(outbox: Outbox, *, is_handing_over: bool) -> Claimed | None:
    """Claim a mail, and lose the database before its result is noted."""
    found = None
    with suppress(LogUnavailable):
        async with outbox.claim() as claim:
            if claim is not None:
                found, claim.is_handing_over = claim.claimed, is_handing_over
                raise LogUnavailable("the connection was lost")
    return found


async def test_a_claim_that_ends_before_a_mail_is_sent_is_no_attempt(outbox: Outbox) -> None:
    await outbox.add([notice(1)])
    for _ in range(2):
        found = await breaking(outbox, is_handing_over=False)
        assert found is not None
        assert found.attempts == 0


async def test_a_mail_without_a_result_is_tried_again_after_waits_that_grow(
    database_url: str,
) -> None:
    pool = await create_pool(database_url)
    try:
        outbox = PostgresOutbox(pool)
        await outbox.add([notice(1), notice(2)])
        waits = []
        for attempts in range(outboxes.ATTEMPTS_MIN):
            found = await breaking(outbox, is_handing_over=True)
            assert found is not None
            assert (len(found.notices), found.attempts) == (2, attempts)
            assert await claimed(outbox) == []
            until = await pool.fetchval("select min(claimed_until) - now() from rostra_outbox")
            waits.append(until)
            await elapse(outbox, outboxes.LONGEST_RETRY)
        assert waits[0] > outboxes.CLAIM_TIME - timedelta(minutes=1)
        assert waits[-1] > outboxes.LONGEST_RETRY / 2
    finally:
        await pool.close()


async def test_no_transaction_is_open_while_a_mail_is_sent(database_url: str) -> None:
    pool = await create_pool(database_url)
    try:
        outbox = PostgresOutbox(pool)
        await outbox.add([notice(1)])
        async with outbox.claim() as claim:
            assert claim is not None
            assert not await pool.fetchval(
                "select count(*) from pg_stat_activity where datname = current_database()"
                " and state like 'idle in transaction%'"
            )
    finally:
        await pool.close()


async def test_a_mail_without_a_result_is_given_up_at_last(
    notified: Notified, monkeypatch: pytest.MonkeyPatch
) -> None:
    await notified.subscribe("ann")
    await notified.service.given(opened(), posted("c1", author=by("ann")))
    await notified.service.given(posted("c2", author=by("bob"), parent="c1"))
    await notified.filler.catch_up()
    monkeypatch.setattr("rostra_adapters.application.notify.sender.ATTEMPTS_MAX", 0)
    assert await notified.mails() == []
    assert (await notified.service.app.outbox.status()).given_up == 1


async def test_one_of_several_senders_has_a_mail(database_url: str) -> None:
    pool = await create_pool(database_url)
    try:
        outbox = PostgresOutbox(pool)
        await outbox.add([notice(1), notice(2)])
        async with outbox.claim() as claim:
            assert claim is not None
            await outbox.add([notice(3)])
            assert await claimed(outbox, done=True) == [3]
            assert await claimed(outbox, done=True) == []
    finally:
        await pool.close()


async def test_sent_notices_are_deleted_after_a_month_and_waiting_ones_are_not(
    database_url: str,
) -> None:
    pool = await create_pool(database_url)
    try:
        outbox, operational = PostgresOutbox(pool), PostgresOperational(pool)
        await outbox.add([notice(1)])
        await claimed(outbox, done=True)
        await outbox.add([notice(2), notice(3, ids.person_id("gazette", "bob"))])
        for days, left in ((OLD - timedelta(days=2), 3), (timedelta(days=2), 2)):
            await pool.execute("update rostra_outbox set added_at = added_at - $1::interval", days)
            await operational.prune()
            assert await pool.fetchval("select count(*) from rostra_outbox") == left
    finally:
        await pool.close()


async def test_confirmations_that_nobody_mailed_are_deleted_after_a_week(
    outbox: Outbox,
) -> None:
    await outbox.add([notice(1, reason="confirm"), notice(2)])
    for days, left in ((6, 2), (2, 1)):
        await elapse(outbox, timedelta(days=days))
        if isinstance(outbox, PostgresOutbox):
            await PostgresOperational(outbox._pool).prune()
        await outbox.add([notice(2)])
        assert (await outbox.status()).waiting == left


async def test_requests_are_deleted_after_a_week_though_nobody_mails(database_url: str) -> None:
    pool = await create_pool(database_url)
    try:
        await pool.execute(
            "insert into rostra_mail_requests (person, site, person_id, discussion, email,"
            " subscribe_to, asked_at) values ($1, 's', 'guest:1', $1, 'a@b.example', 'comments',"
            " now() - interval '8 days')",
            uuid4(),
        )
        await PostgresOperational(pool).prune()
        assert await pool.fetchval("select count(*) from rostra_mail_requests") == 0
    finally:
        await pool.close()


# -- nothing is sent again


async def sent_once(notified: Notified) -> None:
    await notified.subscribe("ann")
    await notified.service.given(opened(), posted("c1", author=by("ann")))
    await notified.service.given(posted("c2", author=by("bob"), parent="c1"))
    assert about(await notified.mails()) == [("ann@example.org", "Bob answered your comment")]


async def test_nothing_is_sent_again_after_a_rebuild(notified: Notified) -> None:
    await sent_once(notified)
    await notified.service.app.rebuild()
    assert await notified.mails() == []


@pytest.mark.parametrize("notified", ["postgres"], indirect=True)
async def test_nothing_is_sent_again_once_the_outbox_was_emptied(
    notified: Notified, database_url: str
) -> None:
    """Also if the checkpoint is lost with it, and the log is another one."""
    await sent_once(notified)
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("delete from rostra_outbox")
        assert await notified.mails() == []
        await connection.execute("update rostra_log set id = gen_random_uuid()")
        await connection.execute("select pg_notify('rostra_log', '')")
        assert await notified.mails() == []
        await connection.execute("delete from rostra_followers")
        assert await notified.mails() == []
    finally:
        await connection.close()


@pytest.mark.parametrize("notified", ["postgres"], indirect=True)
async def test_what_happened_in_an_earlier_log_is_not_sent_in_the_next(
    notified: Notified, database_url: str
) -> None:
    """A publisher publishes again what a failover lost."""
    await sent_once(notified)
    before = moment().isoformat()
    await follow_another_log(notified.service.app.outbox)
    await notified.filler.catch_up()
    await notified.service.given(posted("c3", author=by("bob"), parent="c1", time=before))
    assert await notified.mails() == []
    await notified.service.given(posted("c4", author=by("bob"), parent="c1"))
    assert len(await notified.mails()) == 1


@pytest.mark.parametrize("notified", ["postgres"], indirect=True)
async def test_comments_after_a_failover_are_mailed_though_the_notifier_was_down(
    notified: Notified, database_url: str
) -> None:
    await sent_once(notified)
    log, before = notified.service.app.log, moment().isoformat()
    first = await log.history()
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("select rostra_open_epoch(false, true)")
    finally:
        await connection.close()

    async def has_noticed() -> bool:
        return await log.history() != first

    await wait_until(has_noticed)
    again = posted("c3", author=by("bob"), parent="c1", time=before, body="Published again.")
    await notified.service.given(again)
    await notified.service.given(posted("c4", author=by("bob"), parent="c1", body="After it."))
    (mail,) = await notified.mails()
    assert "After it." in mail.as_string() and "Published again." not in mail.as_string()
    assert await notified.mails() == []


async def test_the_filler_begins_again_where_a_failover_lost_what_it_read(
    notified: Notified, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = notified.service.app
    await notified.service.given(opened(), posted("c1", author=by("ann")))
    before = await app.outbox.checkpoint()

    async def end_at(position: int = 0) -> int:
        return position

    async def wait(position: int, _: float) -> None:
        monkeypatch.setattr(app, "head", end_at)
        raise ViewBehind(0, position, 1)

    monkeypatch.setattr(app, "wait", wait)
    with pytest.raises(ViewBehind):
        await notified.filler.catch_up()
    assert await app.outbox.checkpoint() == before


async def test_a_checkpoint_moves_on_from_where_it_is_known_to_be(outbox: Outbox) -> None:
    one, another = uuid4(), uuid4()
    first, second = Checkpoint(one, 5), Checkpoint(another, 3, moment())
    assert await outbox.advance(None, first)
    assert not await outbox.advance(None, second)
    assert await outbox.advance(first, second)
    assert not await outbox.advance(first, Checkpoint(one, 6))
    assert await outbox.checkpoint() == second


async def test_what_was_recorded_long_ago_is_not_sent(
    notified: Notified, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notifier that did not run for days."""
    await notified.subscribe("ann")
    await notified.service.given(opened(), posted("c1", author=by("ann")))
    await notified.service.given(posted("c2", author=by("bob"), parent="c1"))
    late = moment() + timedelta(days=3, minutes=1)
    monkeypatch.setattr("rostra_adapters.application.notify.follower.moment", lambda: late)
    assert await notified.mails() == []
    assert (await notified.service.app.outbox.status()).waiting == 0


async def test_metrics_count_mails(notified: Notified) -> None:
    await sent_once(notified)
    await notified.service.given(posted("c3", author=by("bob"), parent="c1"))
    await notified.filler.catch_up()
    metrics = (await notified.service.ask("GET", "/metrics")).body.decode()
    assert "rostra_mails_sent_total 1.0" in metrics
    assert "rostra_notices_waiting 1.0" in metrics
    assert "rostra_mails_given_up_total 0.0" in metrics


async def test_erasing_a_person_deletes_what_they_asked_for(notified: Notified) -> None:
    await notified.subscribe("ann")
    erased = event("person.erased")
    erased["data"] = {"site": "gazette", "person": "ann"}
    await notified.service.given(erased)
    assert await notified.service.app.outbox.confirmed_address(ANN) is None
