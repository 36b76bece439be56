"""A power cut, or a kill, at any step of a write: what is in the state folder afterwards is whole, the old or the new."""

import json
import re
import subprocess
import tempfile

STEPS = "openat,write,fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat"


def token(program, folder, name, *strace):
    """Runs `token new`; what strace says goes to the file `trace`."""
    command = [program, "--servers", f"{folder}/servers", "--state-dir", f"{folder}/state"]
    traced = ["strace", "-f", "-qq", "-y", "-o", f"{folder}/trace", *strace] if strace else []
    command = [*traced, command[0], "token", "new", "--name", name, "--state-dir", f"{folder}/state"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


def names(folder):
    with open(f"{folder}/state/tokens.json") as file:
        return [token["name"] for token in json.load(file)["tokens"]]


def order(given):
    """a token is on the disk before it is printed: written beside, synced, renamed, the folder synced"""
    program = given.program("x86_64-unknown-linux-musl")
    with tempfile.TemporaryDirectory() as folder:
        made = token(program, folder, "one", "-e", f"trace={STEPS}")
        assert made.returncode == 0, made.stderr
        trace = open(f"{folder}/trace").read()
    steps = [r"write\(\d+<[^>]*\.tmp>", r"fsync\(\d+<[^>]*\.tmp>", r'rename(at2?)?\(.*tokens\.json"', r"fsync\(\d+<[^>]*/state>", r"write\(1<"]
    places = [match.start() if (match := re.search(step, trace)) else -1 for step in steps]
    assert -1 not in places and places == sorted(places), (places, trace)


def each_step(given):
    """killed at each system call of `token new`, it leaves the old list or the new one, and the next one works"""
    program = given.program("x86_64-unknown-linux-musl")
    killed = 0
    for call in STEPS.split(","):
        for number in range(1, 200):
            with tempfile.TemporaryDirectory() as folder:
                assert token(program, folder, "old").returncode == 0
                done = token(program, folder, "new", "-e", f"trace={STEPS}", "-e", f"inject={call}:signal=KILL:when={number}")
                assert names(folder) in (["old"], ["old", "new"]), (call, number)
                if done.returncode == 0:
                    break  # there is no such call any more
                killed += 1
                assert token(program, folder, "next").returncode == 0, (call, number)
                assert "next" in names(folder), (call, number)
    assert killed >= 5, killed
    return f"killed at {killed} places"


CHECKS = [order, each_step]
