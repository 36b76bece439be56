//! Servers that speak HTTP themselves, here and elsewhere.

use super::canned::Canned;
use super::*;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::time::{Duration, Instant};

fn one() -> Proxy {
    let proxy = Site::new().fake("b", Fake::http()).start();
    proxy.wait_ready("b");
    proxy
}

/// A server somewhere else.
fn remote(site: Site, url: &str, more: &str) -> Site {
    site.write("servers/far/server.toml", &format!("url = {url:?}\n{more}\n"));
    site
}

#[test]
fn a_session_and_its_calls_pass() {
    let proxy = one();
    let client = proxy.client("b");
    assert_eq!(client.server["serverInfo"]["name"], "fake_http");
    assert_eq!(client.text("echo", json!({"text": "é\"\\\u{2028}"})), "é\"\\\u{2028}");
    assert!(client.request("tools/list", json!({})).unwrap()["tools"].to_string().contains("\"headers\""));
    assert_eq!(client.try_call("nope", json!({})).unwrap_err()["code"], -32602);
    assert_eq!(client.end().status, 200);
    assert_eq!(client.post(&client.message("ping", json!({}))).status, 404);
}

#[test]
fn events_arrive_when_they_are_sent() {
    let proxy = one();
    let client = proxy.client("b");
    let begin = Instant::now();
    let stream =
        client.stream(&client.progress_message("progress", json!({"steps": 3, "ms": 400}), json!("t")));
    let moments: Vec<Duration> = (0..4).map(|_| stream.next_message().0 - begin).collect();
    for (step, moment) in moments.iter().enumerate() {
        let sent = Duration::from_millis(400 * step as u64);
        assert!(*moment >= sent.saturating_sub(Duration::from_millis(20)), "{moments:?}");
        assert!(*moment < sent + Duration::from_millis(350), "{moments:?}");
    }
    stream.wait_end();
    println!("events after {moments:?}");
}

#[test]
fn notifications_come_on_the_get_stream() {
    let proxy = one();
    let client = proxy.client("b");
    let stream = client.listen();
    let notify = json!({"method": "notifications/tools/list_changed"});
    eventually(DEADLINE, || client.text("notify", notify.clone()) == "1");
    assert_eq!(stream.next_message().1["method"], "notifications/tools/list_changed");
}

/// How a GET of the endpoint is answered, without what may be an endless stream.
fn get_head(proxy: &Proxy, name: &str, client: &Client) -> Response {
    let mut connection = Connection::open(&proxy.url(name));
    connection.send("GET", &proxy.url(name), &client.headers(), b"");
    connection.head()
}

#[test]
fn streams_of_all_servers_share_their_places() {
    // The quarter that is left is enough for connections, too, whose end the proxy is still to notice.
    let site = Site::new().config("[limits]\nmax_connections = 16\n").fake("a", Fake::stdio());
    let proxy = site.fake("b", Fake::http()).start();
    let (a, b) = (proxy.client("a"), proxy.client("b"));
    let streams: Vec<Stream> = std::iter::once(a.listen()).chain((0..11).map(|_| b.listen())).collect();
    for (name, client) in [("a", &a), ("b", &b)] {
        let refused = get_head(&proxy, name, client);
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("10")), "{refused:?}");
    }
    assert_eq!(b.text("echo", json!({"text": "calls go on"})), "calls go on");
    drop(streams);
    eventually(DEADLINE, || get_head(&proxy, "b", &b).status == 200);
}

#[test]
fn the_streams_of_a_server_end_with_it() {
    let fake = FakeHttp::start();
    let mute = Canned::silent();
    let site = remote(Site::new(), &fake.url, "").fake("b", Fake::http());
    site.write("servers/mute/server.toml", &format!("url = {:?}\n", mute.url("/mcp")));
    let proxy = site.start();
    let clients = ["far", "b"].map(|name| proxy.client(name));
    let streams = clients.each_ref().map(Client::listen);
    let mut connection = Connection::open(&proxy.url(""));
    connection.send("GET", &proxy.url("mute"), &[("Accept", "text/event-stream")], b"");
    mute.wait_request();
    for name in ["far", "b", "mute"] {
        std::fs::remove_dir_all(proxy.site.folder().join("servers").join(name)).unwrap();
    }
    proxy.signal(Signal::HUP);
    streams.iter().for_each(Stream::wait_end);
    mute.wait_closed(DEADLINE);
    assert_eq!(get(&proxy, "far").status, 404);
}

#[test]
fn header_fields_pass_but_for_those_that_are_ours() {
    let proxy = one();
    let sent = [
        ("Authorization", "Bearer s3cret"),
        ("Origin", "http://localhost:1"),
        ("Connection", "X-Named"),
        ("X-Named", "1"),
        ("TE", "trailers"),
        ("Keep-Alive", "5"),
        ("Proxy-Authorization", "x"),
        ("Cookie", "a=1; b=2"),
        ("Mcp-Param-City", "Paris"),
        ("Last-Event-ID", "7"),
        ("User-Agent", "test/1"),
        ("Accept-Encoding", "gzip"),
    ];
    let seen = seen(&request("GET", &proxy.url("b/x"), &sent, b""));
    let fields: Vec<(String, String)> = serde_json::from_value(seen["headers"].clone()).unwrap();
    let all = |name: &str| -> Vec<&str> {
        fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect()
    };
    let port = proxy.server("b")["port"].as_u64().unwrap();
    assert_eq!(all("host"), [format!("127.0.0.1:{port}")]);
    for name in ["authorization", "origin", "x-named", "te", "keep-alive", "proxy-authorization"] {
        assert_eq!(all(name), [""; 0], "{name} in {fields:?}");
    }
    for (name, value) in &sent[7..] {
        assert_eq!(all(&name.to_lowercase()), [*value], "{name} in {fields:?}");
    }
    let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    let ours = [
        "host",
        "cookie",
        "mcp-param-city",
        "last-event-id",
        "user-agent",
        "accept-encoding",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-prefix",
        "x-forwarded-proto",
        "x-request-id",
    ];
    assert!(names.iter().all(|name| ours.contains(name)), "nothing else is added: {names:?}");
}

#[test]
fn answers_pass_as_they_are() {
    let server = Canned::answer(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nMcp-Session-Id: theirs\r\n\
         Access-Control-Allow-Origin: http://their.example\r\nAccess-Control-Allow-Credentials: true\r\n\
         Connection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nX-Own: kept\r\nContent-Type: text/odd\r\n\r\nhi",
    );
    let proxy = remote(Site::new(), &server.url("/mcp"), "").start();
    let answer = request("GET", &proxy.url("far/x"), &[("Origin", "http://localhost:5")], b"");
    assert_eq!((answer.status, answer.text().as_str()), (200, "hi"));
    let all = |name: &str| -> Vec<&str> {
        answer.headers.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect()
    };
    assert_eq!(all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!((all("mcp-session-id"), all("x-own")), (vec!["theirs"], vec!["kept"]));
    assert_eq!((all("content-type"), all("content-length")), (vec!["text/odd"], vec!["2"]));
    assert_eq!(
        all("access-control-allow-origin"),
        ["http://localhost:5"],
        "what a server says of origins is replaced"
    );
    assert_eq!(
        (all("access-control-allow-credentials").len(), all("x-hop").len(), all("keep-alive").len()),
        (0, 0, 0)
    );
    let plain = request("GET", &proxy.url("far/x"), &[], b"");
    assert_eq!(plain.header("access-control-allow-origin"), None);
}

#[test]
fn redirects_are_the_clients_business() {
    let answer = "HTTP/1.1 307 X\r\nLocation: http://127.0.0.1:9/elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let server = Canned::answer(answer);
    let proxy = remote(Site::new(), &server.url("/mcp"), "").start();
    for method in ["GET", "POST"] {
        let answer = request(method, &proxy.url("far/x"), &[], b"");
        let location = Some("http://127.0.0.1:9/elsewhere");
        assert_eq!((answer.status, answer.header("location")), (307, location), "{method}");
    }
}

#[test]
fn every_method_passes_and_keeps_the_connection() {
    let proxy = one();
    let mut connection = Connection::open(&proxy.url(""));
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let body: &[u8] = if matches!(method, "GET" | "DELETE") { b"" } else { b"body" };
        connection.send(method, &proxy.url("b/x?y=1"), &[], body);
        let seen = seen(&connection.response());
        assert_eq!((&seen["method"], &seen["query"]), (&json!(method), &json!("y=1")));
        assert_eq!(seen["body"].as_str().unwrap().as_bytes(), body);
    }
    for code in [204, 304] {
        connection.send("GET", &proxy.url(&format!("b/status?code={code}")), &[], b"");
        let answer = connection.response();
        assert_eq!((answer.status, answer.body.len()), (code, 0), "{answer:?}");
    }
    for code in [400, 401, 404, 418, 500, 503] {
        connection.send("GET", &proxy.url(&format!("b/status?code={code}")), &[], b"");
        assert_eq!(connection.response().status, code);
    }
    connection.send("HEAD", &proxy.url("b/x"), &[], b"");
    assert_eq!(connection.head().status, 200);
    connection.send("GET", &proxy.url("b/last"), &[], b"");
    assert_eq!(seen(&connection.response())["path"], "/last");
}

#[test]
fn head_tells_the_length_that_get_has() {
    let stream = "HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let unknown = Canned::answer(stream);
    let proxy = remote(Site::new(), &unknown.url("/mcp"), "").fake("b", Fake::http()).start();
    let mut connection = Connection::open(&proxy.url(""));
    for length in ["0", "11", "100000"] {
        connection.send("HEAD", &proxy.url(&format!("b/big?bytes={length}")), &[], b"");
        assert_eq!(connection.head().header("content-length"), Some(length));
    }
    connection.send("HEAD", &proxy.url("far"), &[], b"");
    let head = connection.head();
    assert_eq!((head.status, head.header("content-length")), (200, None), "{head:?}");
    connection.send("GET", &proxy.url("b/last"), &[], b"");
    assert_eq!(seen(&connection.response())["path"], "/last", "no body came in between");
}

#[test]
fn a_query_reaches_the_endpoint() {
    let asks = Fake::http().toml("path = \"/ask?key=1\"");
    let proxy = Site::new().fake("b", asks).start();
    proxy.wait_ready("b");
    for (query, arrives) in [("", "key=1"), ("?profile=7&x=%2F", "key=1&profile=7&x=%2F")] {
        for path in ["b", "b/", "b/mcp"] {
            let seen = seen(&get(&proxy, &format!("{path}{query}")));
            assert_eq!((&seen["path"], &seen["query"]), (&json!("/ask"), &json!(arrives)), "{path}");
        }
    }
}

/// Sends a chunked request; the chunks are all of the body, its end included.
fn chunked(proxy: &Proxy, path: &str, headers: &str, chunks: &str) -> Response {
    let mut connection = Connection::open(&proxy.url(""));
    let head =
        format!("POST /{path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n{headers}\r\n");
    connection.write(&[head.as_bytes(), chunks.as_bytes()].concat());
    connection.response()
}

#[test]
fn a_body_that_is_at_fault_is_the_clients_fault() {
    let config = "[limits]\nbody_timeout_seconds = 1\nmax_message_bytes = 1000\n";
    let proxy = Site::new().config(config).fake("b", Fake::http()).start();
    proxy.wait_ready("b");
    let json = "Content-Type: application/json\r\n";
    for (path, headers) in [("b/up", ""), ("b/up", json), ("b", ""), ("b", json)] {
        let malformed = chunked(&proxy, path, headers, "3\r\nabc\r\nZZ\r\n");
        assert_eq!(malformed.status, 400, "{path} {headers}: {malformed:?}");
        let slow = chunked(&proxy, path, headers, "3\r\nabc\r\n");
        assert_eq!(slow.status, 408, "{path} {headers}: {slow:?}");
    }
    let long = format!("3e9\r\n{}\r\n0\r\n\r\n", "x".repeat(0x3e9));
    assert_eq!(chunked(&proxy, "b", json, &long).status, 413);
    assert_eq!(chunked(&proxy, "b/up", json, &long).status, 200);
}

#[test]
fn a_call_that_failed_is_told_so_however_it_was_sent() {
    let proxy = one();
    let headers = |client: &Client| -> String {
        client.headers().iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    };
    let call = |client: &Client, code: u64, size: usize| {
        let arguments = json!({"code": code, "padding": "x".repeat(size)});
        client.call_message("crash", arguments).to_string()
    };
    let client = proxy.client("b");
    let big = client.post_bytes(call(&client, 4, 3_000_000).as_bytes());
    assert_eq!((big.status, &big.json()["error"]["data"]["exit_code"]), (200, &json!(4)), "{big:?}");
    let client = proxy.client("b");
    let text = call(&client, 5, 10);
    let chunks = format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len());
    let answer = chunked(&proxy, "b", &headers(&client), &chunks);
    let exit_code = &answer.json()["error"]["data"]["exit_code"];
    assert_eq!((answer.status, exit_code), (200, &json!(5)), "{answer:?}");
}

const BIG: usize = 14_000_000;

/// The most memory the proxy ever held, in bytes.
fn peak(proxy: &Proxy) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", proxy.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

#[test]
fn big_bodies_are_not_held() {
    let proxy = one();
    let before = peak(&proxy);
    let down = get(&proxy, &format!("b/big?bytes={BIG}"));
    assert_eq!((down.status, down.body.len()), (200, BIG));
    let body = vec![b'x'; BIG];
    let up = request("POST", &proxy.url("b/up"), &[("Content-Type", "application/json")], &body);
    assert_eq!(seen(&up)["body"].as_str().unwrap().len(), BIG);
    let mut connection = Connection::open(&proxy.url(""));
    connection.write(b"POST /b/up HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for part in body.chunks(64 * 1024) {
        connection.write(&[format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat());
    }
    connection.write(b"0\r\n\r\n");
    assert_eq!(seen(&connection.response())["body"].as_str().unwrap().len(), BIG);
    let grown = peak(&proxy) - before;
    assert!(grown < BIG / 4, "{grown} bytes more for bodies of {BIG}");
    println!("{before} bytes before, {grown} more after three bodies of {BIG}");
}

#[test]
fn a_client_that_leaves_closes_the_servers_side() {
    let proxy = one();
    let client = proxy.client("b");
    drop(client.stream(&client.call_message("hang", json!({}))));
    eventually(Duration::from_secs(2), || client.text("closed", json!({})) == "1");
    drop(client.listen());
    eventually(Duration::from_secs(2), || client.text("closed", json!({})) == "2");
    eventually(Duration::from_secs(2), || proxy.server("b")["in_flight"] == 0);
}

#[test]
fn a_client_that_leaves_before_the_answer_began_ends_the_request() {
    let server = Canned::silent();
    let proxy = remote(Site::new(), &server.url("/mcp"), "").start();
    let mut connection = Connection::open(&proxy.url(""));
    connection.send("GET", &proxy.url("far/x"), &[], b"");
    server.wait_request();
    drop(connection);
    server.wait_closed(Duration::from_secs(2));
}

/// A call that is larger than all buffers on the way to a server.
fn huge_call() -> Vec<u8> {
    let text = "x".repeat(BIG);
    let params = json!({"name": "echo", "arguments": {"text": text}});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string().into_bytes()
}

#[test]
fn a_client_that_leaves_ends_a_request_that_the_server_does_not_read() {
    let deaf = Canned::deaf();
    let proxy = remote(Site::new(), &deaf.url("/mcp"), "").start();
    let mut connection = Connection::open(&proxy.url(""));
    connection.send("POST", &proxy.url("far"), &[("Content-Type", "application/json")], &huge_call());
    deaf.wait_request();
    // A health check may have been what it saw first.
    eventually(DEADLINE, || proxy.server("far")["in_flight"] == 1);
    drop(connection);
    eventually(Duration::from_secs(5), || proxy.server("far")["in_flight"] == 0);
}

#[test]
fn a_server_that_does_not_read_meets_the_deadline() {
    let server = Canned::deaf();
    let proxy = remote(Site::new(), &server.url("/mcp"), "call_timeout_seconds = 1").start();
    let answer = request("POST", &proxy.url("far"), &[("Content-Type", "application/json")], &huge_call());
    assert_eq!((answer.status, &answer.json()["error"]["code"]), (200, &json!(-32603)), "{answer:?}");
    assert!(answer.text().contains("timeout: send body"), "{answer:?}");
}

#[test]
fn a_server_that_dies_in_a_call_is_a_call_that_failed() {
    let proxy = one();
    let client = proxy.client("b");
    let error = client.try_call("crash", json!({"code": 3})).unwrap_err();
    assert_eq!((&error["code"], &error["data"]["exit_code"]), (&json!(-32603), &json!(3)), "{error}");
    assert_eq!(error["data"]["server"], "b");
    let client = proxy.client("b");
    assert_eq!(client.text("echo", json!({"text": "again"})), "again");
}

#[test]
fn connections_kept_to_a_server_that_died_are_not_used_again() {
    let proxy = Site::new().fake("b", Fake::http().env("FAKE_KEEP_ALIVE", "1")).start();
    for round in 1..4 {
        let client = proxy.client("b");
        (0..5).for_each(|_| assert_eq!(client.text("echo", json!({"text": "hi"})), "hi"));
        kill_process(Pid::from_raw(proxy.child("b")).unwrap(), Signal::KILL).unwrap();
        proxy.wait_server("b", |entry| entry["restarts"] == round && entry["state"] == "ready");
    }
    assert_eq!(proxy.client("b").text("echo", json!({"text": "hi"})), "hi");
}

#[test]
fn a_server_that_dies_in_a_stream_leaves_an_error_as_the_last_event() {
    let proxy = one();
    let client = proxy.client("b");
    let message = client.progress_message("progress", json!({"steps": 2, "ms": 60000}), json!("t"));
    let stream = client.stream(&message);
    assert_eq!(stream.next_message().1["method"], "notifications/progress");
    kill_process(Pid::from_raw(proxy.child("b")).unwrap(), Signal::KILL).unwrap();
    let (_, last) = stream.next_message();
    assert_eq!((&last["id"], &last["error"]["code"]), (&message["id"], &json!(-32603)), "{last}");
    assert_eq!(last["error"]["data"]["signal"], 9, "{last}");
    stream.wait_end();
}

#[test]
fn requests_wait_for_a_server_that_takes_its_time() {
    let slow = Fake::http().env("FAKE_START_DELAY_MS", "1500");
    let proxy = Site::new().fake("b", slow).start();
    let begin = Instant::now();
    assert_eq!(proxy.client("b").text("echo", json!({"text": "late"})), "late");
    assert!(begin.elapsed() > Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(proxy.server("b")["restarts"], 0);
}

#[test]
fn a_server_that_never_opens_its_port_meets_its_start_timeout() {
    let slow = Fake::http().env("FAKE_START_DELAY_MS", "60000").toml("start_timeout_seconds = 1");
    let proxy = Site::new().config("[restart]\nbrake_exits = 1\n").fake("b", slow).start();
    let entry = proxy.wait_server("b", |entry| entry["reason"] == "crash-loop");
    assert!(entry["last_error"].as_str().unwrap().contains("start_timeout_seconds = 1"), "{entry}");
}

#[test]
fn a_server_elsewhere_gets_its_header_fields() {
    let fake = FakeHttp::start();
    let more = "headers = { X-Key = \"ours\", Authorization = \"Bearer theirs\" }";
    let proxy = remote(Site::new(), &fake.url, more).start();
    let client = proxy
        .client_with("far")
        .header("X-Key", "client's")
        .header("Authorization", "Bearer s3cret")
        .connect();
    let fields = client.json("headers", json!({})).to_string();
    assert!(
        fields.contains(r#"["x-key","ours"]"#) && fields.contains(r#"["authorization","Bearer theirs"]"#),
        "{fields}"
    );
    assert!(!fields.contains("client's") && !fields.contains("s3cret"), "{fields}");
    assert_eq!(proxy.server("far")["children"], json!([]));
}

#[test]
fn a_server_elsewhere_that_is_down_is_said_to_be() {
    let fake = FakeHttp::start();
    let often = "[health]\ninterval_seconds = 1\ntimeout_seconds = 1\n";
    let proxy = remote(Site::new().config(often), &fake.url, "").fake("good", Fake::stdio()).start();
    let client = proxy.client("far");
    proxy.wait_server("far", |entry| entry["health"] == "healthy");
    let url = fake.url.clone();
    drop(fake);
    let error = client.try_call("echo", json!({"text": "hi"})).unwrap_err();
    assert_eq!((&error["code"], &error["data"]["reason"]), (&json!(-32603), &json!("no-answer")), "{error}");
    assert!(error["message"].as_str().unwrap().contains("server far did not answer"), "{error}");
    let entry = proxy.wait_server("far", |entry| entry["health"] == "unhealthy");
    assert!(entry["last_error"].as_str().unwrap().contains(&url), "{entry}");
    assert_eq!((get(&proxy, "health").status, get(&proxy, "far/health").status), (200, 503));
    let other = request("GET", &proxy.url("far/x"), &[], b"");
    assert_eq!(other.status, 502, "{other:?}");
    let port = url.split([':', '/']).nth(4).unwrap().parse().unwrap();
    let _back =
        Canned::answer_on(port, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    proxy.wait_server("far", |entry| entry["health"] == "healthy");
}

#[test]
fn the_secrets_in_a_url_are_told_to_nobody() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let often = "[health]\ninterval_seconds = 1\ntimeout_seconds = 1\n";
    let url = format!("http://user:s3cret@{free}/mcp?apiKey=s3cret");
    let proxy = remote(Site::new().config(often), &url, "").start();
    let entry = proxy.wait_server("far", |entry| entry["health"] == "unhealthy");
    assert!(entry["last_error"].as_str().unwrap().contains(&format!("http://{free}/mcp?***")), "{entry}");
    let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let call = request("POST", &proxy.url("far"), &[("Content-Type", "application/json")], ping);
    assert_eq!(call.json()["error"]["code"], -32603, "{call:?}");
    let said = [entry.to_string(), call.text(), get(&proxy, "far/x").text(), proxy.log().join("\n")];
    assert!(!said.iter().any(|text| text.contains("s3cret") || text.contains("user:")), "{said:?}");
}
