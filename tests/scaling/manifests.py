"""The manifests of docs/scaling.md against the schemas of those who read them.

usage: python manifests.py KUBERNETES_YAML STACK_YAML COMPOSE_SCHEMA
"""

import json
import sys

import jsonschema
import kubernetes_validate
import yaml

kubernetes, stack, schema = sys.argv[1:]
VERSIONS = "1.29", "1.33", "1.37"
failed = 0


def check(name, body):
    global failed
    try:
        body()
        print(f"ok    {name}")
    except Exception as error:
        failed += 1
        print(f"FAIL  {name}: {error}")


def is_refused(validate, document):
    try:
        validate(document)
    except Exception:
        return
    raise AssertionError("a key that does not exist is accepted")


with open(kubernetes) as file:
    objects = list(yaml.safe_load_all(file))
with open(stack) as file:
    services = yaml.safe_load(file)
with open(schema) as file:
    schema = json.load(file)

for each in objects:

    def valid(each=each):
        for version in VERSIONS:
            kubernetes_validate.validate(each, version, strict=True)

    check(f"{each['kind']} of Kubernetes {', '.join(VERSIONS)}", valid)
check(
    "an object with a wrong key is refused",
    lambda: is_refused(lambda it: kubernetes_validate.validate(it, VERSIONS[-1], strict=True), {**objects[1], "spce": 1}),
)
check("the stack of Docker Swarm", lambda: jsonschema.validate(services, schema))
check(
    "a stack with a wrong key is refused",
    lambda: is_refused(lambda it: jsonschema.validate(it, schema), {"services": {"a": {"image": "a", "replica": 1}}}),
)
print(f"{len(objects) + 3 - failed} passed, {failed} failed")
sys.exit(failed > 0)
