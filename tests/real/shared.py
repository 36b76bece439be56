"""What has to work for each client with each server: server-everything, and ours with the same tools."""

import asyncio
import json
import time

from mcp import MCPError
from mcp_types import PromptReference

LONG = "trigger-long-running-operation"
UNICODE = 'é 漢字 🙂 "quoted" \\ \n\t\0\u2028 end'


async def until(condition, what):
    """Waits until the condition holds."""
    deadline = time.monotonic() + 10
    while not await condition():
        assert time.monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.01)


async def echo(peer, message):
    assert await peer.text("echo", {"message": message}) == f"Echo: {message}"


async def long_call(peer, steps=3):
    """A call of about half a second, and when each of its steps was heard of."""
    seen = []

    async def progress(done, total, message):
        seen.append((done, total, time.monotonic()))

    assert "completed" in await peer.text(LONG, {"duration": 0.2 * steps, "steps": steps}, progress)
    assert [step[:2] for step in seen] == [(n + 1, steps) for n in range(steps)], seen
    return seen


async def cancelled_call(peer):
    """A long call that its client gives up once it has heard of the first step."""
    begun = asyncio.Event()

    async def progress(done, total, message):
        begun.set()

    call = asyncio.create_task(peer.call(LONG, {"duration": 20, "steps": 40}, progress))
    await begun.wait()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert call.cancelled()


async def lists(peer):
    tools, resources, prompts = await peer.names()
    assert "echo" in tools and "get-sum" in tools, tools
    assert resources and "args-prompt" in prompts, (resources, prompts)


async def every_character(peer):
    await echo(peer, UNICODE)


async def structured(peer):
    result = await peer.call("get-structured-content", {"location": "New York"})
    assert result.structured_content == json.loads(result.content[0].text), result


async def wrong_arguments(peer):
    assert (await peer.call("get-sum", {"a": "one"})).is_error


async def unknown_prompt(peer):
    try:
        await peer.prompt("no-such-prompt")
    except MCPError as error:
        assert error.code == -32602, error
    else:
        raise AssertionError("no error")


async def progress(peer):
    seen = await long_call(peer)
    assert seen[-1][2] - seen[0][2] > 0.2, seen


async def cancellation(peer):
    await cancelled_call(peer)
    assert await peer.text("get-sum", {"a": 2, "b": 3}) == "The sum of 2 and 3 is 5."


async def cancellation_arrives(peer):
    async def count():
        return int(await peer.text("count-cancelled", {}))

    before = await count()
    await cancelled_call(peer)

    async def more():
        return await count() > before

    await until(more, "the server hears of it")


async def reading(peer):
    assert (await peer.read("demo://resource/dynamic/text/7")).startswith("Resource 7:")
    assert await peer.prompt("args-prompt", {"city": "Paris"}) == "What's weather in Paris?"
    reference = PromptReference(name="completable-prompt")
    assert await peer.complete(reference, {"name": "department", "value": "S"}) == ["Sales", "Support"]


async def logging(peer):
    # For two seconds after another client has given up a call, a message may be of that call and reaches nobody.
    async def heard():
        await peer.text("toggle-simulated-logging", {})
        await peer.text("toggle-simulated-logging", {})
        return peer.heard.logged

    await peer.log_from("debug")
    await until(heard, "a log message")


async def subscription(peer):
    uri = "demo://resource/dynamic/text/1"

    async def heard():
        return uri in peer.heard.updated

    async with peer.subscription(uri):
        await peer.text("toggle-subscriber-updates", {})
        await until(heard, "resources/updated")
        await peer.text("toggle-subscriber-updates", {})


async def sampling(peer):
    assert "sampled here" in await peer.text("trigger-sampling-request", {"prompt": "hi"})


async def elicitation(peer):
    assert "Ada" in str((await peer.call("trigger-elicitation-request", {})).content)


# (what, what not every server or client has, the check)
CHECKS = [
    ("lists", "", lists),
    ("echo keeps every character", "", every_character),
    ("structured content", "", structured),
    ("wrong arguments are an error", "", wrong_arguments),
    ("an unknown prompt is an error with the server's code", "codes", unknown_prompt),
    ("progress comes while the call runs", "", progress),
    ("a cancelled call ends, and the next one works", "", cancellation),
    ("the server hears of a cancelled call", "counts", cancellation_arrives),
    ("resource, prompt, completion", "", reading),
    ("log messages reach the client that asked for them", "", logging),
    ("a subscribed resource is reported", "subscriptions", subscription),
    ("the server asks the client for a sample", "", sampling),
    ("the server asks the client's user", "", elicitation),
]


async def apart(peer, number, logs):
    """Each counts its requests, and so its progress tokens, from nought; each is to hear of its own alone."""
    who = f"client-{number}"
    await peer.log_from("debug")
    peer.heard.logged.clear()
    calls = [echo(peer, f"{who}-{n}") for n in range(10)]
    if logs:
        calls += [peer.text("toggle-simulated-logging", {"message": who}) for _ in range(3)]
    await asyncio.gather(*calls, long_call(peer, 3 + number))
    if logs:
        assert set(peer.heard.logged) <= {who}, peer.heard.logged
