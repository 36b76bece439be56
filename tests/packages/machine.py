"""A machine of its own for each test: namespaces and a copy of a Debian root, both gone at the end."""

import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
NAMESPACES = ["--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child"]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE = 120  # seconds that anything may take on a machine that is busy


def wait(condition, what, seconds=PATIENCE):
    """What the condition gives once it gives something."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.1)
    return value


def cgroup2():
    """Where control groups of version 2 are mounted."""
    mounts = [line.split() for line in open("/proc/mounts")]
    return pathlib.Path(next(fields[1] for fields in mounts if fields[2] == "cgroup2"))


class Machine:
    def __init__(self, base, init, qemu=None):
        self.work = tempfile.TemporaryDirectory(prefix="mcp-proxy-machine-")
        work = pathlib.Path(self.work.name)
        (work / "root").mkdir()
        self.log = work / "log"
        self.cgroup = cgroup2() / work.name
        self.cgroup.mkdir()
        # Registrations of foreign programs are a user namespace's own, and this machine's stay as they are.
        user = ["--user", "--map-root-user"] if qemu else []
        command = ["unshare", *user, *NAMESPACES, "sh", str(HERE / "boot.sh"), str(base), str(work / "root"), *init]
        enter = f'echo $$ >{self.cgroup}/cgroup.procs && exec "$@"'
        with open(self.log, "w") as log:
            self.starter = subprocess.Popen(
                ["sh", "-c", enter, "sh", *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": PATH, "QEMU": qemu or ""},
            )
        self.user = bool(qemu)
        children = pathlib.Path(f"/proc/{self.starter.pid}/task/{self.starter.pid}/children")
        self.pid = int(wait(lambda: children.read_text().strip(), "the machine's first process"))
        self.root = pathlib.Path(f"/proc/{self.pid}/root")
        wait(self.booted, "the machine's root")

    def booted(self):
        if self.starter.poll() is not None:
            raise AssertionError(f"the machine has not come up: {self.log.read_text()}")
        comm = pathlib.Path(f"/proc/{self.pid}/cmdline").read_bytes()
        return b"boot.sh" not in comm and b"unshare" not in comm

    def __enter__(self):
        return self

    def __exit__(self, _, error, __):
        if error:
            journal = self.run("sh", "-c", "journalctl -n 40 --no-pager; tail -n 40 /var/log/mcp-proxy*", code=None)
            error.add_note(f"--- the machine's logs\n{self.log.read_text()[-3000:]}\n{journal}")
        subprocess.run(["kill", "-KILL", str(self.pid)], check=False)
        self.starter.wait()
        below = sorted(self.cgroup.rglob("*/"), key=lambda path: -len(path.parts))
        for folder in [*below, self.cgroup]:
            wait(lambda: not folder.exists() or remove(folder), f"the end of {folder}")
        self.work.cleanup()

    def inside(self, command, user=None):
        entry = ["nsenter", "--target", str(self.pid), *(["--user", "--preserve-credentials"] if self.user else []),
                 "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--wdns=/"]
        run_as = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        return [*entry, *run_as, *command]

    def run(self, *command, code=0, env=None, user=None):
        """Its output; another exit code than `code` is an error, None allows any."""
        variables = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", **(env or {})}
        done = subprocess.run(
            self.inside(command, user), env=variables, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
        )
        text = done.stdout + done.stderr
        if code is not None and done.returncode != code:
            raise AssertionError(f"{' '.join(command)}: exit code {done.returncode}: {text}")
        return text.strip()

    def kill(self, signal, pid):
        # The shell's own: a small Debian has no other.
        self.run("sh", "-c", f"kill -{signal} {pid}")

    def succeeds(self, *command):
        return subprocess.run(self.inside(command), env={"PATH": PATH}, stdin=subprocess.DEVNULL, capture_output=True).returncode == 0

    def path(self, inside):
        """A file of the machine, as it is reached from here."""
        return self.root / str(inside).lstrip("/")

    def put(self, source, inside, mode=0o644):
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(pathlib.Path(source).read_bytes())
        target.chmod(mode)

    def session(self, certificate=None):
        """A whole session with the server `hello`, over HTTPS if there is a certificate; what it says."""
        words = ["http://127.0.0.1:3000/hello"] if not certificate else ["https://127.0.0.1:3000/hello", str(certificate)]
        command = ["nsenter", "--target", str(self.pid), "--net", sys.executable, str(HERE / "session.py"), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode:
            raise AssertionError(f"no session: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def processes(self):
        """(pid inside, user id, words) of each process."""
        found = []
        for entry in self.path("proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().decode().split("\0")[:-1]
                found.append((int(entry.name), entry.stat().st_uid, words))
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def proxies(self):
        """Pids of proxies, under QEMU or not; the guard is none."""
        named = lambda words: words and (words[0].endswith("mcp-proxy") or "qemu" in words[0]) and "--config" in words
        return [pid for pid, _, words in self.processes() if named(words) and "healthcheck" not in words]

    def proxy(self):
        """The pid of the only proxy, once there is one."""
        return wait(lambda: (all := self.proxies()) and len(all) == 1 and all[0], lambda: f"one proxy: {self.processes()}")

    def gone(self):
        """Nothing of the proxy or of its servers runs."""
        ours = lambda words: any("mcp-proxy" in word for word in words) and words[0] not in ("runsv", "svlogd", "supervise-daemon")
        wait(lambda: not [p for p in self.processes() if ours(p[2])], lambda: f"nothing left: {self.processes()}")


def remove(folder):
    try:
        folder.rmdir()
        return True
    except FileNotFoundError:
        return True
    except OSError:
        return False
