# Completion of mcp-proxy's commands, options and names in fish.
function __mcp_proxy_words
    set -l words (commandline -opc) (commandline -ct)
    $words[1] completions words -- $words[2..-1] 2>/dev/null
end
complete -c mcp-proxy -e
complete -c mcp-proxy -n 'test -n "$(__mcp_proxy_words)"' -f -a '(__mcp_proxy_words)'
