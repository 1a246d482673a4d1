"""A process that calls as a predictor does, as fast as told, and prints how many calls it was granted and when.

python -m tests.serving.rate_caller REDIS_URL WORKSPACE RATE SHARERS CALLS
"""

import asyncio
import json
import sys

from redis.asyncio import Redis

from modelyard.contracts.route import Limits
from workers.serving.admission.accounts import Account
from workers.serving.problems import Problem
from workers.serving.redis_link import RedisLink

CALLS_AT_A_TIME = 25
PAUSE_SECONDS = 0.01


class Deaf:
    """Learns nothing: only the lending is wanted."""

    def learn(self, kind: str, name: str, raw: str | None) -> None:
        return None

    def learned_all(self) -> None:
        return None


async def call(account: Account) -> bool:
    """One request, as `workers.serving.desk` takes it; whether it was granted."""
    if account.take_at_once(account.requests, 1):
        return True
    answered: asyncio.Future[Problem | None] = asyncio.get_running_loop().create_future()
    account.await_request(answered.set_result)
    return await answered is None


async def call_often(url: str, workspace: str, rate: int, sharers: int, calls: int) -> dict[str, float]:
    link, clock = RedisLink(url, "caller", Deaf()), Redis.from_url(url)
    link.up = True
    account = Account(workspace, Limits(requests_per_second=rate), link.lend, lambda: sharers)
    is_there = sharers == 1
    began = await _time(clock) if is_there else asyncio.get_running_loop().time()
    granted = 0
    for number in range(calls):
        granted += await call(account)
        if number % CALLS_AT_A_TIME == 0:
            await asyncio.sleep(PAUSE_SECONDS)
    ended = await _time(clock) if is_there else asyncio.get_running_loop().time()
    await link.close()
    await clock.aclose()
    return {"began": began, "ended": ended, "granted": granted}


async def _time(clock: "Redis") -> float:
    """By the clock of Redis, which is the same for all."""
    seconds, microseconds = await clock.time()
    return float(seconds) + float(microseconds) / 1e6


if __name__ == "__main__":
    address, workspace_id, *numbers = sys.argv[1:]
    print(json.dumps(asyncio.run(call_often(address, workspace_id, *(int(number) for number in numbers)))))
