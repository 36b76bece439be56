"""A server of the transport of 2024-11-05, on an SDK of its time."""

from mcp.server.fastmcp import FastMCP

server = FastMCP("old")


@server.tool()
def double(number: int) -> int:
    """Doubles a number."""
    return 2 * number


if __name__ == "__main__":
    server.run(transport="sse")
