"""The static programs: on their own architecture and on others, under QEMU."""

import shutil
import subprocess

from machine import Machine, wait

# As qemu-user-static registers them.
QEMU = [
    ("aarch64", r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00", "qemu-aarch64-static"),
    ("arm", r"\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00", "qemu-arm-static"),
]
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
CONFIG = '[proxy]\nservers = "/srv/servers"\nstate_dir = "/srv/state"\n[tls]\ncert = "cert.pem"\nkey = "key.pem"\n'


def registrations():
    return "\n".join(f"{name}:{magic}:{MASK}:{shutil.which(tool)}" for name, magic, tool in QEMU)


def is_static(program):
    text = subprocess.run(["file", "-b", str(program)], capture_output=True, text=True).stdout
    assert "statically linked" in text or "static-pie linked" in text, text


def certify(folder):
    """A certificate for 127.0.0.1 and its key."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )


def serves(given, target, qemu=None):
    program = given.program(target)
    is_static(program)
    with Machine(given.root, ["/bin/busybox", "sleep", "100000"], qemu) as machine:
        machine.put(program, "/usr/local/bin/mcp-proxy", 0o755)
        machine.put(given.source / "servers/hello/hello.sh", "/srv/servers/hello/hello.sh", 0o755)
        machine.path("srv/proxy.toml").write_text(CONFIG)
        certify(machine.path("srv"))
        assert machine.run("mcp-proxy", "--version").startswith("mcp-proxy ")
        machine.run("mcp-proxy", "healthcheck", "--config", "/srv/proxy.toml", code=1)
        with open(machine.work.name + "/proxy", "w+") as log:
            proxy = subprocess.Popen(
                machine.inside(["mcp-proxy", "--config", "/srv/proxy.toml"]), env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
            wait(lambda: "listening on" in open(log.name).read() or proxy.poll() is not None, "the proxy listens")
            assert proxy.poll() is None, open(log.name).read()
            machine.session(machine.path("srv/cert.pem"))
            machine.run("mcp-proxy", "healthcheck", "--config", "/srv/proxy.toml")
            machine.kill("TERM", machine.proxy())
            assert proxy.wait(60) == 0, open(log.name).read()
    return f"{program.stat().st_size / 1e6:.1f} MB"


def x86_64(given):
    """x86_64: a session over HTTPS, healthcheck 0, SIGTERM ends it with 0"""
    return serves(given, "x86_64-unknown-linux-musl")


def aarch64(given):
    """aarch64 under QEMU: a session over HTTPS, healthcheck 0, SIGTERM ends it with 0"""
    return serves(given, "aarch64-unknown-linux-musl", registrations())


def armv7(given):
    """armv7 under QEMU: a session over HTTPS, healthcheck 0, SIGTERM ends it with 0"""
    return serves(given, "armv7-unknown-linux-musleabihf", registrations())


CHECKS = [x86_64, aarch64, armv7]
ARM = [aarch64, armv7]
