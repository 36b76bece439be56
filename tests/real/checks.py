"""The official Python SDK as a client of published servers.

usage: python checks.py http://127.0.0.1:3000   behind the proxy
       python checks.py stdio                   the same servers directly, to see that a check itself is right

Each set runs twice: as the SDK does by itself (it asks `server/discover` first and speaks 2026-07-28 if it can),
and with the handshake of the older revisions.
"""

import asyncio
import json
import sys
import time

from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters
from mcp_types import CreateMessageResult, ElicitResult, PromptReference, TextContent

BASE = sys.argv[1]
PUBLISHED = "node_modules/@modelcontextprotocol/server-{}/dist/index.js"
COMMANDS = {
    "everything": StdioServerParameters(command="node", args=[PUBLISHED.format("everything")]),
    "memory": StdioServerParameters(command="node", args=[PUBLISHED.format("memory")]),
    "time": StdioServerParameters(command="venv/bin/mcp-server-time"),
}
passed = failed = 0


def connect(server, mode, **options):
    where = COMMANDS[server] if BASE == "stdio" else f"{BASE}/{server}"
    return Client(where, mode=mode, read_timeout_seconds=30, **options)


async def check(name, body):
    """One check, with a deadline: what hangs has failed too."""
    global passed
    try:
        await asyncio.wait_for(body(), 30)
        passed += 1
        print(f"ok    {name}", flush=True)
    except (Exception, asyncio.CancelledError) as error:
        fail(name, error)


async def group(name, body):
    """Checks that share a client: without it they are one failure, and the other groups still run."""
    try:
        await body
    except (Exception, asyncio.CancelledError) as error:
        fail(name, error)


def fail(name, error):
    global failed
    failed += 1
    while getattr(error, "exceptions", None):
        error = error.exceptions[0]  # a task group wraps what went wrong in it
    print(f"FAIL  {name}: {type(error).__name__}: {error}", flush=True)


async def text(client, tool, **arguments):
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result
    return result.content[0].text


async def long_call(client):
    """A call of about half a second with three steps, and when each was heard of."""
    seen = []

    async def progress(done, total, message):
        seen.append((done, time.monotonic()))

    arguments = {"duration": 0.6, "steps": 3}
    result = await client.call_tool("trigger-long-running-operation", arguments, progress_callback=progress)
    assert "completed" in result.content[0].text, result
    assert [done for done, _ in seen] == [1, 2, 3], seen
    return seen


async def sample(context, params):
    return CreateMessageResult(role="assistant", model="none", content=TextContent(text="sampled here"))


async def elicit(context, params):
    return ElicitResult(action="accept", content={"name": "Ada", "check": True})


async def everything(server, mode):
    logged = []

    async def log(params):
        logged.append(params)

    def say(what):
        return f"{server}, {mode}: {what}"

    async def lists():
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert "echo" in names and "get-sum" in names, names
        assert (await client.list_resources()).resources
        assert "args-prompt" in [prompt.name for prompt in (await client.list_prompts()).prompts]

    async def echo():
        message = 'é 漢字 🙂 "quoted" \\ \n\t\0\u2028 end'
        assert await text(client, "echo", message=message) == f"Echo: {message}"

    async def structured():
        result = await client.call_tool("get-structured-content", {"location": "Chicago"})
        assert result.structured_content == json.loads(result.content[0].text), result

    async def errors():
        assert (await client.call_tool("get-sum", {"a": "one"})).is_error
        try:
            await client.get_prompt("no-such-prompt")
        except MCPError as error:
            assert error.code == -32602, error
        else:
            raise AssertionError("no error")

    async def progress():
        seen = await long_call(client)
        assert seen[-1][1] - seen[0][1] > 0.2, seen

    async def reading():
        contents = (await client.read_resource("demo://resource/dynamic/text/7")).contents
        assert contents[0].text.startswith("Resource 7:"), contents
        prompt = await client.get_prompt("args-prompt", {"city": "Paris"})
        assert prompt.messages[0].content.text == "What's weather in Paris?", prompt
        reference = PromptReference(name="completable-prompt")
        completion = await client.complete(reference, {"name": "department", "value": "S"})
        assert completion.completion.values == ["Sales", "Support"], completion

    async def logging():
        await client.set_logging_level("debug")
        await text(client, "toggle-simulated-logging")
        while not logged:
            await asyncio.sleep(0.01)
        await text(client, "toggle-simulated-logging")

    async def sampling():
        assert "sampled here" in await text(client, "trigger-sampling-request", prompt="hi")

    async def elicitation():
        result = await client.call_tool("trigger-elicitation-request", {})
        assert "Ada" in str(result.content), result

    callbacks = {"sampling_callback": sample, "elicitation_callback": elicit, "logging_callback": log}
    async with connect(server, mode, **callbacks) as client:
        print(f"      {server}, {mode}: speaks {client.protocol_version}")
        await check(say("lists"), lists)
        await check(say("echo keeps every character"), echo)
        await check(say("structured content"), structured)
        await check(say("errors are the server's"), errors)
        await check(say("progress comes while the call runs"), progress)
        await check(say("resource, prompt, completion"), reading)
        if mode == "legacy":
            await check(say("log messages reach the client that asked for them"), logging)
        await check(say("the server asks the client for a sample"), sampling)
        await check(say("the server asks the client's user"), elicitation)
    await check(say("two clients with the same ids and tokens at once"), lambda: together(server, mode))


async def together(server, mode):
    async def one(who):
        async with connect(server, mode) as client:
            echoes = [text(client, "echo", message=f"{who}-{n}") for n in range(20)]
            *answers, _ = await asyncio.gather(*echoes, long_call(client))
            assert answers == [f"Echo: {who}-{n}" for n in range(20)], answers

    await asyncio.gather(one("a"), one("b"))


async def small_servers(mode):
    async def memory():
        async with connect("memory", mode) as client:
            entity = {"name": f"python-{mode}", "entityType": "test", "observations": ["ünïcode"]}
            await client.call_tool("create_entities", {"entities": [entity]})
            found = json.loads(await text(client, "search_nodes", query=entity["name"]))
            assert found["entities"] == [entity], found
            await client.call_tool("delete_entities", {"entityNames": [entity["name"]]})

    async def clock():
        async with connect("time", mode) as client:
            print(f"      time, {mode}: speaks {client.protocol_version}")
            arguments = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
            converted = json.loads(await text(client, "convert_time", **arguments))
            assert converted["target"]["datetime"].endswith("T21:00:00+09:00"), converted

    async def hello():
        async with connect("hello", mode) as client:
            assert await text(client, "greet", name="Zoë") == "Hello, Zoë!"

    await check(f"memory, {mode}: writes and reads", memory)
    await check(f"time, {mode}: converts", clock)
    if BASE != "stdio":
        await check(f"hello, {mode}: the sample in sh", hello)


async def main():
    for mode in ["auto", "legacy"]:
        await group(f"everything, {mode}", everything("everything", mode))
        if BASE != "stdio":
            await group(f"everything-http, {mode}", everything("everything-http", mode))
        await small_servers(mode)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(asyncio.run(main()))
