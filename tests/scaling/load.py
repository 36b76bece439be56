"""One published Python client that calls without a pause until its input ends; a line of JSON for each call.

usage: python load.py URL KIND PREFIX
"""

import asyncio
import json
import sys
import time

from clients import KINDS

URL, KIND, PREFIX = sys.argv[1:]
PAUSE_MS = 20
# A client that was told to come back for its answer waits so long for one that nobody has any more.
TIMEOUT_SECONDS = 15


def now():
    return time.time() * 1000


async def call(peer, payload):
    told = {"payload": payload, "begun": now()}
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            told["answer"] = await peer.text("work", {"payload": payload, "ms": PAUSE_MS})
    except Exception as error:
        told["error"] = str(error) or repr(error)
    print(json.dumps({**told, "ended": now()}), flush=True)


async def main():
    stopping = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
    async with KINDS[KIND](URL) as peer:
        n = 0
        while not stopping.done():
            await call(peer, f"{PREFIX}-{n}")
            n += 1


asyncio.run(main())
