//! Which way a server is started, and what is said when none works.

use super::*;

#[test]
fn a_missing_variable_is_named_and_nothing_else_is_tried() {
    let script = "[ -n \"$STEAM_API_KEY\" ] || { echo 'Error: STEAM_API_KEY environment variable is required' >&2; exit 1; }";
    let site = folder(
        Site::new().config("[restart]\nbackoff_ms = 60000\nrestart_wait_seconds = 1\n"),
        "steam",
        &format!("{script}\n{}", fake("", "fake_stdio")),
    );
    let proxy = site.start();
    let error = last_error(&proxy, "steam");
    assert!(
        error.contains("exited with status 1 before it spoke MCP; it needs STEAM_API_KEY, which is not set"),
        "{error}"
    );
    assert!(!proxy.log().iter().any(|line| line.contains("trying with")), "arguments do not help");
    proxy.site.write("servers/steam/.env", "STEAM_API_KEY=s3cret-value\n");
    assert!(proxy.site.run(&["reload", "--listen", &proxy.address().to_string()]).status.success());
    echoes(&proxy, "steam");
}

#[test]
fn a_call_waits_while_one_way_after_the_other_is_tried() {
    let script = format!("[ \"$1\" = --stdio ] || {{ sleep 0.2; exit 1; }}; {}", fake("", "fake_stdio"));
    let proxy = folder(Site::new(), "a", &script).start();
    echoes(&proxy, "a");
    assert_eq!(proxy.server("a")["restarts"], 0);
}

#[test]
fn of_several_failures_the_first_is_told() {
    let script = "echo \"no such thing as '$1'\" >&2; exit 4";
    let site =
        folder(Site::new().config("[restart]\nbackoff_ms = 60000\nrestart_wait_seconds = 1\n"), "a", script);
    let proxy = site.start();
    let error = last_error(&proxy, "a");
    assert!(error.contains("exited with status 4 before it spoke MCP"), "{error}");
    let told = proxy.client_with("a").try_connect().expect_err("nothing to connect to");
    assert_eq!(told["data"]["stderr"], json!(["no such thing as ''"]), "{told}");
}

#[test]
fn one_that_hangs_at_its_start_does_not_keep_the_others_waiting() {
    let mut site = Site::new().config("[limits]\nmax_starting = 1\n");
    site.write("servers/a-mute/server.toml", "command = 'sleep'\nargs = ['600']\n");
    for name in ["b", "c", "d"] {
        site = folder(site, name, &fake("", "fake_stdio"));
    }
    let proxy = site.start();
    for name in ["b", "c", "d"] {
        proxy.wait_ready(name);
    }
    assert_eq!(proxy.server("a-mute")["state"], "starting");
}
