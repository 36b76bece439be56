//! How watching ends, and who may not begin.

use super::*;

/// With these header fields besides, the status of a refusal.
fn refused(proxy: &Proxy, headers: &[(&str, &str)]) -> Response {
    Watch::try_open(&proxy.url("health/ws"), headers).err().expect("a refusal")
}

#[test]
fn the_end_of_the_proxy_is_told() {
    let mut proxy = Site::new().fake("a", Fake::stdio()).start();
    proxy.wait_child("a");
    let mut watch = watch(&proxy);
    watch.next();
    proxy.signal(rustix::process::Signal::TERM);
    let last = watch.wait(|message| message["status"] == "stopping");
    assert_eq!(last["type"], "status");
    assert_eq!(watch.wait_close(), (1001, "the proxy is ending; come back in a moment".to_string()));
    assert!(proxy.wait_exit().success());
}

#[test]
fn a_stranger_is_refused_before_the_handshake() {
    let site = Site::new().fake("a", Fake::stdio());
    let (all, one) = (site.token(&["--name", "all"]), site.token(&["--name", "one", "--servers", "a"]));
    let proxy = site.start();
    let [all, one, wrong] = [all, one, "mcp_wrong".into()].map(|token| format!("Bearer {token}"));
    assert_eq!(refused(&proxy, &[]).status, 401);
    assert_eq!(refused(&proxy, &[("Authorization", &wrong)]).status, 401);
    assert_eq!(refused(&proxy, &[("Authorization", &one)]).status, 403);
    assert_eq!(Watch::open(&proxy.url("health/ws"), &[("Authorization", &all)]).next()["type"], "snapshot");
    let mut operator = Watch::open(&proxy.url("health/ws"), &[("Authorization", &proxy.operator())]);
    assert_eq!(operator.next()["type"], "snapshot");
}

/// Browsers ask nobody before they open a WebSocket to another site; they only say who does it.
#[test]
fn a_page_of_another_site_is_refused() {
    let proxy = Site::new().start();
    for headers in [("Origin", "https://evil.example"), ("Origin", "null"), ("Host", "evil.example")] {
        assert_eq!(refused(&proxy, &[headers]).status, 403, "{headers:?}");
    }
    let own = format!("http://{}", proxy.address());
    assert_eq!(Watch::open(&proxy.url("health/ws"), &[("Origin", &own)]).next()["type"], "snapshot");
}

#[test]
fn who_asks_without_a_websocket_is_told_what_it_is() {
    let proxy = Site::new().start();
    let plain = request("GET", &proxy.url("health/ws"), &[], b"");
    assert_eq!((plain.status, plain.header("upgrade")), (426, Some("websocket")));
    assert!(plain.json()["error"].as_str().unwrap().contains("WebSocket"));
    assert_eq!(refused(&proxy, &[("Sec-WebSocket-Version", "8")]).status, 426);
    assert_eq!(refused(&proxy, &[("Sec-WebSocket-Key", "short")]).status, 400);
    assert_eq!(request("POST", &proxy.url("health/ws"), &HANDSHAKE, b"").status, 405);
    // What comes in such a request is no body, and its connection goes on.
    let mut connection = Connection::open(&proxy.url("health"));
    for path in ["health/ws", "health"] {
        connection.send("GET", &proxy.url(path), &[], b"");
        connection.response();
    }
}

#[test]
fn a_revoked_token_ends_it() {
    let site = Site::new().fake("a", Fake::stdio());
    let [gone, good] = ["gone", "good"].map(|name| format!("Bearer {}", site.token(&["--name", name])));
    let proxy = site.start();
    let open = |token: &str| Watch::open(&proxy.url("health/ws"), &[("Authorization", token)]);
    let (mut theirs, mut other) = (open(&gone), open(&good));
    assert!(proxy.site.run(&["token", "revoke", "gone"]).status.success());
    assert_eq!(theirs.wait_close(), (1008, "the credential is no longer good".to_string()));
    other.wait(|message| message["type"] == "snapshot");
    let pid = proxy.wait_child("a");
    processes::kill(pid);
    other.wait_server("a", |entry| entry["restarts"] == 1);
}

#[test]
fn a_token_in_the_path_will_do() {
    let site = Site::new().config("[auth]\ntoken_in_path = true\n");
    let token = site.token(&[]);
    let proxy = site.start();
    assert_eq!(Watch::open(&proxy.url(&format!("t/{token}/health/ws")), &[]).next()["type"], "snapshot");
}

#[test]
fn watchers_hold_no_more_places_than_streams_may() {
    let proxy = Site::new().config("[limits]\nmax_connections = 8\n").start();
    let mut watchers: Vec<Watch> = (0..6).map(|_| watch(&proxy)).collect();
    let refused = refused(&proxy, &[]);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("2")), "{refused:?}");
    watchers.pop();
    eventually(DEADLINE, || Watch::try_open(&proxy.url("health/ws"), &[]).is_ok());
}
