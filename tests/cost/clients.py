"""Clients that make one call after the other on one kept connection, each written at once and its answer checked."""
import json
import socket
import sys
import time

# After each call: beyond 500 a second the audit log leaves lines out, and a call costs less.
PAUSE_SECONDS = 0.0025
TEXT = "x" * 100
COMMON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
MODERN = "2026-07-28"
LEGACY = "2025-11-25"


class Client:
    """A connection to the server of that name."""

    def __init__(self, address, name):
        self.stream = socket.create_connection(address, timeout=120)
        self.answers = self.stream.makefile("rb")
        self.name = name
        self.calls = 0

    def post(self, message, headers):
        body = json.dumps(message).encode()
        fields = {"Host": "127.0.0.1", **COMMON, **headers, "Content-Length": len(body)}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.stream.sendall(f"POST /{self.name} HTTP/1.1\r\n{head}\r\n".encode() + body)
        status = self.answers.readline().decode().strip()
        if not status:
            sys.exit(f"{self.name} has closed the connection")
        lines = [line.decode().strip().split(": ", 1) for line in iter(self.answers.readline, b"\r\n")]
        fields = {name.lower(): value for name, value in lines}
        body = self.answers.read(int(fields.get("content-length", 0))).decode()
        return status, fields, body

    def call(self, headers, meta):
        """A call of `echo` with a text that no other call has."""
        self.calls += 1
        text = f"{self.calls} {TEXT}"
        params = {"name": "echo", "arguments": {"text": text}, **meta}
        status, _, body = self.post({"jsonrpc": "2.0", "id": self.calls, "method": "tools/call", "params": params}, headers)
        if " 200 " not in status or text not in body:
            sys.exit(f"no answer to a call at {self.name}: {status} {body}")
        time.sleep(PAUSE_SECONDS)


class Legacy(Client):
    """A client with a session that it keeps."""

    def __init__(self, address, name):
        super().__init__(address, name)
        params = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "cost", "version": "1"}}
        _, fields, _ = self.post({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}, {})
        self.headers = {"MCP-Protocol-Version": LEGACY, "Mcp-Session-Id": fields["mcp-session-id"]}
        self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}, self.headers)

    def echo(self):
        self.call(self.headers, {})


class Modern(Client):
    """A client whose requests stand for themselves."""

    HEADERS = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": "echo"}
    PREFIX = "io.modelcontextprotocol/"
    META = {"_meta": {PREFIX + "protocolVersion": MODERN, PREFIX + "clientCapabilities": {}}}

    def echo(self):
        self.call(self.HEADERS, self.META)


# The kinds of calls: the client that makes them and the server that it makes them at.
KINDS = {
    "bridged_call": (Legacy, "bridged"),
    "bridged_modern_call": (Modern, "bridged"),
    "forwarded_call": (Legacy, "forwarded"),
}
