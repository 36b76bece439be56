//! Behind a reverse proxy: what it is believed, a path before ours, streams that must not look dead to it.

use super::*;
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};

/// What a reverse proxy says that serves us below `https://home.example/mcp`.
const TOLD: [(&str, &str); 4] = [
    ("X-Forwarded-For", "198.51.100.1, 203.0.113.7"),
    ("X-Forwarded-Host", "home.example"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Prefix", "/mcp"),
];

/// Nobody is asked for a token, although there is a public URL.
const OPEN: &str = "[auth]\nmode = \"none\"\ni_know_everyone_can_call_my_tools = true\n";

fn behind(trusted: &str) -> Proxy {
    let config = format!("[proxy]\nallowed_hosts = [\"home.example\"]\ntrusted_proxies = {trusted}\n");
    let proxy = Site::new().config(&config).fake("b", Fake::http()).start();
    proxy.wait_ready("b");
    proxy
}

/// What server b gets of `X-Forwarded-*`, and the URL under which we show it to who asks.
#[track_caller]
fn believed(proxy: &Proxy, sent: &[(&str, &str)]) -> ([String; 4], String) {
    let fields = seen(&request("GET", &proxy.url("b/x"), sent, b""))["headers"].clone();
    let fields: Vec<(String, String)> = serde_json::from_value(fields).unwrap();
    let of = |(name, _): (&str, &str)| {
        let mut values = fields.iter().filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.clone()).unwrap_or_default();
        assert!(values.next().is_none(), "{name} stands twice in {fields:?}");
        value
    };
    let other = ["forwarded", "x-real-ip", "x-forwarded-port"];
    assert!(!fields.iter().any(|(field, _)| other.contains(&field.as_str())), "{fields:?}");
    let servers = request("GET", &proxy.url("servers"), sent, b"").json();
    (TOLD.map(of), servers["servers"][0]["url"].as_str().unwrap().to_string())
}

fn own(values: [&str; 4]) -> [String; 4] {
    values.map(str::to_string)
}

#[test]
fn a_reverse_proxy_is_believed_if_it_is_trusted() {
    let lies = [("Forwarded", "for=192.0.2.1"), ("X-Real-IP", "192.0.2.1"), ("X-Forwarded-Port", "1")];
    let sent = [&TOLD[..], &lies].concat();
    for trusted in ["[\"127.0.0.1\"]", "[\"10.0.0.1\", \"127.0.0.0/8\"]", "[\"0.0.0.0/0\"]"] {
        let (fields, url) = believed(&behind(trusted), &sent);
        let client = if trusted.contains("0.0.0.0") { "198.51.100.1" } else { "203.0.113.7" };
        assert_eq!(fields, own([client, "home.example", "https", "/mcp/b"]), "{trusted}");
        assert_eq!(url, "https://home.example/mcp/b", "{trusted}");
    }
    for trusted in ["[]", "[\"10.0.0.0/8\", \"::1\", \"127.0.0.2\"]"] {
        let proxy = behind(trusted);
        let host = proxy.address().to_string();
        let told = believed(&proxy, &sent);
        assert_eq!(told, (own(["127.0.0.1", &host, "http", "/b"]), proxy.url("b")), "{trusted}");
        assert_eq!(told, believed(&proxy, &[]), "a lie has no effect");
        proxy.wait_log(|line| line.contains("trusted_proxies"));
    }
}

#[test]
fn what_a_reverse_proxy_says_was_asked_is_checked_like_host() {
    let ask = |proxy: &Proxy, host: &str, forwarded: &str| {
        let headers = [("Host", host), ("X-Forwarded-Host", forwarded)];
        request("GET", &proxy.url("health"), &headers, b"").status
    };
    let trusting = behind("[\"127.0.0.1\"]");
    for (host, forwarded, status) in [
        ("127.0.0.1", "home.example", 200),
        ("127.0.0.1", "home.example, localhost", 200),
        ("127.0.0.1", "evil.example", 403),
        ("127.0.0.1", "localhost, evil.example", 403),
        ("evil.example", "home.example", 403),
    ] {
        assert_eq!(ask(&trusting, host, forwarded), status, "{host} {forwarded}");
    }
    let page = [("X-Forwarded-Host", "192.168.1.5:8443"), ("Origin", "https://192.168.1.5:8443")];
    assert_eq!(request("GET", &trusting.url("health"), &page, b"").status, 200);
    let wary = behind("[]");
    assert_eq!(ask(&wary, "127.0.0.1", "evil.example"), 200, "nobody listens to it");
    assert_eq!(ask(&wary, "evil.example", "127.0.0.1"), 403);
    assert_eq!(request("GET", &wary.url("health"), &page, b"").status, 403);
}

#[test]
fn a_server_elsewhere_is_not_told_whose_request_it_is() {
    let fake = FakeHttp::start();
    let site = Site::new().config("[proxy]\ntrusted_proxies = [\"127.0.0.1\"]\n");
    site.write("servers/far/server.toml", &format!("url = {:?}\n", fake.url));
    let proxy = site.start();
    let client = proxy.client_with("far").header("X-Forwarded-For", "203.0.113.7").connect();
    let fields = client.json("headers", json!({})).to_string();
    assert!(!fields.contains("x-forwarded"), "{fields}");
}

#[test]
fn paths_may_have_the_prefix_of_the_public_url() {
    let config = format!("[proxy]\npublic_url = \"https://home.example/mcp/\"\n{OPEN}");
    let proxy = Site::new().config(&config).fake("a", Fake::stdio()).fake("b", Fake::http()).start();
    ["a", "b"].iter().for_each(|name| drop(proxy.wait_ready(name)));
    for prefix in ["", "mcp/"] {
        for place in ["a", "a/", "a/mcp", "b", "b/mcp"] {
            let client = proxy.client(&format!("{prefix}{place}"));
            assert_eq!(client.text("echo", json!({"text": "hi"})), "hi", "{prefix}{place}");
        }
        for name in ["a", "b"] {
            let old = SseClient::connect(&proxy.url(&format!("{prefix}{name}/sse")));
            assert!(old.endpoint.starts_with(&proxy.url(&format!("{prefix}{name}/"))), "{}", old.endpoint);
            let echo = json!({"name": "echo", "arguments": {"text": "hi"}});
            assert_eq!(old.request("tools/call", echo).unwrap()["content"][0]["text"], "hi");
        }
        let servers = get(&proxy, &format!("{prefix}servers")).json();
        assert_eq!(servers["servers"][1]["url"], "https://home.example/mcp/b");
        assert_eq!(get(&proxy, &format!("{prefix}health")).status, 200);
        assert_eq!(get(&proxy, &format!("{prefix}.well-known/x")).status, 404);
        let fields = seen(&get(&proxy, &format!("{prefix}b/x")))["headers"].to_string();
        let wanted = if prefix.is_empty() { "/b" } else { "/mcp/b" };
        assert!(fields.contains(&json!(["x-forwarded-prefix", wanted]).to_string()), "{fields}");
    }
    for place in ["mcp", "mcp/", ""] {
        assert!(get(&proxy, place).text().contains("https://home.example/mcp/a"), "{place}");
    }
    let nothing = get(&proxy, "mcp/mcp");
    assert_eq!(nothing.status, 404);
    assert!(nothing.text().contains("there are: /mcp/a /mcp/b"), "{nothing:?}");
}

#[test]
fn the_prefix_wins_over_a_server_of_its_name_unless_it_is_known_to_be_gone() {
    let config = format!(
        "[proxy]\npublic_url = \"https://home.example/a\"\ntrusted_proxies = [\"127.0.0.1\"]\n{OPEN}"
    );
    let proxy = Site::new().config(&config).fake("a", Fake::stdio()).start();
    proxy.wait_ready("a");
    assert!(get(&proxy, "a").text().starts_with("MCP Proxy "));
    assert_eq!(proxy.client("a/a").text("echo", json!({"text": "hi"})), "hi");
    let client = proxy.client_with("a").header("X-Forwarded-Prefix", "/a").connect();
    assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
}

/// A server that sends an event stream up to here, and the rest when it is told to.
struct Halting {
    url: String,
    go_on: Sender<()>,
}

impl Halting {
    fn start(first: &'static str, rest: &'static str) -> Halting {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let (go_on, told) = channel();
        std::thread::spawn(move || serve(&listener, first, rest, &told));
        Halting { url, go_on }
    }
}

fn serve(listener: &TcpListener, first: &str, rest: &str, told: &Receiver<()>) {
    let chunk = |text: &str| format!("{:x}\r\n{text}\r\n", text.len());
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    for mut stream in listener.incoming().map_while(Result::ok) {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(format!("{head}{}", chunk(first)).as_bytes());
        if told.recv().is_err() {
            return;
        }
        let _ = stream.write_all(format!("{}0\r\n\r\n", chunk(rest)).as_bytes());
    }
}

/// Comments that came before the next event with data, and that.
#[track_caller]
fn comments_before_data(stream: &Stream) -> (usize, Option<String>) {
    let mut comments = 0;
    while let Some(event) = stream.event_or_end() {
        match event.data.filter(|data| !data.is_empty()) {
            Some(data) => return (comments, Some(data)),
            None => comments += usize::from(event.comment.is_some()),
        }
    }
    (comments, None)
}

#[test]
fn a_silent_stream_of_an_http_server_carries_comments_between_its_events() {
    let whole = Halting::start("data: 1\n\n", "data: 2\n\n");
    let cut = Halting::start("data: 1\n\ndata: 2", "\ndata: 3\n\n");
    let site = Site::new();
    for (name, server) in [("whole", &whole), ("cut", &cut)] {
        let toml = format!("url = {:?}\nstream_comment_seconds = 1\n", server.url);
        site.write(&format!("servers/{name}/server.toml"), &toml);
    }
    let proxy = site.start();
    let [cut_stream, stream] = ["cut/x", "whole/x"]
        .map(|path| Stream::open("GET", &proxy.url(path), &[("Accept", "text/event-stream")], b""));
    assert_eq!(comments_before_data(&stream), (0, Some("1".into())));
    for _ in 0..2 {
        assert!(stream.next_event().1.comment.is_some());
    }
    // By now the other one would have had them too, in the middle of its event.
    whole.go_on.send(()).unwrap();
    cut.go_on.send(()).unwrap();
    assert_eq!(comments_before_data(&stream).1, Some("2".into()));
    assert_eq!(comments_before_data(&cut_stream), (0, Some("1".into())));
    assert_eq!(comments_before_data(&cut_stream), (0, Some("2\n3".into())));
    assert_eq!(comments_before_data(&stream).1, None);
}

#[test]
fn a_silent_stream_of_a_bridge_carries_comments() {
    let proxy = Site::new().fake("a", Fake::stdio().toml("stream_comment_seconds = 1")).start();
    let client = proxy.client("a");
    let (listening, call) = (client.listen(), client.call_message("hang", json!({})));
    let calling = client.stream(&call);
    let accept = [("Accept", "text/event-stream")];
    let old = Stream::open("GET", &proxy.url("a/sse"), &accept, b"");
    assert_eq!(old.next_event().1.event.as_deref(), Some("endpoint"));
    for stream in [&listening, &calling, &old] {
        let mut comments = 0;
        while comments < 3 {
            comments += usize::from(stream.next_event().1.comment.is_some());
        }
    }
}
