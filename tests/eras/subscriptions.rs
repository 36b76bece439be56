//! What a server says unasked: to subscribers and on GET streams in the legacy era, on `subscriptions/listen` in the
//! modern one.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};
use std::time::Duration;

const ID: &str = "io.modelcontextprotocol/subscriptionId";
const X: &str = "test://x";

/// Does it again and again until the stream says this. A server may be listened to later than its client asked.
#[track_caller]
fn until_heard(stream: &Stream, method: &str, act: impl Fn()) {
    let heard = |messages: Vec<Value>| messages.iter().any(|message| message["method"] == method);
    eventually(DEADLINE, || {
        act();
        heard(stream.messages_within(Duration::from_millis(50)))
    });
}

/// A listener whose subscription has been acknowledged.
#[track_caller]
fn listener(client: &Modern, id: Value, filter: &Value) -> Stream {
    let stream = client.listen_as(id.clone(), filter.clone());
    let (_, first) = stream.next_message();
    assert_eq!(first["method"], "notifications/subscriptions/acknowledged", "{first}");
    assert_eq!(first["params"]["_meta"][ID], id);
    assert_eq!(first["params"]["notifications"], *filter);
    stream
}

#[test]
fn a_legacy_client_hears_of_what_it_subscribed_to_until_it_has_enough() {
    let proxy = all();
    for name in SERVERS {
        println!("{name}");
        let client = proxy.client(name);
        let stream = client.listen();
        assert_eq!(client.request("resources/subscribe", json!({"uri": X})), Ok(json!({})));
        until_heard(&stream, "notifications/resources/updated", || {
            client.call("touch", json!({"uri": X}));
        });
        assert_eq!(client.request("resources/unsubscribe", json!({"uri": X})), Ok(json!({})));
        eventually(DEADLINE, || client.text("touch", json!({"uri": X})) == "not subscribed");
    }
}

#[test]
fn a_legacy_client_hears_of_changed_lists() {
    let proxy = all();
    for name in SERVERS {
        println!("{name}");
        let client = proxy.client(name);
        let stream = client.listen();
        for what in ["tools", "prompts", "resources"] {
            until_heard(&stream, &format!("notifications/{what}/list_changed"), || {
                client.call("list_changed", json!({ "what": what }));
            });
        }
    }
}

#[test]
fn a_modern_client_hears_what_it_listens_to_under_its_own_id() {
    let proxy = all();
    for (name, id) in SERVERS.into_iter().zip([json!("s"), json!(7)].into_iter().cycle()) {
        println!("{name} {id}");
        let client = Modern::new(&proxy.url(name));
        let filter = json!({"toolsListChanged": true, "resourceSubscriptions": [X]});
        let stream = listener(&client, id.clone(), &filter);
        client.call("list_changed", json!({"what": "prompts"}));
        client.call("list_changed", json!({"what": "tools"}));
        let (_, changed) = stream.next_message();
        assert_eq!(changed["method"], "notifications/tools/list_changed", "not what nobody listens to");
        assert_eq!(changed["params"]["_meta"][ID], id);
        client.call("touch", json!({"uri": "test://y"}));
        assert_eq!(client.text("touch", json!({"uri": X})), "sent");
        let (_, updated) = stream.next_message();
        assert_eq!((&updated["params"]["uri"], &updated["params"]["_meta"][ID]), (&json!(X), &id));
    }
}

#[test]
fn who_closes_the_stream_listens_no_more() {
    let proxy = all();
    for name in SERVERS {
        println!("{name}");
        let client = Modern::new(&proxy.url(name));
        let filter = json!({"resourceSubscriptions": [X]});
        let stream = listener(&client, json!(1), &filter);
        assert_eq!(client.text("touch", json!({"uri": X})), "sent");
        drop(stream);
        eventually(Duration::from_secs(3), || client.text("touch", json!({"uri": X})) == "not subscribed");
    }
}

#[test]
fn a_server_may_end_what_is_listened_to() {
    let proxy = all();
    for name in ["modern", "modern-http"] {
        println!("{name}");
        let client = Modern::new(&proxy.url(name));
        let stream = listener(&client, json!("s"), &json!({"toolsListChanged": true}));
        client.call("end_listens", json!({}));
        let (_, end) = stream.next_message();
        assert_eq!((&end["id"], &end["result"]["_meta"][ID]), (&json!("s"), &json!("s")), "{end}");
        stream.wait_end();
    }
}

#[test]
fn two_listeners_with_the_same_id_hear_each_their_own() {
    let proxy = all();
    for name in SERVERS {
        println!("{name}");
        let (one, two) = (Modern::new(&proxy.url(name)), Modern::new(&proxy.url(name)));
        let tools = listener(&one, json!(0), &json!({"toolsListChanged": true}));
        let prompts = listener(&two, json!(0), &json!({"promptsListChanged": true}));
        one.call("list_changed", json!({"what": "tools"}));
        one.call("list_changed", json!({"what": "prompts"}));
        assert_eq!(prompts.next_message().1["method"], "notifications/prompts/list_changed");
        assert_eq!(tools.next_message().1["method"], "notifications/tools/list_changed");
    }
}

#[test]
fn what_the_server_does_not_tell_is_not_granted() {
    let script = r#"while read -r line; do case $line in
        *'"initialize"'*) echo '{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"resources":{}},"serverInfo":{"name":"sh","version":"1"}}}';;
        esac; done"#;
    let site = Site::new();
    site.write(
        "servers/a/server.toml",
        &format!("command = \"sh\"\nargs = [\"-c\", {script:?}]\neras = \"legacy\"\n"),
    );
    let proxy = site.start();
    let filter = json!({"toolsListChanged": true, "promptsListChanged": true, "resourceSubscriptions": [X]});
    let (_, first) = Modern::new(&proxy.url("a")).listen(filter).next_message();
    assert_eq!(first["params"]["notifications"], json!({"toolsListChanged": true}));
}

/// The server's end of what the proxy listens to for its sessions is none of theirs.
#[test]
fn sessions_are_listened_for_again_once_the_server_has_ended_that() {
    let site = Site::new().config("[health]\ninterval_seconds = 1\n");
    let proxy = site.fake("modern", fake("modern")).fake("modern-http", fake("modern-http")).start();
    for name in ["modern", "modern-http"] {
        println!("{name}");
        let client = proxy.client(name);
        client.request("resources/subscribe", json!({"uri": X})).unwrap();
        assert_eq!(client.text("touch", json!({"uri": X})), "sent");
        client.call("end_listens", json!({}));
        eventually(DEADLINE, || client.text("touch", json!({"uri": X})) == "sent");
    }
}

/// A connection that somebody listens on is in use.
#[test]
fn what_is_listened_to_is_not_put_to_sleep() {
    let site = Site::new().config("[health]\ninterval_seconds = 1\n");
    let rested = |name| fake(name).toml("era_idle_seconds = 1");
    let proxy =
        site.fake("legacy-http", rested("legacy-http")).fake("modern-http", rested("modern-http")).start();
    let modern = Modern::new(&proxy.url("legacy-http"));
    let listener = listener(&modern, json!("l"), &json!({"toolsListChanged": true}));
    let legacy = proxy.client("modern-http");
    let stream = legacy.listen();
    // Straight to the servers, and longer than a connection may rest and a round of tidying take.
    let others =
        [Anyone::Legacy(proxy.client("legacy-http")), Anyone::Modern(Modern::new(&proxy.url("modern-http")))];
    others.iter().for_each(|other| drop(other.call("sleep", json!({"ms": 3000}))));
    for (other, stream) in others.iter().zip([&listener, &stream]) {
        let change = || drop(other.call("list_changed", json!({"what": "tools"})));
        until_heard(stream, "notifications/tools/list_changed", change);
    }
}
