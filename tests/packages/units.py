"""Files that are only read: what their own tools say of them."""

import plistlib
import re
import subprocess


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def systemd_verify(given):
    """systemd-analyze verify has nothing to say against the units"""
    folder = given.source / "scripts/service/systemd"
    _, text = run("systemd-analyze", "verify", "--man=no", *map(str, folder.iterdir()))
    # The program is not installed on this machine; that is all there may be.
    wrong = [line for line in text.splitlines() if "is not executable: No such file" not in line]
    assert not wrong, text


def systemd_security(given):
    """systemd-analyze security finds an exposure of 2.0 at most"""
    unit = given.source / "scripts/service/systemd/mcp-proxy.service"
    code, text = run("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", str(unit))
    assert code == 0, text
    return re.search(r"exposure level for .*: ([\d.]+ \w+)", text)[1]


def launchd(given):
    """the launchd file is a property list that keeps the program alive"""
    with open(given.source / "scripts/service/launchd/mcp-proxy.plist", "rb") as file:
        job = plistlib.load(file)
    assert job["KeepAlive"] is True and job["RunAtLoad"] is True and job["Label"] == "mcp-proxy", job
    assert job["ProgramArguments"][1] == "--config", job


def shell(given):
    """every shell script is read by sh and by BusyBox's"""
    service = given.source / "scripts/service"
    scripts = [given.source / "scripts/install.sh", service / "sysv/mcp-proxy", service / "openrc/mcp-proxy",
               *(service / "runit").glob("*"), *(service / "deb").iterdir()]
    for script in scripts:
        if script.is_dir():
            script = script / "run"
        for sh in (["sh"], [str(given.root / "bin/busybox"), "sh"]):
            code, text = run(*sh, "-n", str(script))
            assert code == 0, text


CHECKS = [systemd_verify, systemd_security, launchd, shell]
