"""Counts what a call costs the proxy in user instructions, and compares that, and the program's size, with the baseline.

A run answers some calls of each kind under valgrind; a further run for each kind answers CALLS more of it. What both
have in common (the start, the sessions, the end) falls out of the difference. Instructions, because they are the same
on a busy machine; system calls count as one each.
"""
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from clients import KINDS
from ground import ROOT, Proxy

sys.path.append(str(ROOT / "tests/packages"))
from programs import MASK, QEMU

BASELINE = Path(__file__).with_name("baseline.toml")
WARM_UP, CALLS = 50, 1000
# By how much a figure may grow. Two runs of one program differ by about a hundredth: threads meet in another order.
TOLERANCE = {"program_bytes": 0.02}
USUAL_TOLERANCE = 0.05


def valgrind(folder):
    options = ["--tool=cachegrind", "--cache-sim=no", "--fair-sched=yes", f"--cachegrind-out-file={folder}/%p"]
    return ["valgrind", *options]


# What programs of other machines begin with.
MAGIC = {name: magic for name, magic, _ in QEMU}


def emulated(machine):
    """A counter of a program for another machine. In a user namespace, so that what the program starts of itself (its
    guard) runs too and this machine learns nothing; on one processor, as the threads add to the same number."""
    source, plugin = Path(__file__).with_name("count_arm.c"), ROOT / "target/count_arm.so"
    subprocess.run(["cc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", plugin, source], check=True)
    qemu = shutil.which(f"qemu-{machine}") or sys.exit(f"qemu-{machine} is missing: apt-get install qemu-user")
    place = "/proc/sys/fs/binfmt_misc"
    script = (
        f"mount -t binfmt_misc binfmt_misc {place} && "
        f"printf '%s' ':counted:M::{MAGIC[machine]}:{MASK}:{qemu}:F' >{place}/register && exec taskset -c 0 \"$@\""
    )
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    return lambda folder: [*inside, qemu, "-plugin", f"{plugin},folder={folder}"]


def run(program, more=None, counter=valgrind):
    """Instructions of a run with WARM_UP calls of each kind, and CALLS more of one."""
    with tempfile.TemporaryDirectory() as folder:
        proxy = Proxy(program, under=counter(folder))
        try:
            for kind, (client, name) in KINDS.items():
                client = client(proxy.address, name)
                for _ in range(WARM_UP + (CALLS if kind == more else 0)):
                    client.echo()
        finally:
            proxy.end()
        # What it forked has files of its own.
        counted = (Path(folder) / str(proxy.process.pid)).read_text()
    return int(re.search(r"^summary: (\d+)", counted, re.M)[1])


def measure(program, counter=valgrind):
    least = run(program, counter=counter)
    figures = {kind: round((run(program, kind, counter) - least) / CALLS) for kind in KINDS}
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


def show(figures):
    for name, value in figures.items():
        print(f"{name:20} {value:10,}")


def main(program, option=""):
    if option.startswith("--machine="):
        return show(measure(program, emulated(option.removeprefix("--machine="))))
    figures = measure(program)
    if option == "--record":
        show(figures)
        return record(figures)
    baseline = tomllib.loads(BASELINE.read_text())
    if baseline["made_with"] != made_with():
        print(f"NOT COMPARED: the baseline is of {baseline['made_with']}; this is {made_with()}.")
        return print(" ".join(f"{name} {value:,}" for name, value in figures.items()))
    if not compare(figures, baseline):
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
