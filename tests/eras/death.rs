//! A server that dies fails the calls in flight, of either era, and the next calls go to the one started after it.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

#[test]
fn calls_in_flight_fail_and_the_next_ones_do_not() {
    let proxy = all();
    each_cell(&proxy, &json!({}), |name, client| {
        let message = client.call_message("hang", json!({}));
        let call = client.open(&message);
        let abort = client.try_call("abort", json!({})).unwrap_err();
        let (_, last) = call.next_message();
        call.wait_end();
        assert_eq!((&last["id"], &last["error"]["code"]), (&message["id"], &json!(-32603)), "{last}");
        assert_eq!(last["error"]["data"]["server"], name);
        assert_eq!((&abort["code"], &abort["data"]["signal"]), (&json!(-32603), &json!(9)), "{abort}");
        if client.is_modern() || !name.ends_with("http") {
            assert_eq!(client.text("echo", json!({"text": "back"})), "back");
        }
    });
}

#[test]
fn a_modern_listener_hears_of_a_server_that_came_back() {
    let proxy = all();
    for name in STDIO {
        println!("{name}");
        let client = Modern::new(&proxy.url(name));
        let filter = json!({"toolsListChanged": true});
        let stream = client.listen(filter.clone());
        stream.next_message();
        client.try_call("abort", json!({})).unwrap_err();
        assert_eq!(client.text("echo", json!({"text": "back"})), "back");
        // The stream goes on with the new child, or it ends and the client listens again.
        drop(stream);
        let again = client.listen(filter);
        again.next_message();
        client.call("list_changed", json!({"what": "tools"}));
        assert_eq!(again.next_message().1["method"], "notifications/tools/list_changed");
    }
}

/// However it ends: what tells it to, with which arguments, and what the errors say of it.
const ENDS: [(&str, &str, &str, i64); 3] = [
    ("crash", r#"{"code": 9}"#, "exit_code", 9),
    ("abort", "{}", "signal", 9),
    // It lives on without its stdout.
    ("close_stdout", "{}", "signal", 9),
];

#[test]
fn however_a_child_ends_its_calls_say_how_and_its_clients_go_on() {
    const PATIENT: &str = "[restart]\nbackoff_ms = 50\nbrake_exits = 100\n";
    for (instances, eras) in
        [("shared", "legacy"), ("shared", "modern"), ("per-session", "legacy"), ("per-session", "modern")]
    {
        let fake = fake(eras).env("FAKE_IGNORE_EOF", "1").toml(&format!("instances = {instances:?}"));
        let proxy = Site::new().config(PATIENT).fake("a", fake).start();
        for client in Anyone::of_both_eras(&proxy, "a", &json!({})) {
            for (tool, arguments, key, value) in ENDS {
                println!("{instances}, {eras}: {tool} with a {} client", client.era());
                client.call("stderr", json!({"text": format!("before {tool}"), "lines": 1}));
                let call = client.open(&client.call_message("hang", json!({})));
                let fatal = client.try_call(tool, serde_json::from_str(arguments).unwrap()).unwrap_err();
                let (_, last) = call.next_message();
                for error in [&fatal, &last["error"]] {
                    let data = &error["data"];
                    assert_eq!((&error["code"], &data[key]), (&json!(-32603), &json!(value)), "{error}");
                    let stderr = data["stderr"].as_array().unwrap();
                    assert!(stderr.contains(&json!(format!("before {tool}"))), "{error}");
                }
                assert_eq!(client.text("echo", json!({"text": "back"})), "back");
            }
        }
    }
}

#[test]
fn what_a_session_wanted_is_told_to_every_next_child() {
    for instances in ["shared", "per-session"] {
        let fake = fake("legacy").env("FAKE_IGNORE_EOF", "1").toml(&format!("instances = {instances:?}"));
        let proxy = Site::new().config("[restart]\nbackoff_ms = 50\n").fake("a", fake).start();
        let client = proxy.client("a");
        let stream = client.listen();
        let hello = || {
            let lines: Vec<String> = serde_json::from_value(client.json("received", json!({}))).unwrap();
            lines.into_iter().find(|line| line.contains("\"initialize\"")).expect("a greeting")
        };
        let greeted = hello();
        client.request("logging/setLevel", json!({"level": "notice"})).unwrap();
        client.request("resources/subscribe", json!({"uri": "test://x"})).unwrap();
        for (tool, arguments, ..) in ENDS {
            client.try_call(tool, serde_json::from_str(arguments).unwrap()).unwrap_err();
            let state = client.json("state", json!({}));
            assert_eq!(
                (&state["level"], &state["subscriptions"]),
                (&json!("notice"), &json!(["test://x"])),
                "{instances}, {tool}"
            );
            assert_eq!(hello(), greeted);
            client.text("touch", json!({"uri": "test://x"}));
            assert_eq!(stream.next_message().1["params"]["uri"], "test://x");
        }
    }
}
