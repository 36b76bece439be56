# The files as they are read. Sourced by scripts/test-docker.

check 'hadolint finds nothing in the Dockerfile' "$kept/venv/bin/hadolint" --no-color Dockerfile
check 'compose reads compose.yaml' "$compose" -f compose.yaml config
check 'compose reads it with compose.dev.yaml' "$compose" -f compose.yaml -f compose.dev.yaml config
check 'in development nobody but this machine reaches the port' \
    says 'host_ip: 127.0.0.1' env PUBLISH=0.0.0.0:3000 "$compose" -f compose.yaml -f compose.dev.yaml config
