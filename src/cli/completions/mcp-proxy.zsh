#compdef mcp-proxy
# Completion of mcp-proxy's commands, options and names in zsh.
_mcp_proxy() {
    local line word
    local -a known
    while IFS= read -r line; do
        word=${line%%$'\t'*}
        known+=("${word//:/\\:}:${line#*$'\t'}")
    done < <("${words[1]}" completions words -- "${(@)words[2,CURRENT]}" 2>/dev/null)
    if (( $#known )); then
        _describe 'mcp-proxy' known
    else
        _files
    fi
}
# Read by the completion system, or by hand after it.
if [[ ${funcstack[1]} == _mcp-proxy ]]; then
    _mcp_proxy "$@"
else
    compdef _mcp_proxy mcp-proxy
fi
