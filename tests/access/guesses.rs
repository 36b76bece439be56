//! Who guesses is locked out, and every refusal is a line of the audit log.

use super::*;

fn one(config: &str) -> (Proxy, String) {
    let site = Site::new().fake("a", Fake::stdio()).config(config);
    let token = bearer(&site.token(&[]));
    (site.start(), token)
}

fn ask(proxy: &Proxy, address: [u8; 4], credential: &str) -> Response {
    let mut connection = from(address.into(), proxy.address());
    connection.send(
        "GET",
        &proxy.url("a/logs"),
        &[("Authorization", credential), ("Connection", "close")],
        b"",
    );
    connection.response()
}

#[test]
fn who_tries_too_often_has_to_wait() {
    let (proxy, right) = one("");
    let (here, there) = ([127, 0, 0, 5], [127, 0, 0, 6]);
    for number in 0..10 {
        assert_eq!(ask(&proxy, here, &format!("Bearer wrong-{number}")).status, 401);
    }
    let locked = ask(&proxy, here, "Bearer wrong");
    let wait: u64 = locked.header("retry-after").unwrap().parse().unwrap();
    assert!(locked.status == 429 && (1..=61).contains(&wait), "{locked:?}");
    assert_eq!(ask(&proxy, there, "Bearer wrong").status, 401, "others are not meant");
    assert_eq!(ask(&proxy, here, &right).status, 200, "nor is who has a right one, behind the same address");
    assert_eq!(ask(&proxy, here, &proxy.operator()).status, 200);
    let nothing = request("GET", &proxy.url("a"), &[], b"");
    assert_eq!(nothing.status, 401, "to bring nothing is no guess");
}

#[test]
fn refusals_are_in_the_audit_log_without_what_was_brought() {
    let (proxy, _) = one("[log]\nformat = \"json\"\n");
    let line = |reason: &str| -> serde_json::Value {
        let wanted = format!("\"reason\":\"{reason}\"");
        serde_json::from_str(&proxy.wait_log(|line| line.contains(&wanted))).unwrap()
    };
    ask(&proxy, [127, 0, 0, 7], "Bearer the-wrong-one");
    let unknown = line("unknown token");
    assert_eq!((&unknown["target"], &unknown["event"]), (&"audit".into(), &"refused".into()));
    assert_eq!((&unknown["address"], &unknown["place"]), (&"127.0.0.7".into(), &"a".into()));
    request("GET", &proxy.url("metrics"), &[], b"");
    assert_eq!(line("no token")["place"], "proxy");
    request("GET", &proxy.url("mcp_a-token-at-the-wrong-place"), &[], b"");
    eventually(DEADLINE, || proxy.log().iter().any(|line| line.contains("\"place\":\"unknown\"")));
    request("GET", &proxy.url("a"), &[("Host", "evil.example")], b"");
    assert_eq!(line("foreign Host or Origin")["target"], "audit");
    for _ in 0..100 {
        ask(&proxy, [127, 0, 0, 8], "Basic x");
    }
    request("GET", &proxy.url("a"), &[("Origin", "null"), ("X-Last", "1")], b"");
    eventually(DEADLINE, || proxy.log().iter().filter(|line| line.contains("foreign Host")).count() == 2);
    let of_one = proxy.log().iter().filter(|line| line.contains("127.0.0.8")).count();
    assert_eq!(of_one, 10, "no stranger fills the log");
    assert!(!proxy.log().iter().any(|line| line.contains("the-wrong-one") || line.contains("wrong-place")));
}

/// The health thread asks the bridge's own port, which is no refusal.
#[test]
fn the_proxy_s_own_checks_are_not_refused() {
    let (proxy, _) = one("[health]\ninterval_seconds = 1\n");
    proxy.wait_ready("a");
    proxy.wait_server("a", |entry| entry["health"] == "healthy");
    assert!(!proxy.log().iter().any(|line| line.contains("refused")), "{:?}", proxy.log());
}
