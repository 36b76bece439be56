//! `mcp-proxy doctor`: each ill has its finding and its cure.

use super::*;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

/// The findings on a subject.
#[track_caller]
fn findings(site: &Site, code: i32, subject: &str, args: &[&str]) -> Vec<Value> {
    let body = json(site, code, &[&["doctor", "--json"], args].concat());
    let all = body["findings"].as_array().unwrap().clone();
    assert!(all.iter().all(|it| it["cure"].is_string() == (it["state"] != "ok")), "{body:#}");
    all.into_iter().filter(|finding| finding["subject"] == subject).collect()
}

#[track_caller]
fn has(findings: &[Value], state: &str, found: &str, cure: &str) {
    let fits = |it: &Value| {
        let text = |key: &str| it[key].as_str().unwrap_or_default().to_string();
        text("state") == state && text("found").contains(found) && text("cure").contains(cure)
    };
    assert!(findings.iter().any(fits), "no {state} {found:?}, {cure:?} in {findings:#?}");
}

#[test]
fn a_well_proxy_has_no_ills() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    proxy.wait_ready("a");
    let body = json(&proxy.site, 0, &["doctor", "--json"]);
    let states: Vec<&str> =
        body["findings"].as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap()).collect();
    assert!(states.iter().all(|state| *state == "ok"), "{body:#}");
    let text = succeeds(&proxy.site, &["doctor"]);
    assert!(text.contains(&format!("ok       proxy          runs on http://{}", proxy.address())), "{text}");
    assert!(text.lines().count() >= 10 && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn a_broken_configuration_is_the_only_finding() {
    let site = Site::new().config("[proxy]\nlissten = 1\n");
    let body = json(&site, 1, &["doctor", "--json"]);
    assert_eq!(body["findings"].as_array().unwrap().len(), 1, "{body:#}");
    has(&findings(&site, 1, "configuration", &[]), "wrong", "unknown key `lissten`", "correct it");
}

#[test]
fn a_port_that_is_taken_is_said() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let site = Site::new().fake("a", Fake::stdio());
    let ports = findings(&site, 1, "ports", &["--listen", &address]);
    has(&ports, "wrong", &format!("{address} is taken by another program"), "ss -ltnp");
    drop(other);
    has(&findings(&site, 0, "ports", &["--listen", &address]), "ok", "is free", "");
    has(&findings(&site, 0, "proxy", &["--listen", &address]), "warning", "no running proxy", "start it");
}

#[test]
fn too_few_ports_for_the_servers_are_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let site = Site::new().fake("a", Fake::stdio()).env("MCP_PROXY_PORTS", format!("{port}-{port}"));
    has(&findings(&site, 1, "ports", &[]), "wrong", "0 of 1 ports", "widen `ports`");
    let site = Site::new().fake("a", Fake::stdio().toml(&format!("port = {port}")));
    has(&findings(&site, 1, "ports", &[]), "wrong", &format!("a asks for port {port}"), "ss -ltnp");
}

#[test]
fn files_that_others_can_read_are_said_with_the_command_that_helps() {
    let site = Site::new().fake("a", Fake::stdio());
    let env = site.write("servers/a/.env", "KEY=s3cret-s3cret\n");
    fs::create_dir(site.state_dir()).unwrap();
    let set =
        |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&env, 0o644);
    set(&site.state_dir(), 0o755);
    let found = findings(&site, 0, "permissions", &[]);
    has(&found, "warning", "others can read it", &format!("chmod 600 {}", env.display()));
    has(&found, "warning", "is open to others", "chmod 700");
    set(&env, 0o600);
    set(&site.state_dir(), 0o700);
    has(&findings(&site, 0, "permissions", &[]), "ok", "is for its owner only", "");
    let nowhere = site.write("file", "").join("state");
    let found = findings(&site, 1, "permissions", &["--state-dir", nowhere.to_str().unwrap()]);
    has(&found, "wrong", "cannot be made", "--state-dir");
}

#[test]
fn a_server_that_lacks_something_is_said() {
    let site = Site::new().fake("good", Fake::stdio());
    site.write("servers/lost/server.toml", "command = \"npx-no-such\"\n");
    site.write("servers/needy/server.json", "{}");
    site.write("servers/keyed/x.sh", "");
    let entry =
        r#"{"mcpServers": {"keyed": {"command": "sh", "args": ["x.sh"], "env": {"TOKEN": "${TOKEN}"}}}}"#;
    site.write("servers/keyed/.mcp.json", entry);
    let found = findings(&site, 1, "servers", &[]);
    has(&found, "wrong", "servers/lost is left out: npx-no-such is not installed", "install it");
    has(&found, "wrong", "keyed needs TOKEN", "put TOKEN=… into");
    has(&findings(&Site::new(), 0, "servers", &[]), "warning", "there is none", "mcp-proxy add");
}

#[test]
fn a_server_that_crashes_is_said_with_its_last_words() {
    let proxy = Site::new()
        .config("[restart]\nbrake_exits = 1\n")
        .fake("a", Fake::stdio().env("FAKE_EXIT_AT_START", "3"))
        .start();
    proxy.wait_server("a", |entry| entry["reason"] == "crash-loop");
    has(&findings(&proxy.site, 1, "servers", &[]), "wrong", "a is down (crash-loop)", "mcp-proxy logs a");
}

#[test]
fn programs_that_are_too_old_are_said() {
    let old = |name: &str, says: &str| {
        let site = Site::new();
        site.program(&format!("bin/{name}"), &format!("#!/bin/sh\necho {says}\n"));
        site.write("servers/a/server.toml", &format!("command = {name:?}\n"));
        let path = format!("{}:{}", site.folder().join("bin").display(), std::env::var("PATH").unwrap());
        site.env("PATH", path)
    };
    let found = findings(&old("node", "v16.20.2"), 1, "programs", &[]);
    has(&found, "wrong", "v16.20.2 is older than 18.0, for a", "https://nodejs.org");
    has(&findings(&old("node", "v22.1.0"), 0, "programs", &[]), "ok", "node v22.1.0, for a", "");
    let found = findings(&old("python3", "Python 3.9.2"), 1, "programs", &[]);
    has(&found, "wrong", "Python 3.9.2 is older than 3.10", "uv");
    has(&findings(&old("docker", "no matter"), 0, "programs", &[]), "ok", "docker is there, for a", "");
}

#[test]
fn open_files_are_held_against_the_connections() {
    let site = Site::new().fake("a", Fake::stdio()).env("MCP_PROXY_LIMITS_MAX_CONNECTIONS", "1000000");
    has(&findings(&site, 0, "open files", &[]), "warning", "not for 1000000", "LimitNOFILE");
}

#[test]
fn who_may_call_is_said() {
    let open = Site::new().config(
        "[proxy]\nlisten = \"0.0.0.0:0\"\n[auth]\nmode = \"none\"\ni_know_everyone_can_call_my_tools = true\n",
    );
    has(
        &findings(&open, 0, "access", &[]),
        "warning",
        "everyone who can reach 0.0.0.0:0",
        "mcp-proxy token new",
    );
    let closed = Site::new().arg("--listen").arg("0.0.0.0:0");
    has(&findings(&closed, 1, "access", &[]), "wrong", "there is no token yet", "mcp-proxy token new");
    closed.token(&[]);
    has(&findings(&closed, 0, "access", &[]), "ok", "asks everyone for a token", "");
    has(&findings(&Site::new(), 0, "access", &[]), "ok", "only programs on this machine", "");
}

#[test]
fn a_certificate_that_cannot_be_used_is_said() {
    let site = Site::new().config("[tls]\ncert = \"none.pem\"\nkey = \"none.key\"\n");
    has(&findings(&site, 1, "certificate", &[]), "wrong", "[tls] cert", "correct [tls]");
}

/// Something that stands before the proxy: all of an answer at once, or each piece as it comes.
fn edge(to: std::net::SocketAddr, listener: TcpListener, holds_back: bool) {
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || pass(client, to, holds_back));
        }
    });
}

fn pass(mut client: TcpStream, to: std::net::SocketAddr, holds_back: bool) -> Option<()> {
    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
    while !head.ends_with(b"\r\n\r\n") {
        let count = client.read(&mut buffer).ok().filter(|count| *count > 0)?;
        head.extend_from_slice(&buffer[..count]);
    }
    let head = String::from_utf8(head).ok()?.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let mut proxy = TcpStream::connect(to).ok()?;
    proxy.write_all(head.as_bytes()).ok()?;
    if holds_back {
        let mut whole = Vec::new();
        proxy.read_to_end(&mut whole).ok()?;
        return client.write_all(&whole).ok();
    }
    std::io::copy(&mut proxy, &mut client).ok().map(drop)
}

#[test]
fn the_public_url_is_tried() {
    let edges = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [plain, slow] = edges.each_ref().map(|edge| format!("http://{}/mcp", edge.local_addr().unwrap()));
    let site = |url: &str| {
        let config = format!("[proxy]\npublic_url = {url:?}\n[auth]\nmode = \"token\"\n");
        let site = Site::new().config(&config);
        site.token(&[]);
        site.start()
    };
    let [behind_plain, behind_slow] = [site(&plain), site(&slow)];
    let [first, second] = edges;
    edge(behind_plain.address(), first, false);
    edge(behind_slow.address(), second, true);
    let found = findings(&behind_plain.site, 0, "public URL", &[]);
    has(&found, "ok", "leads here and passes event streams on at once", "");
    let found = findings(&behind_slow.site, 1, "public URL", &[]);
    has(&found, "wrong", "holds event streams back", "proxy_buffering off");
}

#[test]
fn a_public_url_that_leads_nowhere_or_elsewhere_is_said() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let other = FakeHttp::start();
    let elsewhere = other.url.trim_end_matches("/mcp");
    for (url, found, cure) in [
        (format!("http://{gone}"), "cannot be reached from here", "docs/edge.md"),
        (elsewhere.into(), "not the proxy's stream", "something else answers there"),
    ] {
        let site = Site::new().config(&format!("[proxy]\npublic_url = {url:?}\n[auth]\nmode = \"token\"\n"));
        site.token(&[]);
        has(&findings(&site, 0, "public URL", &[]), "warning", "was not tried", "mcp-proxy doctor");
        let proxy = site.start();
        has(&findings(&proxy.site, 1, "public URL", &[]), "wrong", found, cure);
    }
}
