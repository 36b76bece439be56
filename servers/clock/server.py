"""An HTTP MCP server in Python's standard library: one tool, `now`.

To write your own: listen on HOST:PORT (both come in the environment), answer POST /mcp with one JSON object for each
request, 202 for notifications and 405 for GET (which would ask for a stream of events, and there are none), end on
SIGTERM. Change TOOLS and `call` below. The proxy needs to be told nothing: it runs this file, and finds where it listens.
"""

import json
import os
import signal
import sys
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

REVISIONS = ["2025-11-25", "2025-06-18", "2025-03-26"]
MAX_BODY = 1024 * 1024
TOOLS = [
    {
        "name": "now",
        "description": "The time, in UTC or in a zone such as Europe/Paris",
        "inputSchema": {"type": "object", "properties": {"zone": {"type": "string"}}},
    }
]


class McpError(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def text(value, is_error=False):
    return {"content": [{"type": "text", "text": value}], "isError": is_error}


def call(name, arguments):
    if name != "now":
        raise McpError(-32602, f"no such tool: {name}")
    zone = arguments.get("zone")
    try:
        return text(datetime.now(ZoneInfo(zone) if zone else timezone.utc).isoformat(timespec="seconds"))
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        # The model can do something about this one, so it is a result and not a JSON-RPC error.
        return text(f"no such zone: {zone}", is_error=True)


def initialize(params):
    asked = params.get("protocolVersion")
    return {
        "protocolVersion": asked if asked in REVISIONS else REVISIONS[0],
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "clock", "version": "1.0.0"},
    }


METHODS = {
    "initialize": initialize,
    "ping": lambda params: {},
    "tools/list": lambda params: {"tools": TOOLS},
    "tools/call": lambda params: call(params.get("name"), params.get("arguments") or {}),
}


def answer(message):
    """The answer to one message, or None for those that want none."""
    if not isinstance(message, dict):
        return failure(None, -32600, "one JSON-RPC message, please")
    if "id" not in message or "method" not in message:
        return None
    method = METHODS.get(message["method"])
    if method is None:
        return failure(message["id"], -32601, f"no such method: {message['method']}")
    try:
        return {"jsonrpc": "2.0", "id": message["id"], "result": method(message.get("params") or {})}
    except McpError as error:
        return failure(message["id"], error.code, str(error))


def failure(message_id, code, message):
    return {"jsonrpc": "2.0", "id": message_id, "error": {"code": code, "message": message}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open between requests
    disable_nagle_algorithm = True  # head and body are two writes: the second must not wait for an acknowledgement

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True  # the body stays unread
            return self.send(413 if length.isdigit() else 411)
        body = self.rfile.read(int(length))
        if self.path != "/mcp":
            return self.send(404)
        try:
            reply = answer(json.loads(body))
        except ValueError:
            return self.send(400, failure(None, -32700, "not JSON"))
        self.send(200 if reply else 202, reply)

    def do_GET(self):
        self.send(405 if self.path == "/mcp" else 404)

    do_DELETE = do_GET

    def send(self, status, reply=None):
        body = json.dumps(reply).encode() if reply else b""
        self.send_response(status)
        if status == 405:
            self.send_header("Allow", "POST")
        if reply:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass  # the proxy counts requests; a line for each would only fill its log


def main():
    address = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    ThreadingHTTPServer(address, Handler).serve_forever()


if __name__ == "__main__":
    main()
