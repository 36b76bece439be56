"""Published Python clients with servers of both eras.

usage: python checks.py http://127.0.0.1:3000 [PATTERN]   behind the proxy; only groups whose name matches
       python checks.py stdio [PATTERN]                   the same servers directly, to see that a check itself is right
"""

import asyncio
import json
import re
import sys
from contextlib import AsyncExitStack

from clients import KINDS, PROXIED, SPEAKS_MODERN
from shared import CHECKS, apart

BASE, PATTERN = sys.argv[1], (sys.argv[2:] or [""])[0]
DIRECT = BASE == "stdio"
PUBLISHED = "node_modules/@modelcontextprotocol/server-{}/dist/index.js"
COMMANDS = {
    "everything": ["node", PUBLISHED.format("everything")],  # legacy
    "sdk2": ["node", "servers/sdk2.mjs"],  # both eras
    "sdk2-modern": ["node", "servers/sdk2.mjs", "modern"],
    "python2": ["venv/bin/python", "-W", "ignore", "servers/python2.py"],  # both eras
    "memory": ["node", PUBLISHED.format("memory")],
    "time": ["venv/bin/mcp-server-time"],
}
# The servers that have the shared tools, and what not all of them have.
SERVERS = {
    "everything": {"codes", "subscriptions"},
    "everything-http": {"codes", "subscriptions"},
    "sdk2": {"codes", "subscriptions", "logs", "counts"},
    "sdk2-modern": {"codes", "subscriptions", "logs", "counts"},
    "python2": {"logs", "counts"},
}
WITHOUT = {"fastmcp": {"subscriptions"}}  # its client has no call for them
passed = failed = 0


def connect(server, kind):
    return KINDS[kind](COMMANDS[server] if DIRECT else f"{BASE}/{server}")


async def check(name, body, seconds=30):
    """One check, with a deadline: what hangs has failed too."""
    global passed
    try:
        await asyncio.wait_for(body, seconds)
        passed += 1
        print(f"ok    {name}", flush=True)
    except (Exception, asyncio.CancelledError) as error:
        fail(name, error)


async def group(name, body):
    """Checks that share a client: without it they are one failure, and the other groups still run."""
    if not re.search(PATTERN, name):
        return
    try:
        await asyncio.wait_for(body(name), 300)
    except (Exception, asyncio.CancelledError) as error:
        fail(name, error)


def fail(name, error):
    global failed
    failed += 1
    while getattr(error, "exceptions", None):
        error = error.exceptions[0]  # a task group wraps what went wrong in it
    print(f"FAIL  {name}: {type(error).__name__}: {str(error)[:500]}", flush=True)


async def pair(server, kind, name):
    has = SERVERS[server] - WITHOUT.get(kind, set())
    async with connect(server, kind) as peer:
        await check(f"{name}: speaks the client's own revision", revision(server, kind, peer))
        for what, needs, body in CHECKS:
            if not needs or needs in has:
                await check(f"{name}: {what}", body(peer))


async def revision(server, kind, peer):
    modern = kind in SPEAKS_MODERN and not (DIRECT and server == "everything")
    assert peer.version == ("2026-07-28" if modern else "2025-11-25"), peer.version


async def together(server, name):
    """Two of each kind at once on one child."""

    async def one(kind, number):
        async with connect(server, kind) as peer:
            await apart(peer, number, "logs" in SERVERS[server])

    twice = kinds_for(server) * 2
    await check(name, asyncio.gather(*(one(kind, n) for n, kind in enumerate(twice))), 60)


def kinds_for(server):
    """Which kinds can meet a server: all of them behind the proxy."""
    if not DIRECT:
        return list(KINDS)
    return [kind for kind in set(KINDS) - PROXIED if server != "sdk2-modern" or kind in SPEAKS_MODERN]


async def memory(peer, name):
    entity = {"name": f"python {name}", "entityType": "test", "observations": ["ünïcode"]}
    await peer.call("create_entities", {"entities": [entity]})
    found = json.loads(await peer.text("search_nodes", {"query": entity["name"]}))
    assert found["entities"] == [entity], found
    await peer.call("delete_entities", {"entityNames": [entity["name"]]})


async def clock(peer, name):
    arguments = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
    converted = json.loads(await peer.text("convert_time", arguments))
    assert converted["target"]["datetime"].endswith("T21:00:00+09:00"), converted


async def hello(peer, name):
    assert await peer.text("greet", {"name": "Zoë"}) == "Hello, Zoë!"


async def small(server, kind, body, name):
    async def run():
        async with connect(server, kind) as peer:
            await body(peer, name)

    await check(name, run())


async def main():
    for server in [server for server in SERVERS if not DIRECT or server in COMMANDS]:
        for kind in kinds_for(server):
            await group(f"{server}, {kind}", lambda name: pair(server, kind, name))
        await group(f"{server}, two of each client at once", lambda name: together(server, name))
    for server, body in {"memory": memory, "time": clock, **({} if DIRECT else {"hello": hello})}.items():
        for kind in KINDS:
            await group(f"{server}, {kind}", lambda name: small(server, kind, body, name))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(asyncio.run(main()))
