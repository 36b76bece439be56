"""The clients that are tried: each kind connects to a server and then looks the same to the checks."""

from contextlib import AsyncExitStack, asynccontextmanager

import fastmcp
from fastmcp.client.transports import StdioTransport
from mcp import Client, ClientSession
from mcp.client.sse import sse_client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CreateMessageResult, ElicitResult, ResourceUpdatedNotification, TextContent

MODERN = "2026-07-28"
ANSWER = {"name": "Ada", "check": True}


class Heard:
    """What a client is told and asked besides its answers."""

    def __init__(self):
        self.logged, self.updated = [], []

    async def log(self, message):
        self.logged.append(message.data)

    async def message(self, message):
        if isinstance(message, ResourceUpdatedNotification):
            self.updated.append(str(message.params.uri))

    async def sample(self, context, params):
        return CreateMessageResult(role="assistant", model="none", content=TextContent(text="sampled here"))

    async def elicit(self, context, params):
        return ElicitResult(action="accept", content=ANSWER)

    def callbacks(self):
        return {
            "sampling_callback": self.sample,
            "elicitation_callback": self.elicit,
            "logging_callback": self.log,
            "message_handler": self.message,
            "read_timeout_seconds": 30,
            "log_level": "debug",
        }


class Peer:
    """A `Client` or a `ClientSession` of the SDK."""

    def __init__(self, client, heard):
        self.client, self.heard = client, heard
        self.version = client.protocol_version

    async def call(self, tool, arguments, progress=None):
        return await self.client.call_tool(tool, arguments, progress_callback=progress)

    async def text(self, tool, arguments, progress=None):
        result = await self.call(tool, arguments, progress)
        assert not result.is_error, result
        return result.content[0].text

    async def names(self):
        """Of the tools, the resources and the prompts."""
        tools, resources, prompts = await self.lists()
        return [tool.name for tool in tools], [str(each.uri) for each in resources], [prompt.name for prompt in prompts]

    async def lists(self):
        client = self.client
        return (
            (await client.list_tools()).tools,
            (await client.list_resources()).resources,
            (await client.list_prompts()).prompts,
        )

    async def read(self, uri):
        return (await self.client.read_resource(uri)).contents[0].text

    async def prompt(self, name, arguments=None):
        return (await self.client.get_prompt(name, arguments)).messages[0].content.text

    async def complete(self, reference, argument):
        return (await self.client.complete(reference, argument)).completion.values

    async def log_from(self, level):
        """Asks for log messages; in the modern era each request does that already."""
        if self.version != MODERN and self.logs():
            await self.client.set_logging_level(level)

    def logs(self):
        client = self.client
        if isinstance(client, ClientSession):
            return client.initialize_result.capabilities.logging
        return client.server_capabilities.logging

    @asynccontextmanager
    async def subscription(self, uri):
        if self.version == MODERN:
            async with self.client.listen(resource_subscriptions=[uri]):
                yield
        else:
            await self.client.subscribe_resource(uri)
            yield
            await self.client.unsubscribe_resource(uri)


class FastPeer(Peer):
    """fastmcp's client."""

    async def call(self, tool, arguments, progress=None):
        return await self.client.call_tool_mcp(tool, arguments, progress_handler=progress)

    async def lists(self):
        client = self.client
        return await client.list_tools(), await client.list_resources(), await client.list_prompts()

    async def read(self, uri):
        return (await self.client.read_resource(uri))[0].text

    async def complete(self, reference, argument):
        return (await self.client.complete(reference, argument)).values


@asynccontextmanager
async def sdk(mode, target):
    heard = Heard()
    where = target if isinstance(target, str) else StdioServerParameters(command=target[0], args=target[1:])
    async with Client(where, mode=mode, **heard.callbacks()) as client:
        yield Peer(client, heard)


@asynccontextmanager
async def session(target, by_http=streamable_http_client):
    heard = Heard()
    async with AsyncExitStack() as stack:
        if isinstance(target, str):
            transport = by_http(target)
        else:
            transport = stdio_client(StdioServerParameters(command=target[0], args=target[1:]))
        read, write, *_ = await stack.enter_async_context(transport)
        client = await stack.enter_async_context(ClientSession(read, write, **heard.callbacks()))
        await client.initialize()
        yield Peer(client, heard)


@asynccontextmanager
async def fast(target):
    heard = Heard()

    async def sample(messages, params, context):
        return "sampled here"

    async def elicit(message, response_type, params, context):
        return ANSWER

    where = target if isinstance(target, str) else StdioTransport(command=target[0], args=target[1:])
    handlers = {"sampling_handler": sample, "elicitation_handler": elicit, "message_handler": heard.message}
    async with fastmcp.Client(where, timeout=30, log_handler=heard.log, **handlers) as client:
        yield FastPeer(client, heard)


KINDS = {
    "Client": lambda target: sdk("auto", target),  # asks `server/discover` first and speaks 2026-07-28 if it can
    "Client legacy": lambda target: sdk("legacy", target),
    "ClientSession": session,
    "ClientSession of 2024-11-05": lambda target: session(target, lambda url: sse_client(f"{url}/sse")),
    "fastmcp": fast,
}
SPEAKS_MODERN = {"Client", "fastmcp"}
PROXIED = {"ClientSession of 2024-11-05"}  # the transport that only the proxy serves
