"""install.sh, where the services do not show it: what it refuses, one user's installation, another prefix."""

from machine import Machine
from services import INIT, TARGET, unpack

INSTALL = "/root/mcp-proxy/install.sh"


def checksum(given):
    """a program that is not what its checksum says is refused, and so is one without"""
    with Machine(given.root, INIT) as machine:
        unpack(given, machine)
        program = given.program(TARGET).name
        sum_file = machine.path(f"root/mcp-proxy/{program}.sha256")
        sum_file.write_text("0" * 64 + f"  {program}\n")
        assert "not what its checksum says" in machine.run(INSTALL, code=1)
        sum_file.unlink()
        assert "sha256 is missing" in machine.run(INSTALL, code=1)
        assert not machine.path("usr/local/bin/mcp-proxy").exists()
        assert "mcp-proxy" not in machine.path("etc/passwd").read_text()


def usage(given):
    """what it does not know is refused with 2, and --help says what there is"""
    with Machine(given.root, INIT) as machine:
        unpack(given, machine)
        assert "--frobnicate" in machine.run(INSTALL, "--frobnicate", code=2)
        assert "--uninstall" in machine.run(INSTALL, "--help")
        machine.run(INSTALL, "--purge", code=1)


def one_user(given):
    """one user installs it without root, runs it, and removes it"""
    with Machine(given.root, INIT) as machine:
        unpack(given, machine)
        machine.run("useradd", "--create-home", "somebody")
        machine.run("mv", "/root/mcp-proxy", "/home/somebody/release")
        machine.run("chown", "-R", "somebody", "/home/somebody")
        install = "/home/somebody/release/install.sh"
        run = lambda *words: machine.run(*words, user="somebody", env={"HOME": "/home/somebody"})
        said = run(install)
        assert "/home/somebody/.local/bin/mcp-proxy --config" in said, said
        run(install)
        program, config = "/home/somebody/.local/bin/mcp-proxy", "/home/somebody/.config/mcp-proxy/proxy.toml"
        run("mkdir", "-p", "/home/somebody/.local/share/mcp-proxy/servers/hello")
        machine.put(given.source / "servers/hello/hello.sh", "/home/somebody/.local/share/mcp-proxy/servers/hello/hello.sh", 0o755)
        assert "hello" in run(program, "check", "--config", config)
        run(install, "--uninstall")
        assert not machine.path(program).exists() and machine.path(config).exists()
        run(install, "--uninstall", "--purge")
        left = run("find", "/home/somebody", "-name", "mcp-proxy*", "-not", "-path", "*/release/*")
        assert not left, left


def other_prefix(given):
    """with --prefix and --init the service starts the program that lies there"""
    with Machine(given.root, INIT) as machine:
        unpack(given, machine)
        machine.run(INSTALL, "--prefix", "/opt/mcp", "--init", "sysv")
        assert machine.path("opt/mcp/bin/mcp-proxy").exists()
        assert "/opt/mcp/bin/mcp-proxy" in str(machine.processes())
        machine.run(INSTALL, "--prefix", "/opt/mcp", "--init", "sysv", "--uninstall", "--purge")
        machine.gone()


CHECKS = [checksum, usage, one_user, other_prefix]
