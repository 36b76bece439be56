#!/bin/sh
# A whole MCP server in POSIX sh: tools `greet` and `time`, over stdin and stdout.
#
# To write your own: make a folder in servers/ with one executable file. It reads one JSON-RPC message a line
# from stdin, writes one answer a line to stdout (nothing else goes there: what you want to say goes to stderr),
# stays silent on messages without an id, and ends when stdin ends. Change `tools` and `call` below; the rest stays.
# In another language you would take a JSON parser from its library; the first three functions are that parser.

# Cuts a JSON string from the front of $rest into $token, its quotes and escapes untouched.
string() {
    token='"' rest=${rest#\"}
    while [ -n "$rest" ]; do
        part=${rest%%[\"\\]*}
        token=$token$part rest=${rest#"$part"}
        case $rest in
        \"*) token=$token'"' rest=${rest#?}; return ;;
        \\?*) part=${rest#??}; token=$token${rest%"$part"} rest=$part ;; # a backslash and what it escapes
        *) rest='' ;;
        esac
    done
}

# Cuts any JSON value from the front of $rest into $token.
plain='[]},[:space:]]*' # where a number, true, false or null ends
value() {
    case $rest in
    \"*) string; return ;;
    [{[]*) ;;
    *) token=${rest%%$plain}; rest=${rest#"$token"}; return ;;
    esac
    text='' depth=0
    while [ -n "$rest" ]; do
        case $rest in
        \"*) string ;;
        *) token=${rest%"${rest#?}"}; rest=${rest#?} ;;
        esac
        text=$text$token
        case $token in
        [{[]) depth=$((depth + 1)) ;;
        []}]) depth=$((depth - 1)) ;;
        esac
        [ "$depth" -gt 0 ] || break
    done
    token=$text
}

# member KEY OBJECT: the member's JSON text in $token, empty if there is none.
gap='[![:space:],:]*'
member() {
    wanted=\"$1\" rest=${2#*\{}
    while rest=${rest#"${rest%%$gap}"}; do
        case $rest in
        \"*) string ;;
        *) token=''; return ;;
        esac
        key=$token rest=${rest#"${rest%%$gap}"}
        value
        [ "$key" != "$wanted" ] || return
    done
}

result() { printf '{"jsonrpc":"2.0","id":%s,"result":%s}\n' "$id" "$1"; }
error() { printf '{"jsonrpc":"2.0","id":%s,"error":{"code":%s,"message":"%s"}}\n' "$id" "$1" "$2"; }
say() { result "{\"content\":[{\"type\":\"text\",\"text\":\"$1\"}]}"; }

initialize() {
    member protocolVersion "$params"
    case $token in
    '"2024-11-05"' | '"2025-03-26"' | '"2025-06-18"' | '"2025-11-25"') ;;
    *) token='"2025-11-25"' ;;
    esac
    result '{"protocolVersion":'"$token"',"capabilities":{"tools":{}},"serverInfo":{"name":"hello","version":"1.0.0"}}'
}

tools='{"tools":[
{"name":"greet","description":"Greets somebody by name",
 "inputSchema":{"type":"object","properties":{"name":{"type":"string"}},"required":["name"]}},
{"name":"time","description":"The time in UTC","inputSchema":{"type":"object"}}]}'
tools=$(printf %s "$tools" | tr -d '\n') # a message is one line

call() {
    member name "$params"; tool=$token
    member arguments "$params"; arguments=$token
    case $tool in
    '"greet"')
        member name "$arguments"
        case $token in
        # The name goes back as the JSON it came as, so that nothing in it needs escaping again.
        \"*\") token=${token#\"}; say "Hello, ${token%\"}!" ;;
        *) error -32602 'greet needs a name, a string' ;;
        esac ;;
    '"time"') say "$(date -u +%Y-%m-%dT%H:%M:%SZ)" ;;
    *) error -32602 'no such tool' ;;
    esac
}

answer() {
    case $method in
    '"initialize"') initialize ;;
    '"ping"') result '{}' ;;
    '"tools/list"') result "$tools" ;;
    '"tools/call"') call ;;
    *) error -32601 'no such method' ;;
    esac
}

while IFS= read -r line; do
    member id "$line"; id=$token
    member method "$line"; method=$token
    member params "$line"; params=$token
    if [ -n "$id" ] && [ -n "$method" ]; then answer; fi
done
