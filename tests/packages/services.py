"""The service files, each by its own tool: installed by install.sh, started, killed, reloaded, restarted, stopped, removed."""

from machine import Machine, wait

SYSTEMD = ["/lib/systemd/systemd", "--system"]
INIT = ["/bin/busybox", "init"]
TARGET = "x86_64-unknown-linux-musl"
CONFIG = "/etc/mcp-proxy/proxy.toml"


def running_systemd(machine):
    wait(lambda: machine.run("systemctl", "is-system-running", code=None) in ("running", "degraded"), "systemd runs")


def unpack(given, machine):
    """The installer and the program, as a release holds them, in /root/mcp-proxy."""
    program = given.program(TARGET)
    machine.put(given.source / "scripts/install.sh", "/root/mcp-proxy/install.sh", 0o755)
    machine.put(program, f"/root/mcp-proxy/{program.name}")
    machine.put(f"{program}.sha256", f"/root/mcp-proxy/{program.name}.sha256")
    folder = given.source / "scripts/service"
    for file in folder.rglob("*"):
        if file.is_file():
            machine.put(file, f"/root/mcp-proxy/service/{file.relative_to(folder)}")


def add_hello(given, machine):
    machine.put(given.source / "servers/hello/hello.sh", "/var/lib/mcp-proxy/servers/hello/hello.sh", 0o755)


def user_id(machine):
    return int(machine.run("id", "-u", "mcp-proxy"))


def is_served(machine, program="/usr/local/bin/mcp-proxy"):
    """The proxy answers, as its own user; its pid."""
    wait(lambda: machine.succeeds("setpriv", "--reuid=mcp-proxy", "--regid=mcp-proxy", "--init-groups",
                                  program, "healthcheck", "--config", CONFIG), "healthcheck")
    machine.session()
    pid = machine.proxy()
    [owner] = [owner for one, owner, _ in machine.processes() if one == pid]
    assert owner == user_id(machine), owner
    environment = machine.path(f"proc/{pid}/environ").read_bytes().decode().split("\0")
    assert "HOME=/var/lib/mcp-proxy" in environment, environment
    return pid


def is_another(machine, before, program="/usr/local/bin/mcp-proxy"):
    wait(lambda: (now := machine.proxies()) and len(now) == 1 and now[0] != before, f"another process than {before}")
    return is_served(machine, program)


def is_reloaded(given, machine, *reload):
    """A new server is served after a reload, by the same process."""
    before = machine.proxy()
    machine.put(given.source / "servers/hello/hello.sh", "/var/lib/mcp-proxy/servers/second/hello.sh", 0o755)
    machine.run(*reload)
    wait(lambda: "second" in as_user(machine, "list"), "the second server")
    assert machine.proxy() == before


def as_user(machine, *words):
    return machine.run("/usr/local/bin/mcp-proxy", *words, "--config", CONFIG, user="mcp-proxy", code=None)


def life(given, machine, start, stop, restart, reload, status, supervised=True):
    """What every service file has to do, by its own tool's commands."""
    unpack(given, machine)
    said = machine.run("/root/mcp-proxy/install.sh")
    assert "runs as a service" in said, said
    add_hello(given, machine)
    machine.run(*reload)
    pid = is_served(machine)
    assert machine.succeeds(*status)
    # Installed once more: nothing happens.
    machine.run("/root/mcp-proxy/install.sh")
    assert is_served(machine) == pid
    if supervised:
        machine.kill("KILL", pid)
        pid = is_another(machine, pid)
    is_reloaded(given, machine, *reload)
    machine.run(*restart)
    is_another(machine, pid)
    machine.run(*stop)
    machine.gone()
    assert not machine.succeeds(*status)
    machine.run(*start)
    is_served(machine)
    # Uninstalled, it leaves what is the user's; purged, nothing.
    machine.run("/root/mcp-proxy/install.sh", "--uninstall")
    machine.gone()
    assert machine.path("var/lib/mcp-proxy/servers/hello/hello.sh").exists()
    assert not machine.path("usr/local/bin/mcp-proxy").exists()
    machine.run("/root/mcp-proxy/install.sh", "--uninstall", "--purge")
    left = machine.run("find", "/etc", "/var", "/run", "/usr/local", "-xdev", "-name", "*mcp-proxy*", code=None)
    assert not left, left
    assert "mcp-proxy" not in machine.path("etc/passwd").read_text()


def systemd(given):
    """systemd: installed, started, killed, reloaded, restarted, stopped, removed"""
    with Machine(given.root, SYSTEMD) as machine:
        running_systemd(machine)
        unit = "mcp-proxy.service"
        life(given, machine, ("systemctl", "start", unit), ("systemctl", "stop", unit), ("systemctl", "restart", unit),
             ("systemctl", "reload", unit), ("systemctl", "is-active", "-q", unit))


def prepared(given, machine):
    running_systemd(machine)
    unpack(given, machine)
    machine.run("/root/mcp-proxy/install.sh")
    add_hello(given, machine)
    machine.run("systemctl", "reload", "mcp-proxy")
    return is_served(machine)


def show(machine, what):
    return machine.run("systemctl", "show", "--value", "-p", what, "mcp-proxy.service")


def systemd_notify(given):
    """systemd: knows what the proxy tells it; one that hangs is killed by the watchdog and started again"""
    with Machine(given.root, SYSTEMD) as machine:
        prepared(given, machine)
        assert show(machine, "Type") == "notify" and show(machine, "NotifyAccess") == "main"
        assert show(machine, "StatusText") == "1 served", show(machine, "StatusText")
        drop_in = machine.path("etc/systemd/system/mcp-proxy.service.d/watchdog.conf")
        drop_in.parent.mkdir(parents=True)
        drop_in.write_text("[Service]\nWatchdogSec=6\n")
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "restart", "mcp-proxy")
        pid = is_served(machine)
        first = show(machine, "WatchdogTimestampMonotonic")
        wait(lambda: show(machine, "WatchdogTimestampMonotonic") != first, "the watchdog hears of the proxy")
        assert show(machine, "NRestarts") == "0" and machine.proxy() == pid
        machine.kill("STOP", pid)
        is_another(machine, pid)
        assert show(machine, "NRestarts") == "1"
        assert "Watchdog timeout" in machine.run("journalctl", "-u", "mcp-proxy", "--no-pager")


def systemd_mistake(given):
    """systemd: a mistake in the configuration is said, and once it is mended the service comes up by itself"""
    with Machine(given.root, SYSTEMD) as machine:
        prepared(given, machine)
        config = machine.path("etc/mcp-proxy/proxy.toml")
        good = config.read_text()
        config.write_text(good + "colour = 1\n")
        machine.run("systemctl", "restart", "mcp-proxy", code=1)
        assert show(machine, "ExecMainStatus") == "2"
        assert "colour" in machine.run("journalctl", "-u", "mcp-proxy", "--no-pager")
        config.write_text(good)
        is_served(machine)


def systemd_socket(given):
    """systemd: with its socket held, a killed proxy refuses no connection"""
    with Machine(given.root, SYSTEMD) as machine:
        pid = prepared(given, machine)
        machine.run("systemctl", "stop", "mcp-proxy")
        machine.put(given.source / "scripts/service/systemd/mcp-proxy.socket", "/etc/systemd/system/mcp-proxy.socket")
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "start", "mcp-proxy.socket")
        machine.session()  # the connection starts the service
        pid = machine.proxy()
        assert b"LISTEN_FDS=1" in machine.path(f"proc/{pid}/environ").read_bytes()
        machine.kill("KILL", pid)
        machine.session()  # waits in the socket until the next one is there
        assert machine.proxy() != pid


def openrc(given):
    """OpenRC: installed, started, killed, reloaded, restarted, stopped, removed"""
    with Machine(given.root, INIT) as machine:
        # As `openrc boot` leaves it, which a machine without devices has no use for.
        for state in ("daemons", "exclusive", "failed", "inactive", "options", "started", "starting", "stopping", "tmp"):
            machine.run("mkdir", "-p", f"/run/openrc/{state}")
        machine.path("run/openrc/softlevel").write_text("default\n")
        rc = lambda word: ("rc-service", "mcp-proxy", word)
        life(given, machine, rc("start"), rc("stop"), rc("restart"), rc("reload"), rc("status"))


def runit(given):
    """runit: installed, started, killed, reloaded, restarted, stopped, removed"""
    with Machine(given.root, ["/usr/bin/runsvdir", "-P", "/etc/service"]) as machine:
        sv = lambda word: ("sv", "-w", "60", word, "mcp-proxy")
        status = ("sh", "-c", "sv status mcp-proxy | grep -q ^run:")
        life(given, machine, sv("start"), sv("stop"), sv("restart"), sv("hup"), status)


def sysv(given, machine):
    script = lambda word: ("/etc/init.d/mcp-proxy", word)
    life(given, machine, script("start"), script("stop"), script("restart"), script("reload"), script("status"), supervised=False)


def sysv_debian(given):
    """SysV init, dpkg's start-stop-daemon: installed, started, reloaded, restarted, stopped, removed"""
    with Machine(given.root, INIT) as machine:
        sysv(given, machine)


def sysv_busybox(given):
    """SysV init, BusyBox's sh and start-stop-daemon: installed, started, reloaded, restarted, stopped, removed"""
    with Machine(given.root, INIT) as machine:
        for applet in ("start-stop-daemon", "sh", "sleep", "touch", "chown", "chmod"):
            machine.run("ln", "-sf", "/bin/busybox", f"/usr/local/sbin/{applet}")
        sysv(given, machine)


def busybox_init(given):
    """BusyBox init: a line in inittab starts the proxy, and again after kill -9"""
    with Machine(given.root, INIT) as machine:
        unpack(given, machine)
        machine.run("/root/mcp-proxy/install.sh", "--init", "sysv")
        add_hello(given, machine)
        machine.run("/etc/init.d/mcp-proxy", "stop")
        machine.gone()
        machine.path("etc/inittab").write_text("::respawn:/etc/init.d/mcp-proxy foreground\n")
        machine.kill("HUP", 1)
        pid = is_served(machine)
        machine.kill("KILL", pid)
        is_another(machine, pid)


CHECKS = [systemd, systemd_notify, systemd_mistake, systemd_socket, openrc, runit, sysv_debian, sysv_busybox, busybox_init]
