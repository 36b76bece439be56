"""A server of both eras on the Python SDK 2 (on HTTP if told so), with some of server-everything's tools, prompts and resources
under the same names, so that the same checks fit both. Its first message decides for good which era it speaks."""

import asyncio
import os
import sys
from typing import Annotated

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.resolve import Elicit, Resolve, Sample
from mcp_types import Completion, CreateMessageResult, SamplingMessage, TextContent
from pydantic import BaseModel

server = MCPServer("python2")


class Weather(BaseModel):
    temperature: float
    conditions: str
    humidity: float


class Person(BaseModel):
    name: str
    check: bool


@server.tool("echo")
def echo(message: str) -> TextContent:
    return TextContent(text=f"Echo: {message}")


@server.tool("get-sum")
def get_sum(a: float, b: float) -> TextContent:
    return TextContent(text=f"The sum of {a:g} and {b:g} is {a + b:g}.")


@server.tool("get-structured-content")
def get_structured_content(location: str) -> Weather:
    return Weather(temperature=33, conditions="Cloudy", humidity=82)


cancelled = 0


@server.tool("trigger-long-running-operation")
async def long_running(duration: float, steps: int, ctx: Context) -> TextContent:
    global cancelled
    for step in range(1, steps + 1):
        try:
            await asyncio.sleep(duration / steps)
        except asyncio.CancelledError:
            cancelled += 1
            raise
        await ctx.report_progress(step, steps)
    return TextContent(text=f"Long running operation completed. Duration: {duration} seconds, Steps: {steps}.")


@server.tool("count-cancelled")
def count_cancelled() -> TextContent:
    return TextContent(text=f"{cancelled}")


def sample(prompt: str) -> Sample:
    return Sample([SamplingMessage(role="user", content=TextContent(text=prompt))], max_tokens=100)


@server.tool("trigger-sampling-request")
def sampling(prompt: str, answer: Annotated[CreateMessageResult, Resolve(sample)]) -> TextContent:
    return TextContent(text=f"LLM sampling result: {answer.content}")


def person() -> Elicit[Person]:
    return Elicit("Your name?", Person)


@server.tool("trigger-elicitation-request")
def elicitation(answer: Annotated[Person, Resolve(person)]) -> TextContent:
    return TextContent(text=answer.model_dump_json())


@server.tool("toggle-simulated-logging")
async def log(ctx: Context, message: str = "a message") -> TextContent:
    await ctx.info(message)
    return TextContent(text="Logged.")


@server.resource("demo://resource/dynamic/text/1")
def first() -> str:
    return "Resource 1: made for you"


@server.resource("demo://resource/dynamic/text/{number}")
def dynamic(number: str) -> str:
    return f"Resource {number}: made for you"


@server.prompt("args-prompt")
def args_prompt(city: str, state: str = "") -> str:
    return f"What's weather in {city}, {state}?" if state else f"What's weather in {city}?"


@server.prompt("completable-prompt")
def completable_prompt(department: str) -> str:
    return department


@server.completion()
async def complete(reference, argument, context):
    names = ["Engineering", "Sales", "Marketing", "Support"]
    return Completion(values=[name for name in names if name.startswith(argument.value)])


if "http" in sys.argv:
    server.run("streamable-http", port=int(os.environ["PORT"]))
else:
    server.run()
