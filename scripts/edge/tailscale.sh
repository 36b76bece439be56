#!/bin/sh
# MCP Proxy on this machine's name in a tailnet, by its Tailscale. In proxy.toml:
#   public_url = "https://MACHINE.TAILNET.ts.net"     (below /mcp: with /mcp behind it)
#   trusted_proxies = ["127.0.0.1", "::1"]
# usage: tailscale.sh serve|funnel|prefix|off
set -eu
case ${1:-} in
# For the devices of the tailnet.
serve) tailscale serve --bg --https=443 http://127.0.0.1:3000 ;;
# For everybody, and so for claude.ai and ChatGPT too: never without a token or OAuth.
funnel) tailscale funnel --bg --https=443 http://127.0.0.1:3000 ;;
# Below /mcp, beside other things. Tailscale takes /mcp off, and the target puts it there again.
prefix) tailscale serve --bg --https=443 --set-path=/mcp http://127.0.0.1:3000/mcp ;;
off) tailscale serve --https=443 off ;;
*) echo "usage: $0 serve|funnel|prefix|off" >&2 && exit 2 ;;
esac
