//! stdio or HTTP, which port, which path.

use super::*;

#[test]
fn an_http_server_is_known_by_what_it_does() {
    let proxy = folder(Site::new(), "a", &fake("", "fake_http")).start();
    let entry = proxy.wait_ready("a");
    assert_eq!(entry["kind"], "http");
    echoes(&proxy, "a");
    let path = "a/page";
    assert_eq!(request("GET", &proxy.url(path), &[], b"").json()["path"], "/page");
}

#[test]
fn a_stdio_server_is_known_by_its_answer() {
    let noisy = fake("FAKE_NOISE_AT_START=1", "fake_stdio");
    let proxy = folder(Site::new(), "a", &noisy).start();
    assert_eq!(proxy.wait_ready("a")["kind"], "stdio");
    echoes(&proxy, "a");
    proxy.wait_log(|line| line.contains("a: prints text that is not JSON on stdout"));
}

#[test]
fn a_port_of_its_own_choice_is_found() {
    let proxy = folder(Site::new(), "a", &fake("PORT=0", "fake_http")).start();
    let line = proxy.wait_log(|line| line.contains("fake_http on 127.0.0.1:"));
    let port: u16 = line.rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(proxy.wait_ready("a")["port"], port);
    echoes(&proxy, "a");
}

#[test]
fn a_server_behind_a_shell_is_found_too() {
    let script = format!("PORT=0 {} & wait", example("fake_http").display());
    let proxy = folder(Site::new(), "a", &script).start();
    proxy.wait_ready("a");
    echoes(&proxy, "a");
}

#[test]
fn the_old_transport_is_found_where_it_has_its_stream() {
    let proxy = folder(Site::new(), "a", &fake("FAKE_TRANSPORT=sse", "fake_http")).start();
    proxy.wait_ready("a");
    proxy.wait_log(|line| line.contains("a: speaks HTTP on 127.0.0.1:") && line.contains("/sse"));
    echoes(&proxy, "a");
}

#[test]
fn servers_of_one_era_are_found_by_their_refusals() {
    let mut site = Site::new();
    for era in ["legacy", "modern"] {
        site = folder(site, era, &fake(&format!("FAKE_ERAS={era}"), "fake_http"));
    }
    let proxy = site.start();
    for era in ["legacy", "modern"] {
        assert_eq!(proxy.wait_ready(era)["kind"], "http");
        echoes(&proxy, era);
        assert_eq!(Modern::new(&proxy.url(era)).text("echo", json!({"text": "hi"})), "hi");
    }
}

#[test]
fn a_port_that_is_not_for_mcp_is_left_alone() {
    let proxy =
        folder(Site::new(), "a", &fake("FAKE_OTHER_PORT=1 FAKE_START_DELAY_MS=400", "fake_stdio")).start();
    assert_eq!(proxy.wait_ready("a")["kind"], "stdio");
    proxy.wait_log(|line| line.contains("other port: asked"));
    echoes(&proxy, "a");
}

#[test]
fn a_server_that_wants_credentials_is_one_all_the_same() {
    let proxy = folder(Site::new(), "a", &fake("FAKE_LOCKED=1", "fake_http")).start();
    assert_eq!(proxy.wait_ready("a")["kind"], "http");
    let refused = request("POST", &proxy.url("a"), &[("Content-Type", "application/json")], b"{}");
    assert_eq!(refused.status, 401, "{refused:?}");
}

#[test]
fn whoever_speaks_neither_is_told_so_and_holds_nobody_up() {
    let toml =
        "start_timeout_seconds = 1\ncommand = 'sh'\nargs = ['-c', 'echo warming up; exec sleep 600']\n";
    let site = folder(Site::new(), "well", &fake("", "fake_stdio"));
    site.write("servers/mute/server.toml", toml);
    let proxy = site.start();
    echoes(&proxy, "well");
    let error = last_error(&proxy, "mute");
    assert!(error.contains("did not speak MCP within start_timeout_seconds = 1"), "{error}");
    let log = request("GET", &proxy.url("mute/logs"), &[], b"").text();
    assert!(log.contains("warming up"), "{log}");
}

#[test]
fn a_call_waits_until_it_is_known() {
    let site = folder(Site::new(), "late", &fake("FAKE_START_DELAY_MS=700", "fake_http"));
    let proxy = folder(site, "other", &fake("FAKE_START_DELAY_MS=700", "fake_stdio")).start();
    echoes(&proxy, "late");
    echoes(&proxy, "other");
}
