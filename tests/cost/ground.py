"""A proxy to make calls at."""
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "target/debug/examples"
CONFIG = """
[health]
interval_seconds = 3600 # polls are not calls
[defaults]
start = "always"
stream_after_ms = 60000 # valgrind is slow
"""


def told(process, pattern):
    """What the program says on stderr of where it listens; the rest is read and dropped."""
    found = next((found for line in process.stderr if (found := re.search(pattern, line))), None)
    if not found:
        sys.exit(f"{process.args} ended before it listened")
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return found[1]


class Proxy:
    """The program, by `under` if that is a tool's command, in a folder of its own, with a fake of each kind.

    The proxy does not start the HTTP one: to find the ports of a process it needs the size of a page, and gets that
    (rustix) by a call that valgrind lets through to the kernel of Linux 6.4 and later, with addresses that are not its own.
    """

    def __init__(self, program, under=()):
        self.folder = Path(tempfile.mkdtemp(prefix="mcp-proxy-cost-"))
        (self.folder / "proxy.toml").write_text(CONFIG)
        fields = {"stderr": subprocess.PIPE, "text": True}
        self.http = subprocess.Popen([EXAMPLES / "fake_http"], env={"FAKE_KEEP_ALIVE": "1"}, **fields)
        self.server("forwarded", f'url = "http://{told(self.http, "fake_http on (.*)")}/mcp"')
        self.server("bridged", f'command = "{EXAMPLES / "fake_stdio"}"\ntransport = "stdio"\nenv = {{ FAKE_ERAS = "both" }}')
        options = ["--config", "proxy.toml", "--state-dir", "state", "--listen", "127.0.0.1:0"]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "MCP_PROXY_PORTS": "0"}
        self.process = subprocess.Popen([*under, program, *options], cwd=self.folder, env=environment, **fields)
        self.address = ("127.0.0.1", int(told(self.process, r"listening on http://127.0.0.1:(\d+)")))

    def server(self, name, text):
        folder = self.folder / "servers" / name
        folder.mkdir(parents=True)
        (folder / "server.toml").write_text(text + "\n")

    def end(self):
        """Ends it in order, and what was started for it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        self.http.kill()
        self.http.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
