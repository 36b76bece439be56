"""A proxy with servers of each kind and traffic of each kind; then promtool reads what it says, and the files in docs."""
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROMTOOL = os.environ["PROMTOOL"]
EXAMPLES = ROOT / "target/debug/examples"
passed = failed = 0


def check(name, work):
    """Runs one check; whatever it raises is its failure."""
    global passed, failed
    try:
        work()
        passed += 1
        print(f"ok    {name}")
    except Exception as error:
        failed += 1
        print(f"FAIL  {name}: {error}")


def promtool(*arguments, text=None, cwd=None):
    run = subprocess.run([PROMTOOL, *arguments], input=text, capture_output=True, text=True, cwd=cwd)
    said = (run.stdout + run.stderr).strip()
    assert run.returncode == 0, f"promtool {' '.join(map(str, arguments))}: {said}"
    return said


class Proxy:
    """The program in a folder of its own, with a fake of each kind."""

    def __init__(self, program, folder):
        self.folder = Path(folder)
        self.server("a", "fake_stdio", "stdio", 'tools = { deny = ["pid"] }\ncall_timeout_seconds = 1')
        self.server("h", "fake_http", "http")
        self.server("asleep", "fake_stdio", "stdio", 'start = "on-demand"')
        self.server("broken", "fake_stdio", "stdio", '[env]\nFAKE_EXIT_AT_START = "7"')
        (self.folder / "servers" / 'odd "name"').mkdir(parents=True)
        (self.folder / "servers" / 'odd "name"' / "server.toml").write_text('command = "cat"\nenabled = false\n')
        (self.folder / "proxy.toml").write_text(
            "[restart]\nrestart_wait_seconds = 1\nbrake_seconds = 3600\n[auth]\nmode = \"token\"\n"
        )
        options = ["--config", "proxy.toml", "--state-dir", "state"]  # ./servers is the default
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "MCP_PROXY_PORTS": "0"}
        made = subprocess.run([program, "token", "new", *options], cwd=folder, env=environment, capture_output=True, text=True)
        self.token = made.stdout.strip()
        self.process = subprocess.Popen(
            [program, *options, "--listen", "127.0.0.1:0"], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
        )
        line = next(line for line in self.process.stderr if "listening on" in line)
        self.url = re.search(r"http://\S+", line).group()
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def server(self, name, example, transport, more=""):
        folder = self.folder / "servers" / name
        folder.mkdir(parents=True)
        (folder / "server.toml").write_text(f'command = "{EXAMPLES / example}"\ntransport = "{transport}"\n{more}\n')

    def request(self, path, body=None, token=None, headers=None):
        headers = {"Authorization": f"Bearer {token or self.token}", **(headers or {})}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path}", data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, dict(answer.headers), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read().decode()

    def session(self, name):
        fields = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
        hello = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        _, headers, _ = self.request(name, hello, headers=fields)
        headers = {name.lower(): value for name, value in headers.items()}
        if "mcp-session-id" in headers:
            fields["Mcp-Session-Id"] = headers["mcp-session-id"]
        fields["MCP-Protocol-Version"] = "2025-11-25"

        def call(method, params):
            return self.request(name, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}, headers=fields)

        return call

    def traffic(self):
        """Every outcome that a client can cause in a second or two."""
        for name in ["a", "h", "asleep"]:
            call = self.session(name)
            tool = lambda tool, **arguments: call("tools/call", {"name": tool, "arguments": arguments})
            for _ in range(5):
                tool("echo", text="hi")
            tool("fail", text="no")
            tool("nothing")
            call("tools/list", {})
        call = self.session("a")
        call("tools/call", {"name": "pid", "arguments": {}})
        call("tools/call", {"name": "hang", "arguments": {}})
        call("tools/call", {"name": "crash", "arguments": {}})
        self.session("broken")
        self.request("servers", token="wrong")
        self.request("nothing")

    def metrics(self):
        status, _, text = self.request("metrics")
        assert status == 200, text
        return text

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)


def outcomes(text):
    needed = ["ok", "tool_error", "error", "refused", "timed_out", "lost"]
    missing = [outcome for outcome in needed if f'outcome="{outcome}"' not in text]
    assert not missing, f"no traffic of the kind: {missing}"


def names(text):
    """The names that queries may use: a histogram has three."""
    kinds = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)
    return {name + end for name, kind in kinds for end in (["_bucket", "_sum", "_count"] if kind == "histogram" else [""])}


def dashboard():
    return json.loads((ROOT / "docs/grafana.json").read_text())


def queries():
    return [(panel["title"], target["expr"]) for panel in dashboard()["panels"] for target in panel.get("targets", [])]


def plain(query):
    return query.replace("$__rate_interval", "5m").replace("$server", ".*")


def known(text):
    def work():
        uses = [expr for _, expr in queries()] + [(ROOT / "docs/alerts.yml").read_text()]
        unknown = {name for use in uses for name in re.findall(r"\bmcp_proxy_\w+", use)} - names(text)
        assert not unknown, f"there is no {unknown}"

    return work


def shape():
    board = dashboard()
    places = [panel["gridPos"] for panel in board["panels"]]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24, "panels overlap"
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids)) and len(queries()) >= 20
    assert {variable["name"] for variable in board["templating"]["list"]} == {"datasource", "server"}


def queries_parse(folder):
    rules = [{"record": f"q:{number}", "expr": plain(expr)} for number, (_, expr) in enumerate(queries())]
    file = Path(folder) / "queries.json"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    said = promtool("check", "rules", file)
    assert f"{len(rules)} rules found" in said, said


def is_refused(folder):
    """promtool is one that can say no."""
    broken = "# HELP x X.\n# TYPE x gauge\nx{a=\"b} 1\n"
    run = subprocess.run([PROMTOOL, "check", "metrics"], input=broken, capture_output=True, text=True)
    assert run.returncode != 0, "a broken page was taken"
    file = Path(folder) / "broken.json"
    file.write_text(json.dumps({"groups": [{"name": "g", "rules": [{"record": "q", "expr": "sum("}]}]}))
    assert subprocess.run([PROMTOOL, "check", "rules", file], capture_output=True).returncode != 0, "a broken query was taken"


def answers(text, folder):
    """Each query of the dashboard finds something in what was scraped, but for what did not happen."""
    samples = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    series = [{"series": sample, "values": f"0 {value}x40"} for sample, value in samples]
    empty = []
    for number, (title, expr) in enumerate(queries()):
        test = {"expr": f"count({plain(expr)}) > 0", "eval_time": "20m", "exp_samples": []}
        file = Path(folder) / f"answer-{number}.json"
        file.write_text(json.dumps({"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": [test]}]}))
        # Nothing was expected, so a query that finds something fails.
        if subprocess.run([PROMTOOL, "test", "rules", file], capture_output=True).returncode == 0:
            empty.append(title)
    assert not empty, f"queries that find nothing: {empty}"


def main(program):
    with tempfile.TemporaryDirectory(prefix="mcp-proxy-metrics-") as folder:
        os.chmod(folder, 0o755)
        proxy = Proxy(program, folder)
        try:
            before = proxy.metrics()
            proxy.traffic()
            text = proxy.metrics()
        finally:
            proxy.stop()
        check("promtool can say no", lambda: is_refused(folder))
        check("a page without traffic passes promtool check metrics", lambda: promtool("check", "metrics", text=before))
        check("a page with traffic of all kinds passes promtool check metrics", lambda: promtool("check", "metrics", text=text))
        check("there was traffic of all kinds", lambda: outcomes(text))
        check("docs/alerts.yml passes promtool check rules", lambda: promtool("check", "rules", ROOT / "docs/alerts.yml"))
        alerts = ROOT / "tests/metrics/alerts.yml"
        check("docs/alerts.yml does what it says", lambda: promtool("test", "rules", alerts))
        check("docs/grafana.json is a dashboard", shape)
        check("its queries parse", lambda: queries_parse(folder))
        check("what it and the alerts ask for is there", known(text))
        check("its queries find something", lambda: answers(text, folder))
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
