"""A session with a server behind the proxy, as a client has one. Prints what the tool said; exits 1 on any error.

usage: session.py URL TOKEN TOOL ARGUMENTS [SESSION_FILE]
A SESSION_FILE that exists is gone on with; else the session begun is kept there.
"""

import json
import pathlib
import sys
import urllib.error
import urllib.request


def post(url, token, session, message):
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    headers |= {"Mcp-Session-Id": session, "MCP-Protocol-Version": "2025-11-25"} if session else {}
    request = urllib.request.Request(url, json.dumps(message).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return response.headers.get("Mcp-Session-Id"), answer(response.read().decode())


def answer(text):
    """The message that has a result, in a JSON body or an event stream."""
    lines = [line[5:] for line in text.splitlines() if line.startswith("data:")] or [text]
    messages = [json.loads(line) for line in lines if line.strip()]
    return next((message for message in messages if "result" in message or "error" in message), None)


def begin(url, token):
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    session, _ = post(url, token, None, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    post(url, token, session, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    return session


def main():
    url, token, tool, arguments = sys.argv[1:5]
    file = pathlib.Path(sys.argv[5]) if len(sys.argv) > 5 else None
    session = file.read_text() if file and file.exists() else begin(url, token)
    if file:
        file.write_text(session)
    params = {"name": tool, "arguments": json.loads(arguments)}
    _, message = post(url, token, session, {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params})
    if "error" in message:
        sys.exit(json.dumps(message["error"]))
    print(message["result"]["content"][0]["text"])


try:
    main()
except urllib.error.HTTPError as error:
    sys.exit(f"status {error.code}: {error.read().decode()}")
except OSError as error:
    sys.exit(str(error))
