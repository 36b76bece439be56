//! `mcp-proxy token`, and what a running proxy makes of it.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_token_is_shown_once_and_kept_as_a_hash() {
    let site = Site::new();
    let made = site.run(&[
        "token",
        "new",
        "--name",
        "phone",
        "--servers",
        "a,b-*",
        "--tools",
        "read_*",
        "--expires",
        "90d",
    ]);
    let token = String::from_utf8(made.stdout.clone()).unwrap();
    assert_eq!((token.len(), &token[..4]), (48, "mcp_"), "on stdout there is nothing else");
    for words in ["claude mcp add --transport http", "Authorization: Bearer TOKEN", "shown only now"] {
        assert!(said(&made).contains(words), "{}", said(&made));
    }
    let token = token.trim_end();
    assert!(!said(&made).contains(token));
    for file in std::fs::read_dir(site.state_dir()).unwrap() {
        let file = file.unwrap();
        assert!(!std::fs::read_to_string(file.path()).unwrap().contains(&token[4..]), "{file:?}");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
    let list = String::from_utf8(site.run(&["token", "list"]).stdout).unwrap();
    for words in ["phone", "a,b-*", "read_*", "never"] {
        assert!(list.contains(words), "{list}");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&site.run(&["token", "list", "--json"]).stdout).unwrap();
    let entry = &json["tokens"][0];
    assert_eq!((&entry["name"], &entry["servers"]), (&"phone".into(), &serde_json::json!(["a", "b-*"])));
    assert!(
        entry["expires"].is_string() && entry["last_used"].is_null() && entry["sha256"].is_null(),
        "{entry}"
    );
}

#[test]
fn mistakes_say_what_to_do() {
    let site = Site::new();
    site.token(&["--name", "a"]);
    for (args, words) in [
        (&["new", "--name", "a"][..], "is called a already"),
        (&["new", "--name", "../a"], "no name for a token"),
        (&["new", "--expires", "soon"], "write it like 90d"),
        (&["new", "--servers", ","], "names nothing"),
        (&["revoke", "b"], "there are: a"),
    ] {
        let output = site.run(&[&["token"], args].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(said(&output).contains(words), "{args:?}: {}", said(&output));
    }
    let full = Site::new().config("[limits]\nmax_tokens = 1\n");
    full.token(&[]);
    assert!(said(&full.run(&["token", "new"])).contains("max_tokens"));
}

#[test]
fn a_running_proxy_sees_what_commands_do_and_so_do_its_neighbours() {
    let site = Site::new().fake("a", Fake::stdio());
    let first = bearer(&site.token(&["--name", "first"]));
    let proxy = site.start();
    let neighbour = {
        let other = Site::new().fake("a", Fake::stdio());
        other.env("MCP_PROXY_STATE_DIR", proxy.site.state_dir())
    };
    // The flag of the harness names another folder; the last one given counts.
    let neighbour = neighbour.arg("--state-dir").arg(proxy.site.state_dir().to_str().unwrap()).start();
    let second = bearer(&proxy.site.token(&["--name", "second"]));
    for proxy in [&proxy, &neighbour] {
        for token in [&first, &second] {
            assert_eq!(status(&proxy.url("servers"), token), 200, "at once");
        }
    }
    assert!(proxy.site.run(&["token", "revoke", "first"]).status.success());
    for proxy in [&proxy, &neighbour] {
        eventually(DEADLINE, || status(&proxy.url("servers"), &first) == 401);
        assert_eq!(status(&proxy.url("servers"), &second), 200);
    }
    let json: serde_json::Value =
        serde_json::from_slice(&proxy.site.run(&["token", "list", "--json"]).stdout).unwrap();
    assert!(json["tokens"][0]["last_used"].is_string(), "{json}");
}

#[test]
fn a_token_opens_its_servers_and_no_others() {
    let site = Site::new().fake("a", Fake::stdio()).fake("b", Fake::http());
    let token = bearer(&site.token(&["--servers", "b*"]));
    let proxy = site.start();
    proxy.wait_ready("b");
    let client = proxy.client_with("b").header("Authorization", &token).connect();
    assert_eq!(client.text("echo", serde_json::json!({"text": "hi"})), "hi");
    let fields = client.text("headers", serde_json::json!({}));
    assert!(!fields.contains(&token), "no server is shown the token: {fields}");
    assert_eq!((status(&proxy.url("a/health"), &token), status(&proxy.url("b/health"), &token)), (403, 200));
}

#[test]
fn a_file_may_hold_the_token() {
    let site = Site::new().fake("a", Fake::stdio()).config("[auth]\ntoken_file = \"given\"\n");
    let (old, new) = ("old-".repeat(10), "new-".repeat(10));
    site.write("given", &format!("{old}\n"));
    let proxy = site.start();
    assert_eq!((status(&proxy.url("servers"), ""), status(&proxy.url("servers"), &bearer(&old))), (401, 200));
    // One takes the other's place.
    proxy.site.write("given", &format!("{new}\n{old}\n"));
    assert_eq!(status(&proxy.url("servers"), &bearer(&new)), 200);
    proxy.site.write("given", &format!("{new}\n"));
    eventually(DEADLINE, || status(&proxy.url("servers"), &bearer(&old)) == 401);
    let short = Site::new().config("[auth]\ntoken_file = \"given\"\n");
    short.write("given", "guessed\n");
    let refused = short.run(&["--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said(&refused).contains("32 characters or more") && !said(&refused).contains("guessed\n"),
        "{refused:?}"
    );
}
