//! The port of a server whose transport is not known before it runs.

use super::*;

#[test]
fn the_bridge_of_a_stdio_server_has_it() {
    let proxy = folder(Site::new(), "a", &fake("", "fake_stdio")).start();
    let port = proxy.wait_ready("a")["port"].clone();
    let client = Client::connect(&format!("http://127.0.0.1:{port}/mcp"));
    assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
}

#[test]
fn an_http_server_has_it() {
    let proxy = folder(Site::new(), "a", &fake("", "fake_http")).start();
    let port = proxy.wait_ready("a")["port"].clone();
    let own = request("GET", &format!("http://127.0.0.1:{port}/page"), &[], b"").json();
    assert_eq!(own["path"], "/page");
    let host = own["headers"].as_array().unwrap().iter().find(|header| header[0] == "host").unwrap();
    assert_eq!(host[1], format!("127.0.0.1:{port}"), "nothing stands between");
}

#[test]
fn a_server_that_changes_its_mind_is_followed() {
    let site = Site::new();
    let flag = site.folder().join("http");
    let (stdio, http) = (example("fake_stdio"), example("fake_http"));
    let script = format!("[ -e {} ] && exec {} || exec {}", flag.display(), http.display(), stdio.display());
    let proxy = folder(site, "a", &script).start();
    assert_eq!(proxy.wait_ready("a")["kind"], "stdio");
    echoes(&proxy, "a");
    std::fs::write(&flag, "").unwrap();
    assert!(proxy.site.run(&["restart", "a", "--listen", &proxy.address().to_string()]).status.success());
    proxy.wait_server("a", |entry| entry["kind"] == "http" && entry["state"] == "ready");
    echoes(&proxy, "a");
    std::fs::remove_file(&flag).unwrap();
    assert!(proxy.site.run(&["restart", "a", "--listen", &proxy.address().to_string()]).status.success());
    proxy.wait_server("a", |entry| entry["kind"] == "stdio" && entry["state"] == "ready");
    echoes(&proxy, "a");
}

#[test]
fn a_port_that_somebody_else_has_by_then_is_not_given() {
    let proxy = Site::new().fake("a", Fake::http().toml("start = \"on-demand\"")).start();
    let port = u16::try_from(proxy.server("a")["port"].as_u64().unwrap()).unwrap();
    let _stranger = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    echoes(&proxy, "a");
    assert_ne!(proxy.wait_ready("a")["port"], port);
}
