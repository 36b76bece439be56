"""A server whose tools have schemas of every draft, and nonsense: what the document makes of them must be valid."""

import json
import sys

DEEP = {"type": "object"}
for _ in range(60):
    DEEP = {"type": "object", "properties": {"d": DEEP}}

SCHEMAS = {
    "zod": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "pair": {"type": "array", "items": [{"type": "string"}, {"type": "number"}], "additionalItems": False},
            "count": {"type": "integer", "exclusiveMinimum": 0},
        },
        "required": ["pair"],
        "additionalProperties": False,
    },
    "pydantic": {
        "type": "object",
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]}},
            }
        },
        "properties": {"node": {"$ref": "#/$defs/Node"}, "when": {"type": "string", "format": "date-time", "default": None}},
    },
    "draft4": {"id": "x", "type": "object", "properties": {"n": {"type": "number", "minimum": 1, "exclusiveMinimum": True}}},
    "out": {"$id": "http://127.0.0.1:9/x", "type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:9/y.json"}}},
    "nowhere": {"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}},
    "endless": {"allOf": [{"$ref": "#"}], "type": "object"},
    "openapi3": {"type": "object", "nullable": True, "properties": {"a": {"type": "string", "nullable": True, "example": 7}}},
    "regex": {"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}, "patternProperties": {"[": {}}},
    "deep": DEEP,
    "list": [1, 2],
    "number": 7,
    "text": "object",
    "wrong": {"type": "any", "properties": ["a"], "required": True, "enum": [], "title": 7, "minProperties": -1},
    "odd name/ü {x}": {"type": "object"},
}
TOOLS = [{"name": name, "description": f"Schema: {name}", "inputSchema": schema} for name, schema in SCHEMAS.items()]
TOOLS[0]["outputSchema"] = {"type": "object", "properties": {"given": {"$ref": "#/$defs/Given"}}, "$defs": {"Given": {"type": "object"}}}
TOOLS += [{"inputSchema": {}}, {"name": 7}, {"name": "zod"}, "x", None, {"name": "", "description": {}}]

METHODS = {
    "initialize": lambda params: {
        "protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "odd", "version": "1"},
    },
    "ping": lambda params: {},
    "tools/list": lambda params: {"tools": TOOLS},
    "tools/call": lambda params: {
        "content": [{"type": "text", "text": "done"}], "structuredContent": {"given": params.get("arguments")},
    },
}

for line in sys.stdin:
    message = json.loads(line)
    if "id" in message and "method" in message:
        method = METHODS.get(message["method"])
        if method:
            answer = {"result": method(message.get("params") or {})}
        else:
            answer = {"error": {"code": -32601, "message": "no such method"}}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **answer}), flush=True)
