"""What others' tools say of /api: a validator of the document, Schemathesis, and curl with the lines of docs/rest.md.

usage: checks.py URL TOKEN DOCS
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

from openapi_spec_validator import OpenAPIV31SpecValidator

url, token, docs = sys.argv[1:]
results = []


def check(name, is_good, said=""):
    results.append(is_good)
    print(f"{'ok' if is_good else 'FAILED'}  {name}" + ("" if is_good else f"\n{said}"), flush=True)


def fetch(path):
    request = urllib.request.Request(url + path, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


# Every server is up and has told its tools.
deadline = time.monotonic() + 90
while (document := fetch("/api/openapi.json"))["x-unavailable"] and time.monotonic() < deadline:
    time.sleep(0.5)
check("every server is in the document", not document["x-unavailable"], document["x-unavailable"])

errors = [f"{list(error.absolute_path)}: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()]
check("the document is OpenAPI 3.1", not errors, "\n".join(errors[:10]))
for server in ["hello", "clock", "time", "odd", "legacy", "modern", "http"]:
    tools = [tool["name"] for tool in fetch(f"/api/{server}/tools")["tools"] if isinstance(tool, dict) and tool.get("name")]
    paths = [path for path in document["paths"] if path.startswith(f"/api/{server}/tools/")]
    named = {name for name in tools if isinstance(name, str)}
    check(f"{server}: all {len(named)} tools have a path", len(named) == len(paths) > 0, f"{named} {paths}")

# Statuses that the document does not name, bodies that are not of their schema, and whatever begins with 5.
CHECKS = ["not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance"]
with tempfile.TemporaryDirectory() as folder:
    command = [
        os.path.join(os.path.dirname(sys.executable), "schemathesis"), "run", f"{url}/api/openapi.json",
        "--header", f"Authorization: Bearer {token}", "--checks", ",".join(CHECKS), "--workers", "2", "--seed", "1",
        "--max-time", "75", "--phases", "fuzzing", "--max-examples", "5", "--continue-on-failure", "--warnings", "off",
        "--suppress-health-check", "all", "--request-timeout", "30", "--report", "junit",
        "--report-junit-path", os.path.join(folder, "report.xml"),
    ]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    # The rounds begin anew until the time is over. How many there are depends on the machine.
    counted = re.search(r"(\d+) generated, (\d+) passed", run.stdout)
    tested = re.search(r"Tested: (\d+)", run.stdout)
    is_good = run.returncode == 0 and counted is not None and int(counted[1]) >= 50
    tail = "\n".join(run.stdout.splitlines()[-80:])
    check(f"Schemathesis: {', '.join(CHECKS)}", is_good, tail + run.stderr[-2000:])
    print(f"    {counted and counted[0]}, {tested and tested[1]} operations", flush=True)

# The lines of the documentation, as they stand there but for the address and the token.
lines = [line for line in open(docs).read().splitlines() if line.startswith("curl ") and "http://127.0.0.1:3000" in line]
check("docs/rest.md has lines for curl", len(lines) >= 6)
for line in lines:
    said = line.replace("http://127.0.0.1:3000", url).replace("curl ", f"curl -fsS -H 'Authorization: Bearer {token}' ", 1)
    run = subprocess.run(["sh", "-c", said], capture_output=True, text=True, timeout=60)
    check(line, run.returncode == 0 and run.stdout.strip() != "", run.stderr + run.stdout)

failed = results.count(False)
print(f"{len(results) - failed} passed, {failed} failed")
sys.exit(failed > 0)
