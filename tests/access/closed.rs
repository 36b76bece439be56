//! Nothing is served to a network by mistake.

use super::*;
use std::net::TcpListener;
use std::process::{Command, Stdio};

/// A proxy that does not start: exit code 2, and what it said.
#[track_caller]
fn refused(mut command: Command) -> String {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let ended = within(DEADLINE, || child.try_wait().unwrap().is_some());
    if !ended {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    said
}

fn listening(site: &Site, address: &str) -> Command {
    let mut command = site.command();
    command.args(["--listen", address]);
    command
}

#[track_caller]
fn assert_ways_on(said: &str) {
    for way in ["mcp-proxy token new", "mode = \"none\"", "i_know_everyone_can_call_my_tools = true"] {
        assert!(said.contains(way), "{said}");
    }
    assert!(said.contains("is reachable from the network"), "{said}");
}

#[test]
fn the_network_is_refused_without_a_token() {
    for mode in ["auto", "token", "none"] {
        let site = Site::new().config(&format!("[auth]\nmode = \"{mode}\"\n"));
        for address in ["0.0.0.0:0", "[::]:0"] {
            assert_ways_on(&refused(listening(&site, address)));
        }
        let site = Site::new()
            .config(&format!("[proxy]\npublic_url = \"https://mcp.example\"\n[auth]\nmode = \"{mode}\"\n"));
        let said = refused(listening(&site, "127.0.0.1:0"));
        assert_ways_on(&said);
        assert!(said.contains("https://mcp.example (public_url)"), "{said}");
    }
}

/// What counts is where the socket is, not what `listen` says.
#[test]
fn a_socket_that_was_handed_over_is_looked_at() {
    let socket = TcpListener::bind("0.0.0.0:0").unwrap();
    let site = Site::new();
    let mut starter = Command::new("sh");
    let script = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"";
    let proxy = listening(&site, "127.0.0.1:0");
    starter.args(["-c", script, "sh"]).arg(proxy.get_program()).args(proxy.get_args()).env_clear();
    starter
        .envs(proxy.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(site.folder());
    let mut child = starter.stdin(std::os::fd::OwnedFd::from(socket)).stderr(Stdio::piped()).spawn().unwrap();
    let ended = within(DEADLINE, || child.try_wait().unwrap().is_some());
    if !ended {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_ways_on(&String::from_utf8(output.stderr).unwrap());
}

/// A proxy on all addresses. What starts it has the last word on where.
fn on_the_network(site: Site) -> Proxy {
    let socket = TcpListener::bind("0.0.0.0:0").unwrap();
    site.start_on(&socket)
}

#[test]
fn with_a_token_the_network_is_served_and_asked() {
    let site = Site::new().fake("a", Fake::stdio());
    let token = bearer(&site.token(&[]));
    let proxy = on_the_network(site);
    assert!(proxy.address().ip().is_unspecified());
    let url = format!("http://127.0.0.1:{}/servers", proxy.address().port());
    assert_eq!((status(&url, ""), status(&url, &token)), (401, 200));
    // Revoked, the last token opens nothing, and leaves nothing open.
    assert!(proxy.site.run(&["token", "revoke", "token-1"]).status.success());
    eventually(DEADLINE, || status(&url, &token) == 401);
    assert_eq!(status(&url, ""), 401);
}

#[test]
fn whoever_says_so_serves_everybody() {
    let config = "[auth]\nmode = \"none\"\ni_know_everyone_can_call_my_tools = true\n";
    let proxy = on_the_network(Site::new().fake("a", Fake::stdio()).config(config));
    assert_eq!(status(&format!("http://127.0.0.1:{}/servers", proxy.address().port()), ""), 200);
    proxy.wait_log(|line| line.contains("WARN") && line.contains("can call all tools"));
}

#[test]
fn revoking_the_last_token_opens_no_door() {
    let site = Site::new().fake("a", Fake::stdio());
    site.token(&["--name", "x", "--expires", "0s"]);
    let mut proxy = site.start();
    proxy.wait_log(|line| line.contains("there is none that is good"));
    assert_eq!(status(&proxy.url("servers"), ""), 401);
    assert!(proxy.site.run(&["token", "revoke", "x"]).status.success());
    assert_eq!(status(&proxy.url("servers"), ""), 401);
    proxy.stop();
    proxy.start_again();
    assert_eq!(status(&proxy.url("servers"), ""), 401);
    // Not while it runs, either.
    std::fs::remove_file(proxy.site.state_dir().join("tokens.json")).unwrap();
    for _ in 0..3 {
        assert_eq!(status(&proxy.url("servers"), &bearer("wrong")), 401);
        assert_eq!(status(&proxy.url("servers"), ""), 401);
    }
}

#[test]
fn the_first_token_closes_the_door() {
    let proxy = Site::new().fake("a", Fake::stdio()).start();
    assert_eq!(status(&proxy.url("servers"), ""), 200);
    let token = proxy.site.token(&[]);
    eventually(DEADLINE, || status(&proxy.url("servers"), "") == 401);
    assert_eq!(status(&proxy.url("servers"), &bearer(&token)), 200);
    // The commands go on.
    let list = proxy.site.run(&["list"]);
    assert!(list.status.success() && String::from_utf8_lossy(&list.stdout).contains("/a"), "{list:?}");
    assert!(proxy.site.run(&["stop", "a"]).status.success());
    let health = proxy.site.run(&["healthcheck"]);
    assert!(
        String::from_utf8_lossy(&[health.stdout, health.stderr].concat()).contains("a is "),
        "the details"
    );
}

#[test]
fn a_file_that_others_can_read_or_that_is_spoilt_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new();
    site.token(&[]);
    let file = site.state_dir().join("tokens.json");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(refused(listening(&site, "127.0.0.1:0")).contains("chmod 600"));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&file, "[]").unwrap();
    assert!(refused(listening(&site, "127.0.0.1:0")).contains("is spoilt"));
}
