"""What a call makes the kernel do for the proxy: system calls, and how often one of its threads waits for another.

The calls come one after the other on one kept connection, so that nothing is shared between them. strace is on only
while system calls are counted: the switches are those of a program that nobody looks at.
"""
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from clients import KINDS
from ground import Proxy

CALLS = 300


def switches(pid):
    """How often its threads have waited, so far, and how often they have been made to."""
    waited = made_to = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        text = status.read_text()
        waited += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M)[1])
        made_to += int(re.search(r"^nonvoluntary_ctxt_switches:\s+(\d+)", text, re.M)[1])
    return waited, made_to


def make(client):
    for _ in range(CALLS):
        client.echo()


def system_calls(pid, client):
    """How many of each a call takes, the most frequent first; what comes less than once in twenty calls is left out."""
    with tempfile.NamedTemporaryFile("r") as table:
        strace = subprocess.Popen(["strace", "-f", "-c", "-o", table.name, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
        strace.stderr.readline()  # attached
        make(client)
        strace.send_signal(signal.SIGINT)
        strace.wait(timeout=60)
        rows = [line.split() for line in table.read().splitlines()]
    counts = {row[-1]: int(row[3]) / CALLS for row in rows if len(row) >= 5 and row[3].isdigit() and row[-1] != "total"}
    return {name: count for name, count in sorted(counts.items(), key=lambda it: -it[1]) if count >= 0.05}


def row(kind, proxy):
    client, name = KINDS[kind]
    client = client(proxy.address, name)
    make(client)
    before = switches(proxy.process.pid)
    make(client)
    waited, made_to = (after - before for after, before in zip(switches(proxy.process.pid), before))
    counts = system_calls(proxy.process.pid, client) if shutil.which("strace") else {}
    said = ", ".join(f"{name} {count:.2f}" for name, count in counts.items()) or "(strace is not installed)"
    print(f"| {kind} | {waited / CALLS:.2f} | {made_to / CALLS:.2f} | {sum(counts.values()):.2f} | {said} |", flush=True)


def main(program):
    print("| call | waits | made to wait | system calls | of these |\n|---|---|---|---|---|")
    proxy = Proxy(program)
    try:
        for kind in KINDS:
            row(kind, proxy)
    finally:
        proxy.end()


if __name__ == "__main__":
    main(sys.argv[1])
