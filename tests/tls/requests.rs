//! What is asked and answered in TLS is what it is without.

use crate::client::{BOTH, Talk, config, tunnel};
use crate::harness::*;
use crate::site;
use rustls::{HandshakeKind, ProtocolVersion, version};
use serde_json::{Value, json};
use std::io::{Read, Write};
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

/// The harness's own clients, over TLS.
fn through(proxy: &Proxy) -> String {
    tunnel(proxy.address(), &config(BOTH)) + "/a"
}

#[test]
fn a_session_in_both_versions_of_tls() {
    let proxy = site("").start();
    for version in BOTH {
        let client = Client::connect(&(tunnel(proxy.address(), &config(&[version])) + "/a"));
        assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
        assert_eq!(client.end().status, 200);
    }
}

#[test]
fn what_is_printed_says_https_and_the_commands_work() {
    let proxy = site("").start();
    let url = format!("https://{}", proxy.address());
    assert!(proxy.log()[0].contains(&format!("listening on {url}")), "{:?}", proxy.log());
    proxy.wait_log(|line| line.contains(&format!("{url}/a ")));
    let file = proxy.site.state_dir().join(format!("run-{}.json", proxy.address().port()));
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(file["url"], json!(url));
    for (args, expected) in [
        (&["list"][..], format!("{url}/a")),
        (&["healthcheck"], "ok".into()),
        (&["restart", "a"], "a: restart requested".into()),
        (&["reload"], "reloaded: ".into()),
    ] {
        let output = proxy.site.run(args);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(&expected), "{args:?}: {output:?}");
    }
}

#[test]
fn a_connection_is_used_again_and_ends_with_a_word() {
    let proxy = site("").start();
    let mut talk = Talk::open(proxy.address());
    assert_eq!(talk.0.conn.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    for _ in 0..3 {
        assert!(talk.get("/health").0.starts_with("HTTP/1.1 200 "));
    }
    talk.0.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut rest = String::new();
    // An end without close_notify would be an error here.
    talk.0.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 "), "{rest}");
}

#[test]
fn an_event_comes_when_it_is_sent() {
    let proxy = site("").start();
    let client = Client::connect(&through(&proxy));
    let stream = client.listen();
    for _ in 0..3 {
        client.call("list_changed", json!({"what": "tools"}));
        let (_, message) = stream.next_message();
        assert_eq!(message["method"], "notifications/tools/list_changed");
    }
    let call = client.stream(&client.progress_message("progress", json!({"steps": 3}), json!("p")));
    call.wait_message(|message| message["method"] == "notifications/progress");
}

#[test]
fn ten_megabytes_both_ways() {
    let proxy = site("").start();
    let client = Client::connect(&through(&proxy));
    let text: String = (0..10_000_000).map(|at| char::from(b'a' + (at % 23) as u8)).collect();
    assert!(client.text("echo", json!({"text": text})) == text);
}

#[test]
fn a_client_that_does_not_read_holds_nobody_up() {
    let proxy = site("[limits]\nwrite_timeout_seconds = 1\n[log]\nlevel = 'debug'\n").start();
    let mut lazy = Talk::open(proxy.address());
    let client = Client::connect(&through(&proxy));
    let call = client.call_message("big", json!({"bytes": 15_500_000})).to_string();
    let session = client.session();
    let head = format!(
        "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n\
         Mcp-Session-Id: {session}\r\nMCP-Protocol-Version: 2025-11-25\r\nContent-Length: {}\r\n\r\n{call}",
        call.len()
    );
    lazy.0.write_all(head.as_bytes()).unwrap();
    assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
    // It is given up, so that less than the answer comes.
    proxy.wait_log(|line| line.contains("an answer was not sent whole"));
}

#[test]
fn a_modern_call_whose_client_says_goodbye_is_cancelled() {
    let proxy = site("").fake("m", Fake::stdio().env("FAKE_ERAS", "modern")).start();
    let modern = Modern::new(&(tunnel(proxy.address(), &config(BOTH)) + "/m"));
    let body = modern.call_message("hang", json!({})).to_string();
    let mut talk = Talk::open(proxy.address());
    let fields = modern_headers("tools/call", &json!({"name": "hang"}));
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head =
        format!("POST /m HTTP/1.1\r\nHost: localhost\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    talk.0.write_all((head + &body).as_bytes()).unwrap();
    let received = || modern.text("received", json!({}));
    eventually(DEADLINE, || received().contains("hang"));
    // close_notify, while the TCP connection stays open.
    talk.0.conn.send_close_notify();
    talk.0.flush().unwrap();
    eventually(DEADLINE, || received().contains("notifications/cancelled"));
}

#[test]
fn plain_requests_are_sent_to_https() {
    let proxy = site("").start();
    let plain = proxy.url("a?b=c");
    let there = request("GET", &plain, &[], b"");
    assert_eq!(there.status, 308);
    assert_eq!(there.header("location").unwrap(), plain.replace("http://", "https://"));
    for headers in [&[][..], &[("Authorization", "Bearer x")]] {
        let method = if headers.is_empty() { "POST" } else { "GET" };
        let refused = request(method, &plain, headers, b"{}");
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains("https://"), "{refused:?}");
    }
    assert!(Talk::open(proxy.address()).get("/health").0.contains(" 200 "));
}

#[test]
fn another_port_sends_plain_requests_on_and_does_nothing_else() {
    let proxy = site("").env("MCP_PROXY_TLS_REDIRECT_LISTEN", "127.0.0.1:0").start();
    let line = proxy.wait_log(|line| line.contains("sent on to https"));
    let port =
        line.split("http://").nth(1).and_then(|rest| rest.split([' ', ':', '"']).nth(1)).unwrap().to_string();
    let url = format!("http://127.0.0.1:{port}/a");
    let there = request("GET", &url, &[("Host", "localhost:80")], b"");
    assert_eq!(there.header("location").unwrap(), format!("https://localhost:{}/a", proxy.address().port()));
    assert_eq!(request("POST", &url, &[], b"{}").status, 400);
    let there = format!("127.0.0.1:{port}").parse().unwrap();
    assert!(Talk::with(there, &config(BOTH)).is_err(), "no TLS there");
}

#[test]
fn a_session_of_tls_is_resumed_and_only_http_1_1_is_agreed_on() {
    let proxy = site("").start();
    for version in [&version::TLS12, &version::TLS13] {
        let mut config = config(&[version]);
        std::sync::Arc::get_mut(&mut config).unwrap().alpn_protocols =
            vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let mut talk = Talk::with(proxy.address(), &config).unwrap();
            talk.get("/health"); // tickets come with the first bytes
            assert_eq!(talk.0.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
            assert_eq!(talk.0.conn.peer_certificates().unwrap().len(), 2, "the intermediate comes along");
            kinds.push(talk.0.conn.handshake_kind().unwrap());
        }
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);
    }
    let mut config = config(BOTH);
    std::sync::Arc::get_mut(&mut config).unwrap().alpn_protocols = vec![b"h2".to_vec()];
    assert!(Talk::with(proxy.address(), &config).is_err());
}

/// The ports of single servers stay as they were: loopback, for this machine's own programs.
#[test]
fn a_server_s_own_port_stays_plain() {
    let proxy = site("").start();
    let list: serde_json::Value =
        serde_json::from_slice(&proxy.site.run(&["list", "--json"]).stdout).unwrap();
    let client = Client::connect(&format!("http://127.0.0.1:{}/mcp", list["servers"][0]["port"]));
    assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
}

/// The process of the server, once it is ready.
fn ready_child(talk: &mut Talk) -> i32 {
    wait_for(DEADLINE, || {
        let servers: Value = serde_json::from_str(&talk.get("/servers").1).unwrap();
        servers["servers"][0]["children"][0]["pid"].as_i64().and_then(|pid| pid.try_into().ok())
    })
}

/// `wss://`: the snapshot, a change, a ping, and the end.
#[test]
fn a_websocket_in_tls() {
    let proxy = site("").start();
    let mut talk = Talk::open(proxy.address());
    let child = ready_child(&mut talk);
    let head: String = HANDSHAKE.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    // The first ping comes with the head.
    let ping = [0x89, 0x80, 0, 0, 0, 0];
    let request = format!("GET /health/ws HTTP/1.1\r\nHost: localhost\r\n{head}\r\n");
    talk.0.write_all(&[request.as_bytes(), &ping].concat()).unwrap();
    assert!(talk.until(|text| text.ends_with("\r\n\r\n")).starts_with("HTTP/1.1 101 "));
    let mut socket = WebSocket::from_raw_socket(talk.0, Role::Client, None);
    let mut wait = |matches: &dyn Fn(&Value) -> bool| loop {
        match socket.read().unwrap() {
            Message::Text(text) if matches(&serde_json::from_str(&text).unwrap()) => {
                return serde_json::from_str::<Value>(&text).unwrap();
            }
            Message::Close(_) => panic!("closed"),
            _ => {}
        }
    };
    let first = wait(&|message| message["type"] == "snapshot");
    assert_eq!(first["servers"][0]["url"], "https://localhost/a");
    processes::kill(child);
    wait(&|message| message["server"]["restarts"] == 1);
    proxy.signal(rustix::process::Signal::TERM);
    wait(&|message| message["status"] == "stopping");
    assert!(std::iter::from_fn(|| socket.read().ok()).any(|message| message.is_close()));
}
