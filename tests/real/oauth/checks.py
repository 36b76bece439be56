"""Python clients' own OAuth code: the SDK and fastmcp. And `mcp-proxy passwd` at a terminal.

usage: checks.py URL PROGRAM
"""

import asyncio
import os
import pty
import re
import sys
import tempfile
import termios
import webbrowser
from urllib.parse import parse_qs, urljoin, urlsplit

import fastmcp
import httpx2
from fastmcp.client.auth import OAuth
from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

PASSWORD = "correct horse battery"
CALLBACK = "http://127.0.0.1:9/callback"


async def answer(url):
    """Where the owner's answer leads."""
    async with httpx2.AsyncClient() as browser:
        page = await browser.get(url)
        assert page.status_code == 200, page.text
        request = re.search(r'name="request" value="([^"]+)"', page.text)[1]
        action = urljoin(url, re.search(r'action="([^"]+)"', page.text)[1])
        form = {"request": request, "password": PASSWORD, "answer": "allow"}
        answered = await browser.post(action, data=form)
        assert answered.status_code == 303, answered.text
        return answered.headers["location"]


class Storage:
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Application:
    """What the SDK asks of one."""

    def __init__(self, url, method):
        self.url, self.asked, self.storage = url, 0, Storage()
        self.metadata = OAuthClientMetadata(
            client_name="Checks", redirect_uris=[CALLBACK], token_endpoint_auth_method=method
        )

    async def redirect(self, url):
        self.asked += 1
        self.location = await answer(url)

    async def callback(self):
        said = {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}
        return AuthorizationCodeResult(code=said["code"], state=said["state"], iss=said["iss"])

    async def tools(self):
        auth = OAuthClientProvider(self.url, self.metadata, self.storage, self.redirect, self.callback)
        async with create_mcp_http_client(auth=auth) as http:
            async with streamable_http_client(self.url, http_client=http) as streams:
                async with ClientSession(*streams[:2]) as session:
                    await session.initialize()
                    return (await session.list_tools()).tools


async def sdk(url, method):
    application = Application(f"{url}/hello", method)
    assert await application.tools()
    storage = application.storage
    assert application.asked == 1 and storage.tokens.scope == "mcp"
    before = storage.tokens.refresh_token
    assert await application.tools() and application.asked == 1
    # The SDK refreshes what it takes for over; it knows that from `expires_in` alone.
    form = {"grant_type": "refresh_token", "refresh_token": before, "client_id": storage.client.client_id}
    if storage.client.client_secret:
        form["client_secret"] = storage.client.client_secret
    async with httpx2.AsyncClient() as http:
        answered = await http.post(f"{url}/token", data=form)
    assert answered.status_code == 200 and answered.json()["refresh_token"] != before, answered.text


async def fast(url):
    """It opens a browser and listens itself."""

    async def visit(address):
        async with httpx2.AsyncClient() as browser:
            await browser.get(await answer(address))

    loop, visits = asyncio.get_running_loop(), []
    webbrowser.open = lambda address: visits.append(loop.create_task(visit(address)))
    async with fastmcp.Client(f"{url}/hello", auth=OAuth()) as client:
        assert await client.list_tools()
    assert len(visits) == 1


def terminal(program, *typed):
    """What a terminal shows, the exit status, and whether it shows afterwards again what is typed."""
    folder = tempfile.TemporaryDirectory()
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(program, [program, "passwd", "--state-dir", folder.name])
    shown = ""

    def read_until(text):
        nonlocal shown
        while text not in shown:
            shown += os.read(fd, 1024).decode()

    for place, line in enumerate(typed):
        read_until(("New password: ", "The same again: ")[place])
        os.write(fd, line.encode())
    try:
        read_until("\0")
    except OSError:
        pass  # it has ended
    echoes = bool(termios.tcgetattr(fd)[3] & termios.ECHO)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    with folder:
        return shown, status, echoes, os.path.exists(f"{folder.name}/password")


async def passwd(program):
    shown, *rest = terminal(program, f"{PASSWORD}\n", f"{PASSWORD}\n")
    assert rest == [0, True, True] and PASSWORD not in shown, (shown, rest)
    shown, *rest = terminal(program, f"{PASSWORD}\n", "another\n")
    assert rest == [1, True, False] and "not the same" in shown, (shown, rest)
    shown, *rest = terminal(program, "half\x03")
    assert rest == [130, True, False], (shown, rest)


async def main(url, program):
    checks = {f"Python SDK, {method}: from nothing to tools": sdk(url, method) for method in ("none", "client_secret_post")}
    checks["fastmcp: from nothing to tools"] = fast(url)
    checks["passwd at a terminal"] = passwd(program)
    failed = 0
    for name, check in checks.items():
        try:
            await asyncio.wait_for(check, 60)
            print(f"ok    {name}")
        except BaseException as error:
            failed += 1
            print(f"FAIL  {name}: {error!r}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return failed > 0


sys.exit(asyncio.run(main(*sys.argv[1:])))
