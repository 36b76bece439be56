//! Modern servers that ask oddly: too much, too often, or what their legacy client cannot be asked.

use crate::harness::*;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A proxy with a modern server in sh, `a`, which does this for each `tools/call`; `$id` is its id, `$n` its number.
#[track_caller]
fn server(call: &str) -> Proxy {
    let discovery =
        r#"{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}"#;
    let script = format!(
        r#"
n=0
answer() {{ printf '{{"jsonrpc":"2.0","id":%s,"result":%s}}\n' "$id" "$1"; }}
elicitation() {{ printf '{{"method":"elicitation/create","params":{{"message":"%s","requestedSchema":{{}}}}}}' "$1"; }}
while read -r line; do
  id=${{line#*\"id\":}}; id=${{id%%,*}}
  case $line in
    *server/discover*) answer '{discovery}' ;;
    *tools/call*) n=$((n + 1)); {call} ;;
  esac
done"#
    );
    let site = Site::new();
    let toml = format!("eras = \"modern\"\ncommand = \"sh\"\nargs = [\"-c\", '''{script}''']\n");
    site.write("servers/a/server.toml", &toml);
    site.start()
}

#[track_caller]
fn able(proxy: &Proxy, capabilities: Value) -> Client {
    proxy.client_with("a").capabilities(capabilities).connect()
}

/// What was noted of the first question stayed for ever, and with a thousand of them nobody could be asked any more.
#[test]
fn a_server_that_asks_what_cannot_be_asked_harms_nobody_else() {
    let forms: String = (0..200).map(|n| format!(r#"\"q{n}\":$q,"#)).collect();
    let sampling = r#"\"last\":{\"method\":\"sampling/createMessage\",\"params\":{}}"#;
    let proxy = server(&format!(
        r#"q=$(elicitation '?'); answer "{{\"resultType\":\"input_required\",\"inputRequests\":{{{forms}{sampling}}}}}""#,
    ));
    let (half, whole) =
        (able(&proxy, json!({"elicitation": {}})), able(&proxy, json!({"elicitation": {}, "sampling": {}})));
    for _ in 0..5 {
        assert_eq!(half.try_call("x", json!({})).unwrap_err()["code"], -32603);
    }
    let call = whole.stream(&whole.call_message("x", json!({})));
    assert_eq!(call.next_message().1["method"], "elicitation/create");
}

#[test]
fn a_server_that_only_wants_to_be_called_again_is_given_time() {
    let again = r#"[ $n -lt 7 ] && answer '{"resultType":"input_required"}'"#;
    let proxy = server(&format!(r#"{again} || answer '{{"resultType":"complete","content":[]}}'"#));
    let client = able(&proxy, json!({}));
    let begun = Instant::now();
    assert_eq!(client.call("x", json!({})), json!({"content": []}));
    assert!(begun.elapsed() > Duration::from_millis(300), "{:?}", begun.elapsed());
}

#[test]
fn all_questions_of_one_answer_are_asked_however_long_they_are() {
    let text = "x".repeat(100_000);
    let asks: Vec<String> = (0..15).map(|n| format!(r#"\"q{n}\":$q"#)).collect();
    let call = format!(
        r#"q=$(elicitation {text}); answer "{{\"resultType\":\"input_required\",\"inputRequests\":{{{}}}}}""#,
        asks.join(",")
    );
    let proxy = server(&call);
    let client = able(&proxy, json!({"elicitation": {}}));
    let call = client.stream(&client.call_message("x", json!({})));
    for n in 0..asks.len() {
        let question = call.next_message().1;
        assert!(question["params"]["message"] == text.as_str(), "question {n} has no such text");
    }
}
