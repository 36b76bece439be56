# Completion of mcp-proxy's commands, options and names in bash.
_mcp_proxy() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("${line%%$'\t'*}")
    done < <("$1" completions words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
# Where nothing is known, a file may stand.
complete -o default -F _mcp_proxy mcp-proxy
