"""`time` and `datetime` tell worker code the time of its world."""

from __future__ import annotations

import datetime
import time
from typing import TYPE_CHECKING

from tests.worlds import worker

if TYPE_CHECKING:
    from emulator.testing.durable_objects import Durable

clocks = worker(
    """
    import time
    from datetime import UTC, date, datetime, timedelta
    import datetime as whole

    class Clocks(DurableObject):
        async def agree(self):
            now = Date.now()
            assert int(time.time() * 1000) == now
            assert time.time_ns() == now * 1_000_000
            assert datetime.now(UTC).timestamp() * 1000 == now
            assert whole.datetime.utcnow().replace(tzinfo=UTC).timestamp() * 1000 == now
            assert datetime.today().date() == date.today() == whole.date.today()
            assert time.gmtime().tm_year == time.localtime().tm_year == date.today().year
            return time.ctime()

        async def monotonic(self):
            return [time.monotonic(), time.monotonic_ns()]

        async def kinds(self):
            made = datetime(2020, 1, 1, tzinfo=UTC)
            assert isinstance(made, datetime) and isinstance(datetime.now(), datetime)
            assert isinstance(made, date) and issubclass(datetime, date)
            assert isinstance(made + timedelta(days=1), datetime)
            assert not isinstance(date.today(), datetime)
            assert datetime.fromisoformat("2020-01-01T00:00:00+00:00") == made
            return repr(made)
    """
)


@clocks
async def test_pythons_clocks_agree_with_javascripts(durable: Durable) -> None:
    stub = durable.env.CLOCKS.getByName("a")
    assert await stub.agree() == "Thu Jan  1 00:00:00 2026"
    await durable.clock.advance(86_400)
    assert await stub.agree() == "Fri Jan  2 00:00:00 2026"


@clocks
async def test_the_other_clock_moves_along(durable: Durable) -> None:
    stub = durable.env.CLOCKS.getByName("a")
    before_s, before_ns = await stub.monotonic()
    await durable.clock.advance(5)
    after_s, after_ns = await stub.monotonic()
    assert round(after_s - before_s, 3) == 5
    assert round((after_ns - before_ns) / 1e9, 3) == 5


@clocks
async def test_dates_are_the_dates_they_were(durable: Durable) -> None:
    stub = durable.env.CLOCKS.getByName("a")
    assert await stub.kinds() == "datetime.datetime(2020, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)"


@clocks
async def test_the_tests_own_clocks_are_real(durable: Durable) -> None:
    assert time.time() * 1000 > durable.clock.now_ms + 86_400_000
    assert datetime.datetime.now(datetime.UTC).timestamp() * 1000 > durable.clock.now_ms


def test_without_a_world_nothing_is_replaced() -> None:
    assert time.time.__module__ == "time"
    assert datetime.datetime.__subclasses__ is not None
    assert type(datetime.datetime) is type
