//! Lists and calls in every cell: each kind of server with a client of each era.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};

/// Rules, and what they leave of `echo`, `args`, `sleep`, `received`.
const TABLE: [(&str, &[&str]); 5] = [
    ("{ allow = ['echo', 'rec*'] }", &["echo", "received"]),
    ("{ deny = ['s*', '*rg*'] }", &["echo", "received"]),
    ("{ allow = ['e*', 'sleep', 'received'], deny = ['sleep'] }", &["echo", "received"]),
    ("{ allow = [] }", &[]),
    ("{ allow = ['*'], deny = [] }", &["echo", "args", "sleep", "received"]),
];

pub fn names(list: &Value) -> Vec<String> {
    let tools = list["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_string()).collect()
}

fn refused(tool: &str) -> Value {
    json!({"code": -32602, "message": format!("Unknown tool: {tool}")})
}

#[test]
fn every_kind_of_server_shows_what_the_rules_leave() {
    for (rules, left) in TABLE {
        let tools = format!("tools = {rules}");
        let add = |site: Site, name: &&str| site.fake(name, fake(name).toml(&tools));
        let proxy = SERVERS.iter().fold(Site::new(), add).start();
        each_cell(&proxy, &json!({}), |_, client| {
            println!("{rules}");
            let shown = names(&client.request("tools/list", json!({})).unwrap());
            for tool in ["echo", "args", "sleep", "received"] {
                assert_eq!(
                    shown.iter().any(|name| name == tool),
                    left.contains(&tool),
                    "{tool} of {shown:?}"
                );
                match left.contains(&tool) {
                    true => assert!(client.try_call(tool, json!({"text": "hi"})).is_ok(), "{tool}"),
                    false => assert_eq!(client.try_call(tool, json!({})), Err(refused(tool))),
                }
            }
            let is_heard = |tool: &str| received(client).iter().any(|line| line["params"]["name"] == tool);
            assert!(left.is_empty() || !is_heard("args") || left.contains(&"args"));
        });
    }
}

#[test]
fn what_is_left_is_as_the_server_has_said_it() {
    let (all, some) = (
        in_one_piece("both").env("FAKE_EXTRA_TOOL", "é\"x"),
        in_one_piece("both").env("FAKE_EXTRA_TOOL", "é\"x"),
    );
    let site = Site::new().fake("all", all).fake("some", some.toml("tools = { deny = ['e*', 'p*'] }"));
    let proxy = site.start();
    for pick in 0..2 {
        let list = |name: &str| {
            let client = Anyone::of_both_eras(&proxy, name, &json!({})).into_iter().nth(pick).unwrap();
            let message = match &client {
                Anyone::Legacy(client) => client.message("tools/list", json!({})),
                Anyone::Modern(client) => client.message("tools/list", json!({})),
            };
            client.post(&message).text()
        };
        let (mut all, some) = (list("all"), list("some"));
        for hidden in ["echo", "end_listens", "env", "environ", "progress", "pid"] {
            all = all.replace(&format!(r#"{{"inputSchema":{{"type":"object"}},"name":"{hidden}"}},"#), "");
        }
        assert_eq!(some, all);
        assert!(some.contains(r#"é\"x"#) && !some.contains("echo"));
    }
}

#[test]
fn a_page_may_become_empty_and_leads_on_to_the_next() {
    let paged = |name: &str| {
        fake(name).env("FAKE_PAGES", "1").env("FAKE_EXTRA_TOOL", "last").toml("tools = { allow = ['last'] }")
    };
    let proxy = SERVERS.iter().fold(Site::new(), |site, name| site.fake(name, paged(name))).start();
    each_cell(&proxy, &json!({}), |_, client| {
        let first = client.request("tools/list", json!({})).unwrap();
        assert_eq!((names(&first).len(), &first["nextCursor"]), (0, &json!("page-2")));
        let second = client.request("tools/list", json!({"cursor": "page-2"})).unwrap();
        assert_eq!((names(&second), second.get("nextCursor")), (vec!["last".to_string()], None));
    });
}

#[test]
fn a_child_of_a_session_is_no_way_round() {
    for eras in STDIO {
        let own = fake(eras).toml("instances = 'per-session'\ntools = { allow = ['echo'] }");
        let proxy = Site::new().fake("own", own).start();
        for client in Anyone::of_both_eras(&proxy, "own", &json!({})) {
            assert_eq!(names(&client.request("tools/list", json!({})).unwrap()), ["echo"]);
            assert_eq!(client.try_call("pid", json!({})), Err(refused("pid")));
            assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
        }
    }
}

#[test]
fn the_old_transport_is_no_way_round() {
    let some = |name: &str| fake(name).toml("tools = { allow = ['echo'] }");
    let site = SERVERS.iter().fold(Site::new(), |site, name| site.fake(name, some(name)));
    let old = Fake::http().env("FAKE_TRANSPORT", "sse").toml("tools = { allow = ['echo'] }");
    let proxy = site.fake("old-http", old).start();
    for name in SERVERS.iter().chain(&["old-http"]) {
        println!("{name}");
        let client = SseClient::connect(&proxy.url(&format!("{name}/sse")));
        assert_eq!(names(&client.request("tools/list", json!({})).unwrap()), ["echo"]);
        assert_eq!(client.try_call("pid", json!({})), Err(refused("pid")));
        assert_eq!(client.text("echo", json!({"text": "hi"})), "hi");
    }
    for client in Anyone::of_both_eras(&proxy, "old-http", &json!({})) {
        assert_eq!(names(&client.request("tools/list", json!({})).unwrap()), ["echo"]);
        assert_eq!(client.try_call("pid", json!({})), Err(refused("pid")));
    }
}

/// Its lists are kept as they are, so that other rules can be applied to them.
#[test]
fn a_server_that_sleeps_is_not_woken_by_what_is_hidden() {
    for eras in STDIO {
        let sleeper = fake(eras).toml("tools = { allow = ['echo'] }");
        let mut proxy = Site::new().fake("sleeper", sleeper).start();
        let kept = proxy.site.state_dir().join("answers/sleeper.json");
        let has_list = || std::fs::read_to_string(&kept).is_ok_and(|text| text.contains("wedge"));
        eventually(DEADLINE, has_list);
        assert!(proxy.stop().success());
        proxy.start_again();
        for client in Anyone::of_both_eras(&proxy, "sleeper", &json!({})) {
            // A second child is yet to be met.
            if !(eras == "both" && client.is_modern()) {
                assert_eq!(names(&client.request("tools/list", json!({})).unwrap()), ["echo"]);
            }
            assert_eq!(client.try_call("pid", json!({})), Err(refused("pid")));
            assert_eq!(proxy.server("sleeper")["reason"], "asleep", "{eras}");
        }
    }
}

#[test]
fn other_rules_are_taken_up_by_a_reload_and_the_session_goes_on() {
    let site = Site::new().fake("notes", fake("legacy").toml("tools = { allow = ['echo'] }"));
    let proxy = site.start();
    let client = proxy.client("notes");
    client.try_call("pid", json!({})).unwrap_err();
    proxy.site.add("notes", &fake("legacy").toml("tools = { deny = ['echo'] }"));
    assert!(proxy.site.run(&["reload", "--listen", &proxy.address().to_string()]).status.success());
    client.call("pid", json!({}));
    client.try_call("echo", json!({})).unwrap_err();
}

#[test]
fn proxy_toml_wins_over_the_folder_key_by_key() {
    let config = "[server.notes.tools]\nallow = ['echo', 'pid']\n";
    let site = Site::new().fake("notes", fake("legacy").toml("tools = { allow = ['cwd'], deny = ['pid'] }"));
    let proxy = site.config(config).start();
    let client = proxy.client("notes");
    assert_eq!(names(&client.request("tools/list", json!({})).unwrap()), ["echo"]);
    client.try_call("pid", json!({})).unwrap_err();
}

#[test]
fn a_mistake_in_the_rules_is_named() {
    let site = Site::new().fake("notes", fake("legacy").toml("tools = { alow = ['x'] }"));
    let report = String::from_utf8(site.run(&["check"]).stdout).unwrap();
    assert!(report.contains("tools: unknown field `alow`"), "{report}");
}
