# /// script
# requires-python = ">=3.11"
# dependencies = ["fastmcp==4.1.2"]
#
# [tool.uv]
# exclude-newer = "2026-11-28T00:00:00Z"
# ///
"""A server that speaks HTTP where it is given a port, and stdio otherwise."""

import os

from fastmcp import FastMCP

server = FastMCP("either")


@server.tool
def half(number: float) -> float:
    """Halves a number."""
    return number / 2


if __name__ == "__main__":
    port = os.environ.get("PORT")
    if port:
        server.run(transport="http", port=int(port))
    else:
        server.run()
