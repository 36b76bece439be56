"""Counts what a call costs the proxy in user instructions, and compares that, and the program's size, with the baseline.

A run answers some calls of each kind under valgrind; a further run for each kind answers CALLS more of it. What both
have in common (the start, the sessions, the end) falls out of the difference. Instructions, because they are the same
on a busy machine; system calls count as one each.
"""
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "target/debug/examples"
BASELINE = Path(__file__).with_name("baseline.toml")
WARM_UP, CALLS = 50, 1000
TEXT = "x" * 100
# By how much a figure may grow. Two runs of one program differ by about a hundredth: threads meet in another order.
TOLERANCE = {"program_bytes": 0.02}
USUAL_TOLERANCE = 0.05
CONFIG = """
[health]
interval_seconds = 3600 # polls are not calls
[defaults]
start = "always"
stream_after_ms = 60000 # valgrind is slow
"""
COMMON = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
MODERN = "2026-07-28"
LEGACY = "2025-11-25"


def told(process, pattern):
    """What the program says on stderr of where it listens; the rest is read and dropped."""
    found = next((found for line in process.stderr if (found := re.search(pattern, line))), None)
    if not found:
        sys.exit(f"{process.args} ended before it listened")
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return found[1]


class Proxy:
    """The program under valgrind, in a folder of its own, with a fake of each kind.

    The proxy does not start the HTTP one: to find the ports of a process it needs the size of a page, and gets that
    (rustix) by a call that valgrind lets through to the kernel of Linux 6.4 and later, with addresses that are not its own.
    """

    def __init__(self, program):
        self.folder = Path(tempfile.mkdtemp(prefix="mcp-proxy-cost-"))
        (self.folder / "proxy.toml").write_text(CONFIG)
        fields = {"stderr": subprocess.PIPE, "text": True}
        environment = {"FAKE_KEEP_ALIVE": "1"}
        self.http = subprocess.Popen([EXAMPLES / "fake_http"], env=environment, **fields)
        self.server("forwarded", f'url = "http://{told(self.http, "fake_http on (.*)")}/mcp"')
        self.server("bridged", f'command = "{EXAMPLES / "fake_stdio"}"\ntransport = "stdio"\nenv = {{ FAKE_ERAS = "both" }}')
        counting = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--fair-sched=yes", "--cachegrind-out-file=count.%p"]
        options = ["--config", "proxy.toml", "--state-dir", "state", "--listen", "127.0.0.1:0"]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "MCP_PROXY_PORTS": "0"}
        self.process = subprocess.Popen([*counting, program, *options], cwd=self.folder, env=environment, **fields)
        self.address = ("127.0.0.1", int(told(self.process, r"listening on http://127.0.0.1:(\d+)")))

    def server(self, name, text):
        folder = self.folder / "servers" / name
        folder.mkdir(parents=True)
        (folder / "server.toml").write_text(text + "\n")

    def end(self):
        """Instructions of this process from its start to its end; what it forked has files of its own."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        self.http.kill()
        self.http.wait()
        counted = (self.folder / f"count.{self.process.pid}").read_text()
        shutil.rmtree(self.folder)
        return int(re.search(r"^summary: (\d+)", counted, re.M)[1])


class Client:
    """One kept connection, one request at a time, each written at once."""

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
        fields = dict(line.decode().strip().lower().split(": ", 1) for line in iter(self.answers.readline, b"\r\n"))
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


# The figures, with the client that makes such calls and the server that it makes them at.
KINDS = {
    "bridged_call": (Legacy, "bridged"),
    "bridged_modern_call": (Modern, "bridged"),
    "forwarded_call": (Legacy, "forwarded"),
}


def run(program, more=None):
    """Instructions of a run with WARM_UP calls of each kind, and CALLS more of one."""
    proxy = Proxy(program)
    try:
        for kind, (client, name) in KINDS.items():
            client = client(proxy.address, name)
            for _ in range(WARM_UP + (CALLS if kind == more else 0)):
                client.echo()
    finally:
        counted = proxy.end()
    return counted


def measure(program):
    least = run(program)
    figures = {kind: round((run(program, kind) - least) / CALLS) for kind in KINDS}
    return {**figures, "program_bytes": Path(program).stat().st_size}


def made_with():
    """What instructions can only be compared with if it is the same."""

    def first_line(*command):
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]

    rustc = first_line("rustc", "--version").split()[1]
    libc = first_line("getconf", "GNU_LIBC_VERSION")
    return f"rustc {rustc}, {first_line('uname', '-m')}, {libc}, {first_line('valgrind', '--version')}"


def record(figures):
    lines = [f'made_with = "{made_with()}"', *(f"{name} = {value}" for name, value in figures.items())]
    head = "# What scripts/test-cost compares with: user instructions a call, and the size of the program.\n"
    BASELINE.write_text(head + "# Written by scripts/test-cost --record.\n" + "\n".join(lines) + "\n")
    print(f"recorded in {BASELINE.relative_to(ROOT)}")


def compare(figures, baseline):
    """Whether nothing has grown beyond its tolerance."""
    worse = better = 0
    for name, value in figures.items():
        change = value / baseline[name] - 1
        tolerance = TOLERANCE.get(name, USUAL_TOLERANCE)
        worse += change > tolerance
        better += change < -tolerance / 2
        verdict = "FAIL" if change > tolerance else "ok  "
        print(f"{verdict}  {name:20} {value:10,}  baseline {baseline[name]:10,}  {change:+7.1%}  allowed {tolerance:+.0%}")
    if better:
        print("better than the baseline: scripts/test-cost --record lowers it")
    print(f"{len(figures) - worse} passed, {worse} failed")
    return worse == 0


def main(program, recording):
    figures = measure(program)
    if recording:
        for name, value in figures.items():
            print(f"{name:20} {value:10,}")
        return record(figures)
    baseline = tomllib.loads(BASELINE.read_text())
    if baseline["made_with"] != made_with():
        print(f"NOT COMPARED: the baseline is of {baseline['made_with']}; this is {made_with()}.")
        return print(" ".join(f"{name} {value:,}" for name, value in figures.items()))
    if not compare(figures, baseline):
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1], "--record" in sys.argv[2:])
