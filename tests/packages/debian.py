"""The Debian package: looked at, installed, started, upgraded, removed, purged."""

import shutil
import subprocess

from machine import Machine
from services import SYSTEMD, add_hello, is_another, is_served, running_systemd

PROGRAM = "/usr/bin/mcp-proxy"


def package(given, architecture):
    found = sorted(given.deb.glob(f"mcp-proxy_*_{architecture}.deb"))
    assert found, f"no package for {architecture} in {given.deb}"
    return found[-1]


def lintian(given):
    """lintian finds neither errors nor warnings in any of them"""
    if not shutil.which("lintian"):
        raise AssertionError("lintian is missing: apt-get install lintian")
    packages = [str(package(given, architecture)) for architecture in ("amd64", "arm64", "armhf")]
    # The first upload of a program closes no report of Debian's, and this is no upload.
    command = ["lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags", "initial-upload-closes-no-bugs"]
    done = subprocess.run([*command, *packages], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip() or "nothing"


def life(given):
    """installed, it serves; upgraded, it runs anew; removed, it leaves what is the user's; purged, nothing"""
    deb = package(given, "amd64")
    with Machine(given.root, SYSTEMD) as machine:
        running_systemd(machine)
        machine.put(deb, "/root/mcp-proxy.deb")
        machine.run("dpkg", "-i", "/root/mcp-proxy.deb")
        add_hello(given, machine)
        machine.run("systemctl", "reload", "mcp-proxy")
        pid = is_served(machine, PROGRAM)
        assert machine.succeeds("systemctl", "is-enabled", "-q", "mcp-proxy")
        # An upgrade keeps what was changed in the configuration.
        config = machine.path("etc/mcp-proxy/proxy.toml")
        config.write_text(config.read_text() + "# mine\n")
        machine.run("dpkg", "-i", "/root/mcp-proxy.deb")
        is_another(machine, pid, PROGRAM)
        assert "# mine" in config.read_text()
        machine.run("dpkg", "-r", "mcp-proxy")
        machine.gone()
        assert config.exists() and machine.path("var/lib/mcp-proxy/servers/hello/hello.sh").exists()
        machine.run("dpkg", "-i", "/root/mcp-proxy.deb")
        is_served(machine, PROGRAM)
        machine.run("dpkg", "-P", "mcp-proxy")
        machine.gone()
        left = machine.run("find", "/etc", "/var", "/run", "/usr", "-xdev", "-name", "*mcp-proxy*")
        assert not left, left
        assert "mcp-proxy" not in machine.path("etc/passwd").read_text()


CHECKS = [lintian, life]
ARM = [lintian]
