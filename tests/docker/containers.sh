# compose.yaml and compose.dev.yaml, started by the real `docker compose`. Sourced by scripts/test-docker.

start_engine
mkdir "$work/servers"
cp -R servers/hello servers/clock "$work/servers/"
chown -R 1000:1000 "$work/servers"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export SERVERS=$work/servers PUBLISH=127.0.0.1:$port PORT=$port ALLOWED_HOSTS=nas.local,nas
url=http://127.0.0.1:$port

id() { compose ps --all --quiet proxy; }
state() { podman inspect --format "{{.State.$1}}" "$(id)"; }
up() { compose up --detach --no-build --pull never "$@"; }
healthy() { podman healthcheck run "$(id)"; }
inside() { podman exec "$(id)" "$@"; }
session() { python3 tests/session.py "$url/$1" "${@:2}"; }
status() { is "$1" "$(curl -s -o /dev/null -w '%{http_code}' "${@:2}")"; }

check 'without a token it does not start' up
check '... and says what to do' within 10 says 'mcp-proxy token new' compose logs
compose down --timeout 1 >/dev/null 2>&1

token=$(compose run --rm --no-deps -T proxy token new --name me 2>"$work/token.err" | tr -d '\r\n') || true
check 'a token is made in the volume' [ ${#token} -ge 32 ]
check 'with it, it starts' up
check '... and is healthy' within 30 healthy
check 'a stranger is refused' status 401 "$url/hello"
check 'a name of this machine is let in' status 401 -H 'Host: nas.local' "$url/hello"
check 'a foreign name is not' status 403 -H 'Host: evil.example' "$url/hello"
check 'a tool in sh is called from outside' says 'Hello, you!' session hello "$token" greet '{"name":"you"}' "$work/session"
check 'a tool in Python is called from outside' says T session clock "$token" now '{}'
check 'no variable of compose.yaml is unknown to the program' refused says 'is not a' compose logs

check 'it runs as uid 1000' is 1000 "$(inside id -u)"
check 'without capabilities' is 0000000000000000 "$(inside sed -n 's/^CapEff:\s*//p' /proc/1/status)"
check 'and can gain none' is 1 "$(inside sed -n 's/^NoNewPrivs:\s*//p' /proc/1/status)"
check 'its root is read-only' says 'Read-only file system' refused inside touch /etc/mcp-proxy/x
check '/tmp, /state and /cache are not' inside touch /tmp/x /state/x /cache/x
check 'memory has a limit' is 1073741824 "$(podman inspect --format '{{.HostConfig.Memory}}' "$(id)")"
check 'processes have one' is 512 "$(podman inspect --format '{{.HostConfig.PidsLimit}}' "$(id)")"

# Pid 1 gets every orphan of its container.
check 'the proxy is pid 1' says mcp-proxy inside cat /proc/1/comm
check 'an orphan is made' inside sh -c '(sleep 0.2 &) ; exit 0'
no_zombies() { [ "$(inside sh -c 'cat /proc/[0-9]*/stat 2>/dev/null' | grep -c ') Z ')" = 0 ]; }
check 'and reaped' within 10 no_zombies

check 'restarted by compose' compose restart
check '... it is healthy again' within 30 healthy
check '... and the session goes on' says 'Hello, again!' session hello "$token" greet '{"name":"again"}' "$work/session"
check 'other commands find it' says 'hello' inside /mcp-proxy list

# The binary alone: what runs elsewhere is served.
mkdir -p "$work/remote/far"
address=$(podman inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$(id)")
printf 'url = "http://%s:3000/hello"\nheaders = { Authorization = "Bearer %s" }\n' "$address" "$token" >"$work/remote/far/server.toml"
chown -R 1000:1000 "$work/remote"
alone() {
    podman run --detach --name "alone-$$" --network "${project}_default" --read-only --cap-drop all \
        --env MCP_PROXY_AUTH_MODE=none --env MCP_PROXY_AUTH_I_KNOW_EVERYONE_CAN_CALL_MY_TOOLS=1 \
        --publish 127.0.0.1::3000 --volume "$work/remote:/servers:ro" --volume "alone-$$:/state" mcp-proxy:proxy
}
check 'proxy, the binary alone, starts' alone
check '... and is healthy' within 30 podman healthcheck run "alone-$$"
there=$(podman port "alone-$$" 3000) || there=
check '... and serves a server that runs elsewhere' says 'Hello, far!' \
    python3 tests/session.py "http://$there/far" '' greet '{"name":"far"}'
check '... and ends when told' podman stop --time 20 "alone-$$"
check '... without an error' is 0 "$(podman inspect --format '{{.State.ExitCode}}' "alone-$$")"

before=$SECONDS
check 'stopped by compose' compose stop
check '... well within its grace' [ $((SECONDS - before)) -lt 19 ]
check '... it ended without an error' is 0 "$(state ExitCode)"
compose down --volumes --timeout 1 >/dev/null 2>&1

# Tokens made elsewhere, as docs/docker.md shows.
sed -n '/^```yaml$/,/^```$/p' docs/docker.md | sed '/^```/d' >"$work/secret.yaml"
python3 -c 'import secrets; print(secrets.token_urlsafe(32))' >"$work/tokens"
chmod 600 "$work/tokens" && chown 1000:1000 "$work/tokens"
export TOKENS=$work/tokens
files=(-f compose.yaml -f "$work/secret.yaml" --project-directory .)
check 'with a token file' up
check '... it is healthy' within 30 healthy
check '... and its tokens open it' says 'Hello, file!' session hello "$(cat "$work/tokens")" greet '{"name":"file"}'
compose down --volumes --timeout 1 >/dev/null 2>&1

files=(-f compose.yaml -f compose.dev.yaml)
check 'in development' up
check '... it is healthy' within 30 healthy
check '... and asks for no token' says 'Hello, dev!' session hello '' greet '{"name":"dev"}'
mkdir "$work/servers/later" && cp servers/hello/hello.sh "$work/servers/later/" && chown -R 1000:1000 "$work/servers/later"
check 'a new folder is served at once' within 20 says 'Hello, new!' session later '' greet '{"name":"new"}'
sed -i 's/Hello, /Good day, /' "$work/servers/hello/hello.sh"
check 'what was saved is served at once' within 20 says 'Good day, dev!' session hello '' greet '{"name":"dev"}'
compose down --volumes --timeout 1 >/dev/null 2>&1
