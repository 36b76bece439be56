"""What the proxy holds and how soon it is there: resident memory in the situations that matter, and two moments of a start."""
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FAKE = ROOT / "target/debug/examples/fake_stdio"
# Streams may hold three quarters of the connections.
CONFIG = "[limits]\nmax_connections = 2048\nmax_sessions = 2000\n[defaults]\nstart = \"{start}\"\n"
FIELDS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
REVISION = "2025-11-25"
# Seconds until a round of health checks is over, after which the proxy gives back what nobody uses.
REST = 13


class Proxy:
    """The program in a folder with so many servers, all alike; kept after the end if it is to start again."""

    def __init__(self, program, servers, start, folder=None):
        self.folder = folder or Path(tempfile.mkdtemp(prefix="mcp-proxy-measure-"))
        self.servers = [f"s{number}" for number in range(servers)]
        for name in self.servers:
            place = self.folder / "servers" / name
            place.mkdir(parents=True, exist_ok=True)
            (place / "server.toml").write_text(f'command = "{FAKE}"\ntransport = "stdio"\n')
        (self.folder / "proxy.toml").write_text(CONFIG.format(start=start))
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "MCP_PROXY_PORTS": "0"}
        options = ["--config", "proxy.toml", "--state-dir", "state", "--listen", "127.0.0.1:0"]
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [program, *options], cwd=self.folder, env=environment, stderr=subprocess.PIPE, text=True
        )
        line = next(line for line in self.process.stderr if "listening on" in line)
        self.first_line = time.monotonic() - self.began
        self.address = ("127.0.0.1", int(re.search(r"http://127.0.0.1:(\d+)", line)[1]))
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def wait_ready(self):
        """Until every server answers; how long after the start that was."""
        url = "http://%s:%s/servers" % self.address
        while True:
            with urllib.request.urlopen(url) as answer:
                servers = json.load(answer)["servers"]
            if len(servers) == len(self.servers) and all(server["state"] == "ready" or server["reason"] == "asleep" for server in servers):
                return time.monotonic() - self.began
            time.sleep(0.005)

    def memory(self, field="VmRSS"):
        """MB of the proxy's own process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB", status, re.M)[1]) / 1024

    def forget_peak(self):
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def guard(self):
        """MB of the process that ends servers when the proxy cannot any more."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        name = Path(f"/proc/{self.process.pid}/comm").read_text()
        for child in children:
            if Path(f"/proc/{child}/comm").read_text() == name:
                return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{child}/status").read_text())[1]) / 1024

    def stop(self, keep=False):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        if not keep:
            shutil.rmtree(self.folder)


class Client:
    """A session at a server; each connection it opens is written to and read from by hand."""

    def __init__(self, address, name):
        self.address, self.name = address, name
        params = {"protocolVersion": REVISION, "capabilities": {}, "clientInfo": {"name": "m", "version": "1"}}
        hello = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        stream = self.post(hello, {})
        with stream.makefile("rb") as answer:
            fields = dict(line.decode().strip().lower().split(": ", 1) for line in list(iter(answer.readline, b"\r\n"))[1:])
        stream.close()
        self.headers = {"MCP-Protocol-Version": REVISION, "Mcp-Session-Id": fields["mcp-session-id"]}

    def request(self, method, body, headers):
        stream = socket.create_connection(self.address, timeout=120)
        fields = {"Host": "127.0.0.1", **FIELDS, **headers, "Content-Length": len(body)}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        stream.sendall(f"{method} /{self.name} HTTP/1.1\r\n{head}\r\n".encode() + body)
        return stream

    def post(self, message, headers):
        return self.request("POST", json.dumps(message).encode(), headers)

    def call(self, tool, **arguments):
        params = {"name": tool, "arguments": arguments}
        return self.post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}, self.headers)

    def listen(self):
        return self.request("GET", b"", {**self.headers, "Accept": "text/event-stream"})


def row(what, figure):
    print(f"| {what} | {figure} |", flush=True)


def started(stream):
    """Waits for the first bytes of an answer."""
    if not stream.recv(4096).startswith(b"HTTP/1.1 200"):
        sys.exit("an answer was no answer")
    return stream


def starts(program, servers=40, times=5):
    first, ready, folder = [], [], None
    for _ in range(times):
        proxy = Proxy(program, servers, "auto", folder)
        folder = proxy.folder
        first.append(proxy.first_line * 1000)
        ready.append(proxy.wait_ready() * 1000)
        proxy.stop(keep=True)
    shutil.rmtree(folder)
    row(f"first log line, {servers} servers, new to it", f"{first[0]:.0f} ms")
    row("all of them ready", f"{ready[0]:.0f} ms")
    row(f"first log line, {servers} servers that it knows (median of {times - 1} starts)", f"{statistics.median(first[1:]):.0f} ms")
    row("all of them asleep, ready to be called", f"{statistics.median(ready[1:]):.0f} ms")


def at_rest(program):
    proxy = Proxy(program, 10, "auto")
    proxy.wait_ready()
    proxy.stop(keep=True)
    proxy = Proxy(program, 10, "auto", proxy.folder)
    proxy.wait_ready()
    time.sleep(REST)
    row("10 servers asleep", f"{proxy.memory():.1f} MB")
    row("the guard process beside it", f"{proxy.guard():.1f} MB")
    proxy.stop()
    proxy = Proxy(program, 10, "always")
    proxy.wait_ready()
    time.sleep(REST)
    row("10 servers running", f"{proxy.memory():.1f} MB")
    proxy.stop()


def busy(proxy, client, connections=256):
    """Each connection has a call in flight while memory is read."""
    waiting = [client.call("sleep", ms=3000) for _ in range(connections)]
    time.sleep(2)
    row(f"{connections} connections, each with a call in flight", f"{proxy.memory():.1f} MB")
    for stream in waiting:
        started(stream).close()


def streams(proxy, client, count=1000):
    """Each of a session of its own: a session has one stream."""
    clients = [Client(proxy.address, client.name) for _ in range(count)]
    sessions = proxy.memory()
    opened = [started(each.listen()) for each in clients]
    time.sleep(1)
    held = proxy.memory()
    row(f"{count} sessions", f"{sessions:.1f} MB")
    row(f"{count} idle event streams of {count} sessions", f"{held:.1f} MB, {(held - sessions) * 1024 / count:.1f} kB a stream")
    for stream in opened:
        stream.close()


def large(proxy, client, megabytes=10):
    """The most that one large result takes, over what was held before."""
    before = proxy.memory()
    proxy.forget_peak()
    stream = client.call("big", bytes=megabytes << 20)
    read = 0
    while read < megabytes << 20:
        piece = stream.recv(1 << 16)
        if not piece:
            sys.exit("a large result broke off")
        read += len(piece)
    stream.close()
    row(f"a result of {megabytes} MB, at its peak", f"{proxy.memory('VmHWM') - before:.1f} MB more than before")


def under_load(program):
    proxy = Proxy(program, 1, "always")
    proxy.wait_ready()
    client = Client(proxy.address, "s0")
    time.sleep(REST)
    before = proxy.memory()
    row("1 server, before any load", f"{before:.1f} MB")
    large(proxy, client)
    busy(proxy, client)
    streams(proxy, client)
    time.sleep(25)  # idle threads end, and the allocator gives memory back
    row("the same 25 seconds after all this", f"{proxy.memory():.1f} MB")
    proxy.stop()


if __name__ == "__main__":
    program = sys.argv[1]
    print(f"{os.path.getsize(program):,} bytes of program; a load average of {os.getloadavg()[0]:.1f}\n")
    print("| what | resident, or time |\n|---|---|")
    starts(program)
    at_rest(program)
    under_load(program)
