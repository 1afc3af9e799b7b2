"""One query answers all who ask at once, and none with what was found before they asked."""

import asyncio

import pytest

from rostra_adapters.postgres.single_flight import SingleFlight


class Looking:
    """Each look finds how many there were, once it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Semaphore(0)

    async def look(self) -> int:
        self.begun += 1
        number = self.begun
        await self.go.acquire()
        if number == 3:
            raise ConnectionError("lost")
        return number


async def begun(looking: Looking, number: int) -> None:
    while looking.begun < number:  # noqa: ASYNC110  # in a turn or two
        await asyncio.sleep(0)


async def test_who_asks_while_one_is_looked_for_shares_the_next() -> None:
    looking = Looking()
    shared = SingleFlight(looking.look)
    first = asyncio.create_task(shared.get())
    await begun(looking, 1)
    others = [asyncio.create_task(shared.get()) for _ in range(100)]
    await asyncio.sleep(0)
    assert looking.begun == 1
    looking.go.release()
    assert await first == 1
    await begun(looking, 2)
    looking.go.release()
    assert set(await asyncio.gather(*others)) == {2}
    assert looking.begun == 2


async def test_an_error_is_all_of_theirs_and_nobody_elses() -> None:
    looking = Looking()
    shared = SingleFlight(looking.look)
    looking.go.release()
    looking.go.release()
    assert [await shared.get(), await shared.get()] == [1, 2]
    both = [asyncio.create_task(shared.get()) for _ in range(2)]
    await begun(looking, 3)
    after = asyncio.create_task(shared.get())
    looking.go.release()
    looking.go.release()
    for one in both:
        with pytest.raises(ConnectionError):
            await one
    assert await after == 4


async def test_who_goes_away_takes_nothing_from_the_others() -> None:
    looking = Looking()
    shared = SingleFlight(looking.look)
    gone, stays = (asyncio.create_task(shared.get()) for _ in range(2))
    await begun(looking, 1)
    gone.cancel()
    looking.go.release()
    assert await stays == 1
    with pytest.raises(asyncio.CancelledError):
        await gone
