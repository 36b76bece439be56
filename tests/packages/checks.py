"""Runs the checks of this folder: a line for each, `ok` or `FAIL`, and their number at the end.

usage: checks.py ROOT STATIC DEB [--arm | --but-arm] [PATTERN]
    a Debian root, the folder of static programs, the folder of packages; only what needs the ARM programs, or all the rest
"""

import importlib
import pathlib
import re
import sys
import time
import traceback

GROUPS = ["units", "programs", "power", "services", "debian", "installer"]


class Given:
    """What the checks are made with."""

    def __init__(self, root, static, deb):
        self.root, self.static, self.deb = (pathlib.Path(path).resolve() for path in (root, static, deb))
        self.source = pathlib.Path(__file__).resolve().parents[2]

    def program(self, target):
        """The newest static program for a target."""
        found = [path for path in self.static.glob(f"mcp-proxy-*-{target}") if path.is_file()]
        assert found, f"no program for {target} in {self.static}: scripts/build-static {target}"
        return max(found, key=lambda path: path.stat().st_mtime)


def checks(options):
    for group in GROUPS:
        module = importlib.import_module(group)
        for check in module.CHECKS:
            needs_arm = check in getattr(module, "ARM", ())
            if "--but-arm" in options and needs_arm or "--arm" in options and not needs_arm:
                continue
            yield f"{group}: {check.__doc__.strip().splitlines()[0]}", check


def main():
    given, rest = Given(*sys.argv[1:4]), sys.argv[4:]
    options = [word for word in rest if word.startswith("--")]
    pattern = "".join(word for word in rest if word not in options)
    passed = failed = 0
    for name, check in checks(options):
        if not re.search(pattern, name):
            continue
        begun = time.monotonic()
        try:
            said = check(given)
            passed += 1
            print(f"ok   {name} ({time.monotonic() - begun:.0f} s){': ' + said if said else ''}", flush=True)
        except Exception:  # whatever it is, the others are still of interest
            failed += 1
            print(f"FAIL {name}\n{traceback.format_exc()}", flush=True)
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed else 0


sys.exit(main())
