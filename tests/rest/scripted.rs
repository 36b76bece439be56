//! A stdio server of the legacy era whose tools answer what a test says, and one tool, `ask`, that asks first.

use crate::harness::*;

const PROGRAM: &str = r#"#!/bin/sh
# Every line of the proxy's begins with its id; a tool's name comes first among the parameters. Nothing is forked.
tab=$(printf '\t')
while IFS= read -r line; do
    id=${line#'{"jsonrpc":"2.0","id":'}
    [ "$id" != "$line" ] || continue
    id=${id%%,*} answer='"result":{}'
    case $line in
    *'"method":"initialize"'*)
        answer='"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"scripted","version":"1"}}' ;;
    *'"method":"tools/list"'*)
        IFS= read -r tools <tools.json
        answer="\"result\":{\"tools\":$tools}" ;;
    *'"method":"tools/call"'*)
        tool=${line#*'"params":{"name":"'} tool=${tool%%'"'*}
        printf '%s\n' "$tool" >>called
        answer='"error":{"code":-32602,"message":"odd words"}'
        while IFS=$tab read -r name words; do
            [ "$name" != "$tool" ] || answer=$words
        done <answers
        if [ "$tool" = ask ]; then
            echo '{"jsonrpc":"2.0","id":900,"method":"elicitation/create","params":{"message":"?","requestedSchema":{"type":"object","properties":{}}}}'
            IFS= read -r reply
            answer='"result":{"content":[{"type":"text","text":"nobody answered"}],"isError":true}'
        fi ;;
    esac
    printf '{"jsonrpc":"2.0","id":%s,%s}\n' "$id" "$answer"
done
"#;

/// Adds the server `name` with this list of tools (JSON); `answers` are names of tools, as they stand in JSON, and the
/// member that is answered (`"result":…` or `"error":…`).
pub fn scripted(site: Site, name: &str, tools: &str, answers: &[(&str, &str)]) -> Site {
    let program = site.program(&format!("servers/{name}/run.sh"), PROGRAM);
    site.write(
        &format!("servers/{name}/server.toml"),
        &format!("command = {program:?}\ntransport = \"stdio\"\n"),
    );
    site.write(&format!("servers/{name}/tools.json"), &(tools.replace('\n', " ") + "\n"));
    let answers: String = answers.iter().map(|(tool, answer)| format!("{tool}\t{answer}\n")).collect();
    site.write(&format!("servers/{name}/answers"), &answers);
    site
}

/// The tools that were called there so far, as they stood in the JSON.
pub fn called(proxy: &Proxy, name: &str) -> Vec<String> {
    let path = proxy.site.folder().join(format!("servers/{name}/called"));
    std::fs::read_to_string(path).unwrap_or_default().lines().map(String::from).collect()
}
