//! Mistakes: what is said of them, and what they cost.

use super::*;
use serde_json::json;
use std::net::TcpListener;
use std::process::{Command, Stdio};

/// A proxy that cannot start: exit code 2, and what it said.
#[track_caller]
fn refused(mut command: Command) -> String {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        wait_for(DEADLINE, || child.try_wait().unwrap())
    }));
    if ended.is_err() {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    said
}

#[track_caller]
fn refused_with(site: &Site, args: &[&str]) -> String {
    let mut command = site.command();
    command.args(["--listen", "127.0.0.1:0"]).args(args);
    refused(command)
}

#[test]
fn an_unknown_key_has_a_line_and_a_neighbour() {
    let site = Site::new().config("[limits]\nmax_calls = 5\nmax_cals = 5\n\n[helth]\ninterval_seconds = 1\n");
    let said = refused_with(&site, &[]);
    assert!(
        said.contains("proxy.toml:3: unknown key `max_cals` in [limits]; did you mean `max_calls`?"),
        "{said}"
    );
    assert!(said.contains("proxy.toml:5: unknown section `helth`; did you mean `health`?"), "{said}");
}

#[test]
fn a_bad_value_has_a_line_and_a_range() {
    let site = Site::new().config("[health]\ninterval_seconds = 0\ntimeout_seconds = \"5\"\n");
    let said = refused_with(&site, &[]);
    assert!(said.contains("proxy.toml:2: [health] interval_seconds: 0 is out of range; use 1 to"), "{said}");
    assert!(
        said.contains(
            "proxy.toml:3: [health] timeout_seconds: a whole number is expected here, not a string"
        ),
        "{said}"
    );
}

#[test]
fn broken_toml_has_a_line() {
    let said = refused_with(&Site::new().config("[proxy]\nlisten = \n"), &[]);
    assert!(said.contains("proxy.toml:2: "), "{said}");
}

#[test]
fn an_unknown_option_names_its_neighbour() {
    let said = refused_with(&Site::new(), &["--log-formt", "json"]);
    assert!(said.contains("unknown option `--log-formt`; did you mean `--log-format`?"), "{said}");
    assert!(refused_with(&Site::new(), &["serve"]).contains("unknown command `serve`"));
}

#[test]
fn a_taken_port_names_the_remedy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = refused_with(&Site::new(), &["--listen", &address]);
    assert!(said.contains(&format!("{address} is taken by another program")), "{said}");
    assert!(said.contains("--listen 127.0.0.1:PORT"), "{said}");
}

#[test]
fn a_missing_folder_is_named() {
    let said = refused_with(&Site::new(), &["--servers", "nowhere"]);
    assert!(said.contains("nowhere"), "{said}");
    let said = refused_with(&Site::new(), &["--config", "nowhere.toml"]);
    assert!(said.contains("nowhere.toml (named by --config) cannot be read"), "{said}");
}

#[test]
fn what_is_no_address_is_refused() {
    let said = refused_with(&Site::new(), &["--listen", "localhost"]);
    assert!(said.contains("is not an address to listen on"), "{said}");
}

#[test]
fn a_bad_server_toml_loses_only_its_server() {
    let site = Site::new().fake("good", Fake::stdio());
    site.write("servers/typo/server.toml", "command = \"sh\"\n\nargz = []\n");
    site.write("servers/broken/server.toml", "command = \n");
    site.write("servers/cwd/server.toml", "command = \"sh\"\ncwd = \"nowhere\"\n");
    let proxy = site.start();
    assert_eq!(proxy.client("good").text("echo", json!({"text": "hi"})), "hi");
    let reason = |name| proxy.left_out(name)["reason"].as_str().unwrap().to_string();
    assert!(reason("typo").contains("server.toml:3: unknown key `argz`; did you mean `args`?"));
    assert!(reason("broken").contains("server.toml:1: "));
    assert!(reason("cwd").contains("is not a folder"));
    let remedy = proxy.left_out("typo")["remedy"].clone();
    assert!(
        remedy.as_str().unwrap().contains("correct servers/typo/server.toml")
            || remedy.as_str().unwrap().contains("server.toml")
    );
}

#[test]
fn a_name_belongs_to_one_server_and_not_to_the_proxy() {
    let site = Site::new().fake("notes", Fake::stdio()).fake("Notes", Fake::stdio());
    let proxy = site
        .fake("health", Fake::stdio())
        .fake("mcp", Fake::stdio())
        .fake("My Server", Fake::stdio())
        .start();
    proxy.wait_ready("notes");
    proxy.wait_ready("my-server");
    let reason = |name| proxy.left_out(name)["reason"].as_str().unwrap().to_string();
    assert!(reason("notes").contains("the name notes is already that of"), "{}", reason("notes"));
    assert_eq!(reason("health"), "/health is a path of the proxy itself");
    assert_eq!(reason("mcp"), "/mcp is a path of the proxy itself");
    assert_eq!(get(&proxy, "health").status, 200);
}

#[test]
fn a_program_that_cannot_be_run_is_left_out_or_said() {
    let site = Site::new().fake("good", Fake::stdio());
    site.write("servers/none/server.toml", "command = \"no-such-program-anywhere\"\n");
    site.write("servers/empty/README", "nothing to run here\n");
    let proxy = site.start();
    proxy.wait_ready("good");
    let reason = proxy.left_out("none")["reason"].clone();
    assert_eq!(reason, "no-such-program-anywhere is not installed or not on PATH");
    assert!(proxy.left_out("empty")["reason"].is_string());
}

#[test]
fn variables_stand_for_options_and_keys() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let site = Site::new().env("MCP_PROXY_LISTEN", &address);
    assert!(refused(site.command()).contains(&format!("{address} is taken")));
    let said = refused_with(&Site::new().env("MCP_PROXY_LIMITS_MAX_CALLS", "many"), &[]);
    assert!(said.contains("MCP_PROXY_LIMITS_MAX_CALLS: a whole number is expected here"), "{said}");
    let proxy = Site::new().fake("a", Fake::stdio()).env("MCP_PROXY_LOG_FORMAT", "json").start();
    proxy.wait_log(|line| line.starts_with('{') && line.contains("listening on"));
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let proxy = Site::new().fake("a", Fake::stdio()).env("MCP_PROXY_LISTN", "127.0.0.1:1").start();
    proxy.wait_log(|line| {
        line.contains("WARN")
            && line.contains("MCP_PROXY_LISTN is not a variable of mcp-proxy and is ignored; did you mean MCP_PROXY_LISTEN?")
    });
    proxy.wait_ready("a");
}
