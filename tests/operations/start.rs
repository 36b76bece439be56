//! From the command line to the first answer.

use super::*;
use serde_json::json;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};

/// The servers of the repository, as a user has them who cloned it.
fn own_servers(site: Site) -> Site {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers");
    for folder in ["hello", "clock"] {
        let to = site.folder().join("servers").join(folder);
        fs::create_dir(&to).unwrap();
        for file in fs::read_dir(from.join(folder)).unwrap().flatten() {
            if file.file_type().unwrap().is_file() {
                fs::copy(file.path(), to.join(file.file_name())).unwrap();
            }
        }
    }
    site
}

#[test]
fn the_servers_of_the_repository_are_served() {
    let proxy = own_servers(Site::new()).start();
    assert_eq!(proxy.client("hello").text("greet", json!({"name": "Ada"})), "Hello, Ada!");
    let now = proxy.client("clock").text("now", json!({}));
    assert!(now.starts_with("20") && now.ends_with("+00:00"), "{now}");
}

#[test]
fn the_log_begins_with_the_address_and_the_table_follows() {
    let proxy = own_servers(Site::new()).start();
    assert!(proxy.log()[0].contains(&format!("listening on http://{}", proxy.address())));
    let header = proxy.wait_log(|line| line.trim_start().starts_with("NAME"));
    assert_eq!(header.split_whitespace().collect::<Vec<_>>(), ["NAME", "KIND", "URL", "PORT", "STATE"]);
    for (name, kind) in [("hello", "stdio"), ("clock", "http")] {
        let url = proxy.url(name);
        let row = proxy.wait_log(|line| line.contains(&url) && line.contains("ready"));
        let port = proxy.server(name)["port"].to_string();
        assert_eq!(row.split_whitespace().collect::<Vec<_>>(), [name, kind, &url, &port, "ready"]);
    }
}

/// A run of ports nobody listens on, outside of those the system gives away by itself, and of those that another test
/// has got.
fn free_ports(count: u16) -> (u16, Vec<TcpListener>) {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + (std::process::id() % 500) as u16 * 20 + CALLS.fetch_add(10, Ordering::Relaxed);
    let starts = (start..32_000).step_by(usize::from(count));
    let bind = |first: u16| {
        let ports = first..first + count;
        let sockets: Result<Vec<_>, _> = ports.map(|port| TcpListener::bind(("127.0.0.1", port))).collect();
        Some((first, sockets.ok()?))
    };
    starts.filter_map(bind).next().expect("free ports")
}

#[test]
fn a_port_of_the_range_that_is_taken_is_passed_over() {
    let (first, mut sockets) = free_ports(3);
    drop(sockets.remove(1));
    let range = format!("[proxy]\nports = \"{first}-{}\"\n", first + 2);
    let proxy = Site::new().config(&range).env("MCP_PROXY_PORTS", "").fake("a", Fake::stdio()).start();
    assert_eq!(proxy.wait_ready("a")["port"], first + 1);
}

#[test]
fn a_range_without_a_free_port_costs_only_the_server() {
    let (port, sockets) = free_ports(1);
    drop(sockets);
    let site = Site::new().fake("a", Fake::stdio()).fake("b", Fake::stdio());
    let proxy = site.env("MCP_PROXY_PORTS", port.to_string()).start();
    assert_eq!(proxy.client("a").text("echo", json!({"text": "hi"})), "hi");
    let out = proxy.left_out("b");
    assert!(out["reason"].as_str().unwrap().contains(&format!("no free port in {port}-{port}")), "{out}");
    let refusal = get(&proxy, "b");
    assert_eq!(refusal.status, 404);
    assert!(refusal.text().contains("no free port"), "{refusal:?}");
}

/// A folder with these programs and no others.
fn path_with(site: &Site, programs: &[&str]) -> String {
    let bin = site.folder().join("bin");
    fs::create_dir(&bin).unwrap();
    for program in programs {
        let paths = std::env::var("PATH").unwrap();
        let found =
            std::env::split_paths(&paths).map(|folder| folder.join(program)).find(|path| path.exists());
        std::os::unix::fs::symlink(found.unwrap(), bin.join(program)).unwrap();
    }
    bin.display().to_string()
}

#[test]
fn without_python_the_clock_is_left_out_and_hello_serves() {
    let site = own_servers(Site::new());
    let path = path_with(&site, &["tr", "date"]);
    let proxy = site.env("PATH", &path).start();
    assert_eq!(proxy.client("hello").text("greet", json!({"name": "Ada"})), "Hello, Ada!");
    let out = proxy.left_out("clock");
    assert_eq!(out["reason"], "python3 is not installed or not on PATH");
    proxy.wait_log(|line| line.contains("servers/clock is left out: python3 is not installed"));
    assert!(get(&proxy, "clock").text().contains("python3 is not installed"));
}

#[test]
fn json_logs_are_one_object_a_line() {
    let site = Site::new().fake("a", Fake::stdio()).fake("b", Fake::stdio().env("FAKE_EXIT_AT_START", "3"));
    let mut proxy = site.arg("--log-format").arg("json").start();
    proxy.client("a").call("stderr", json!({"text": "a \"word\"\u{1b}[2J", "lines": 1}));
    proxy.wait_log(|line| line.contains("\"crash-loop\"") || line.contains("starting again"));
    assert!(proxy.stop().success());
    proxy.wait_log(|line| line.contains("\"message\":\"stopped\""));
    for line in proxy.log() {
        let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(line["ts"].as_str().unwrap().ends_with('Z'), "{line}");
        for key in ["level", "target", "event", "message"] {
            assert!(line[key].is_string(), "no {key} in {line}");
        }
    }
    let said: Value =
        serde_json::from_str(&proxy.wait_log(|line| line.contains("a \\\"word"))).expect("an object");
    assert_eq!((&said["server"], &said["message"]), (&json!("a"), &json!("a \"word\"\u{1b}[2J")));
}

#[test]
fn no_message_and_no_secret_is_ever_logged() {
    for level in ["trace", "trace,ureq=trace,ureq_proto=trace,rustls=trace"] {
        let fake = FakeHttp::start();
        let site = Site::new().fake("a", Fake::stdio().env("KEY", "s3cret-env")).fake("b", Fake::http());
        let far = format!("url = {:?}\nheaders = {{ X-Key = \"s3cret-header\" }}\n", fake.url);
        site.write("servers/far/server.toml", &far);
        let mut proxy = site.env("RUST_LOG", level).start();
        for name in ["a", "b", "far"] {
            let client = proxy.client_with(name).header("Authorization", "Bearer s3cret-token").connect();
            let text = "s3cret-argument ".repeat(10);
            assert_eq!(client.text("echo", json!({"text": text})), text);
            assert!(client.try_call("no-such-tool", json!({"text": "s3cret"})).is_err());
            client.post_bytes(b"{\"jsonrpc\":\"2.0\",\"s3cret-broken");
        }
        assert!(proxy.stop().success());
        let leaks: Vec<String> = proxy.log().into_iter().filter(|line| line.contains("s3cret")).collect();
        assert!(leaks.is_empty(), "with RUST_LOG={level}: {leaks:#?}");
        assert!(proxy.log().iter().any(|line| line.contains("stopped")), "nothing was logged at all");
    }
}

#[test]
fn a_variable_that_is_no_text_hinders_nobody() {
    use std::os::unix::ffi::OsStrExt;
    let proxy =
        Site::new().env("ODD", std::ffi::OsStr::from_bytes(b"caf\xe9")).fake("a", Fake::stdio()).start();
    assert_eq!(proxy.client("a").text("echo", json!({"text": "hi"})), "hi");
}
