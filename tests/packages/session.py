"""A client's whole session with the server `hello`. usage: session.py URL [CERTIFICATE]"""

import http.client
import json
import ssl
import sys
import urllib.parse


class Session:
    def __init__(self, url):
        self.url = urllib.parse.urlsplit(url)
        self.headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        self.number = 0

    def connection(self):
        if self.url.scheme == "http":
            return http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60)
        context = ssl.create_default_context(cafile=sys.argv[2])
        return http.client.HTTPSConnection(self.url.hostname, self.url.port, timeout=60, context=context)

    def post(self, message):
        connection = self.connection()
        connection.request("POST", self.url.path, json.dumps({"jsonrpc": "2.0", **message}), self.headers)
        response = connection.getresponse()
        return response, response.read().decode()

    def ask(self, method, params):
        self.number += 1
        response, body = self.post({"id": self.number, "method": method, "params": params})
        assert response.status == 200, (response.status, body)
        if session := response.getheader("Mcp-Session-Id"):
            self.headers["Mcp-Session-Id"] = session
        if response.getheader("Content-Type").startswith("text/event-stream"):
            body = [line[5:] for line in body.splitlines() if line.startswith("data:") and line[5:].strip()][-1]
        answer = json.loads(body)
        assert answer["id"] == self.number and "result" in answer, answer
        return answer["result"]


session = Session(sys.argv[1])
hello = session.ask(
    "initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
)
session.headers["MCP-Protocol-Version"] = hello["protocolVersion"]
response, body = session.post({"method": "notifications/initialized"})
assert response.status == 202, (response.status, body)
tools = [tool["name"] for tool in session.ask("tools/list", {})["tools"]]
assert "greet" in tools, tools
text = session.ask("tools/call", {"name": "greet", "arguments": {"name": "Päckchen"}})["content"][0]["text"]
assert text == "Hello, Päckchen!", text
print(text)
