//! Answers of an HTTP server that is forwarded to: in every form in which a list can come, and none of its bytes but
//! those of hidden tools are changed.

use crate::harness::*;
use crate::scripted::{Asked, Scripted, chunked, response};
use serde_json::{Value, json};

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";
const HIDDEN: &str = r#", {"name" : "erase","x":1e400}"#;

/// A list as no printer would print it.
fn list(id: &str, hidden: &str) -> String {
    let tools = format!(r#"[ {{"n\u0061me":"read","title":"é\/"}}{hidden} ]"#);
    format!(r#"{{ "id":{id}, "jsonrpc":"2.0","result":{{"tools":{tools}, "nextCursor":"2","y":1.0}} }}"#)
}

/// The proxy in front of it, and a client with a session. Only what begins with `read` is shown.
fn serve(server: &Scripted) -> (Proxy, Client) {
    let site = Site::new();
    site.write(
        "servers/far/server.toml",
        &format!("url = {:?}\ntools = {{ allow = ['read*'] }}\n", server.url),
    );
    let proxy = site.start();
    let client = proxy.client("far");
    (proxy, client)
}

#[track_caller]
fn ask(answer: impl Fn(&Asked) -> Vec<Vec<u8>> + Send + 'static) -> Response {
    let server = Scripted::start(answer);
    let (_proxy, client) = serve(&server);
    client.post_bytes(br#"{"jsonrpc":"2.0","id":7.0,"method":"tools/list"}"#)
}

#[test]
fn json_with_a_length_and_in_chunks() {
    let whole = ask(|_| vec![response(JSON, "X-Own: 1\r\n", list("7.0", HIDDEN).as_bytes())]);
    assert_eq!((whole.status, whole.text(), whole.header("x-own")), (200, list("7.0", ""), Some("1")));
    let text = list("7.0", HIDDEN);
    let pieces = ask(move |_| chunked(JSON, &text.as_bytes().chunks(9).collect::<Vec<_>>()));
    assert_eq!((pieces.status, pieces.text()), (200, list("7.0", "")));
    let long = format!(r#", {{"name":"read2","x":"{}"}}"#, "x".repeat(300_000));
    let expected = list("7.0", &long);
    let long = ask(move |_| vec![response(JSON, "", list("7.0", &format!("{long}{HIDDEN}")).as_bytes())]);
    assert!(long.text() == expected, "{} bytes of {}", long.body.len(), expected.len());
    let batch = ask(|_| vec![response(JSON, "", format!("[{}]", list("7.0", HIDDEN)).as_bytes())]);
    assert_eq!(batch.text(), format!("[{}]", list("7.0", "")));
}

/// What a server sends before and beside a list, wherever the stream is cut.
fn events(hidden: &str, end: &str) -> String {
    let note = r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"tools":[{"name":"erase"}]}}"#;
    let list = list("7.0", hidden);
    format!(": hi\n\nid: 1\nretry: 5\ndata: \n\ndata: {note}\n\nevent: message\nid: 2\ndata: {list}\n\n:\n\n")
        .replace('\n', end)
}

#[test]
fn events_however_they_are_cut() {
    for (end, size) in [("\n", 1), ("\r\n", 7), ("\r", 10_000)] {
        let text = events(HIDDEN, end);
        let answer = ask(move |_| chunked(EVENTS, &text.as_bytes().chunks(size).collect::<Vec<_>>()));
        assert_eq!((answer.status, answer.text()), (200, events("", end)));
    }
    let text = events(HIDDEN, "\n");
    let answer = ask(move |_| vec![response(EVENTS, "", text.as_bytes())]);
    assert_eq!((answer.status, answer.text()), (200, events("", "\n")));
}

#[test]
fn a_list_of_several_lines() {
    let lines = |hidden| list("7.0", hidden).replace(", \"", "\ndata: , \"");
    let text = format!("data: {}\n\n", lines(HIDDEN));
    let answer = ask(move |_| chunked(EVENTS, &[text.as_bytes()]));
    assert_eq!(answer.text(), format!("data: {}\n\n", lines("")));
}

/// Nothing says which request a resumed stream answers.
#[test]
fn a_stream_that_is_taken_up_again() {
    let server = Scripted::start(|_| chunked(EVENTS, &[events(HIDDEN, "\n").as_bytes()]));
    let (proxy, client) = serve(&server);
    let fields = [client.headers(), vec![("Last-Event-ID", "1")]].concat();
    let stream = Stream::open("GET", &proxy.url("far"), &fields, b"");
    let data = std::iter::from_fn(|| Some(stream.next_data())).find(|data| data.contains("result")).unwrap();
    assert_eq!(data, list("7.0", ""));
    assert!(server.asked("get /mcp")[0].head.contains("last-event-id: 1"));
}

#[test]
fn what_cannot_be_read_is_not_shown() {
    let text = list("7.0", HIDDEN);
    let cut = text[..text.len() - 3].to_string();
    let bodies: [(&str, &str, String); 7] = [
        (JSON, "", cut.clone()),
        (JSON, "", text.replace(r#""tools":["#, r#""tools":{"a":["#)),
        (JSON, "Content-Encoding: gzip\r\n", cut.clone()),
        ("text/html", "", format!("<p>{cut}")),
        (EVENTS, "", format!("data: {cut}\n\n")),
        (EVENTS, "Content-Encoding: br\r\n", format!("data: {text}")),
        (JSON, "", text.replace("\"result\"", "\"result\":{},\"result\"")),
    ];
    for (kind, fields, body) in bodies {
        let answer = ask(move |_| vec![response(kind, fields, body.as_bytes())]);
        assert!(!answer.text().contains("erase"), "{answer:?}");
        let message = answer.messages().pop().unwrap();
        assert_eq!((&message["id"], &message["error"]["code"]), (&json!(7.0), &json!(-32603)), "{answer:?}");
    }
    // Half an event is none, though a careless reader may take it for one.
    let half = ask(move |_| chunked(EVENTS, &[format!("data: {text}").as_bytes()]));
    assert!(!half.text().contains("erase"), "{half:?}");
}

#[test]
fn a_refusal_passes_as_it_is() {
    let refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
    let answer = ask(|_| vec![refusal.to_vec()]);
    assert_eq!((answer.status, answer.text().as_str()), (403, "no"));
}

#[test]
fn a_result_is_asked_for_as_it_can_be_read_and_a_call_is_not_touched() {
    let result =
        r#"{"jsonrpc":"2.0","id":1 ,"result":{"content":[{"tools":[{"name":"erase"}]}],"x":1e400 }}"#;
    let server = Scripted::start(move |_| vec![response(JSON, "", result.as_bytes())]);
    let (proxy, client) = serve(&server);
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"}}"#;
    let mut fields = client.headers();
    fields.retain(|(name, _)| *name != "Content-Type");
    fields.extend([
        ("Content-Type", "application/json; charset=utf-7"),
        ("Accept-Encoding", "gzip"),
        ("Range", "bytes=1-"),
    ]);
    let answer = request("POST", &proxy.url("far"), &fields, body);
    assert_eq!(answer.text(), result);
    let head = &server.asked("\"tools/call\"")[0].head;
    assert!(!head.contains("gzip") && !head.contains("range:"), "{head}");
    assert!(
        head.contains("content-type: application/json\r\n"),
        "in UTF-7 it could be another message: {head}"
    );
    let refused = client.request("tools/call", json!({"name": "erase"}));
    assert_eq!(refused.unwrap_err()["message"], "Unknown tool: erase");
    assert!(server.asked("erase").is_empty());
}

/// Servers that keep streams by the ids of requests mix up two with the same.
#[test]
fn a_list_that_comes_on_the_stream_of_another_request() {
    let server = Scripted::start(|_| chunked(EVENTS, &[events(HIDDEN, "\n").as_bytes()]));
    let (_proxy, client) = serve(&server);
    let call = br#"{"jsonrpc":"2.0","id":7.0,"method":"tools/call","params":{"name":"read"}}"#;
    assert_eq!(client.post_bytes(call).text(), events("", "\n"));
}

#[test]
fn a_message_that_is_none_is_not_left_to_the_server() {
    let server = Scripted::start(|_| vec![response(JSON, "", b"{}")]);
    let (_proxy, client) = serve(&server);
    for body in [
        "{",
        "[]]",
        r#"[{"jsonrpc":"2.0"}]"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"tools/call"}"#,
        "\"erase\"",
    ] {
        let answer = client.post_bytes(body.as_bytes());
        assert_eq!(answer.status, 400, "{body} {answer:?}");
    }
    assert_eq!(server.asked("post /mcp").len(), 2, "initialize and its notification");
    let _: Value = client.request("tools/call", json!({"name": "erase"})).unwrap_err();
}

#[test]
fn a_list_that_is_too_long_to_be_read_is_not_shown() {
    let text = list("7.0", &format!(r#", {{"name":"read2","x":"{}"}}{HIDDEN}"#, "x".repeat(5000)));
    for pieces in [
        vec![response(JSON, "", text.as_bytes())],
        chunked(EVENTS, &[format!("data: {text}\n\n").as_bytes()]),
    ] {
        let server = Scripted::start(move |_| pieces.clone());
        let site = Site::new().config("[limits]\nmax_message_bytes = 4000\n");
        let toml = format!("url = {:?}\ntools = {{ allow = ['read*'] }}\n", server.url);
        site.write("servers/far/server.toml", &toml);
        let proxy = site.start();
        let answer = proxy.client("far").request("tools/list", json!({})).unwrap_err();
        assert_eq!(answer["code"], -32603, "{answer}");
    }
}

/// A server may go by the header fields alone.
#[test]
fn header_fields_that_say_something_else_than_the_body_are_refused() {
    let server = Scripted::start(|_| vec![response(JSON, "", b"{}")]);
    let (proxy, client) = serve(&server);
    let body = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"}}"#;
    for (method, name) in [("tools/call", "erase"), ("tools/list", "read")] {
        let fields = [client.headers(), vec![("Mcp-Method", method), ("Mcp-Name", name)]].concat();
        let answer = request("POST", &proxy.url("far"), &fields, body);
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (400, &json!(-32020)),
            "{method} {name}"
        );
    }
    assert!(server.asked("tools/call").is_empty());
}
