//! What the child says to nobody in particular: resource updates to subscribers, changed lists to everybody.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};

#[track_caller]
fn subscribe(client: &Client, uri: &str) {
    assert_eq!(client.request("resources/subscribe", json!({ "uri": uri })), Ok(json!({})));
}

#[track_caller]
fn unsubscribe(client: &Client, uri: &str) {
    assert_eq!(client.request("resources/unsubscribe", json!({ "uri": uri })), Ok(json!({})));
}

#[track_caller]
fn touch(client: &Client, uri: &str) {
    assert_eq!(client.text("touch", json!({ "uri": uri })), "sent");
}

#[track_caller]
fn assert_updated(stream: &Stream, uri: &str) {
    let (_, message) = stream.next_message();
    assert_eq!(message["method"], "notifications/resources/updated", "{message}");
    assert_eq!(message["params"]["uri"], uri);
}

#[track_caller]
fn subscriptions(client: &Client) -> Value {
    client.json("state", json!({}))["subscriptions"].clone()
}

#[test]
fn updates_go_to_the_sessions_that_subscribed() {
    let proxy = proxy(Fake::stdio());
    let (one, two, three) = (proxy.client("a"), proxy.client("a"), proxy.client("a"));
    let streams = [one.listen(), two.listen(), three.listen()];
    subscribe(&one, "test://x");
    subscribe(&two, "test://x");
    subscribe(&two, "test://y");
    touch(&three, "test://x");
    touch(&three, "test://y");
    list_changed(&three, "tools");
    assert_updated(&streams[0], "test://x");
    assert_updated(&streams[1], "test://x");
    assert_updated(&streams[1], "test://y");
    streams.iter().for_each(|stream| assert_list_changed(stream, "tools"));
}

#[test]
fn subscriptions_are_counted() {
    let proxy = proxy(Fake::stdio());
    let (one, two) = (proxy.client("a"), proxy.client("a"));
    let stream = two.listen();
    subscribe(&one, "test://x");
    subscribe(&two, "test://x");
    subscribe(&two, "test://x");
    assert_eq!(at_child(&one, "resources/subscribe").len(), 1, "the child is subscribed to once");
    unsubscribe(&one, "test://x");
    touch(&one, "test://x");
    assert_updated(&stream, "test://x");
    unsubscribe(&two, "test://x");
    assert_eq!(subscriptions(&one), json!([]));
    assert_eq!(at_child(&one, "resources/unsubscribe").len(), 1);
}

#[test]
fn an_update_may_name_a_part_of_what_was_subscribed_to() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    let stream = client.listen();
    subscribe(&client, "test://x");
    let update = |uri: &str| {
        let update =
            json!({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}});
        print(&client, &update.to_string());
    };
    update("test://xy");
    update("test://x/y");
    assert_updated(&stream, "test://x/y");
}

#[test]
fn a_session_that_ends_gives_up_its_subscriptions() {
    let proxy = proxy(Fake::stdio());
    let (one, two) = (proxy.client("a"), proxy.client("a"));
    subscribe(&one, "test://x");
    subscribe(&one, "test://shared");
    subscribe(&two, "test://shared");
    one.end();
    assert_eq!(subscriptions(&two), json!(["test://shared"]));
}

#[test]
fn a_session_may_subscribe_to_so_many_resources() {
    let proxy = Site::new().fake("a", Fake::stdio()).config("[limits]\nmax_subscriptions = 2\n").start();
    let client = proxy.client("a");
    subscribe(&client, "test://1");
    subscribe(&client, "test://2");
    let refusal = client.request("resources/subscribe", json!({"uri": "test://3"})).unwrap_err();
    assert_eq!(refusal["code"], -32602, "{refusal}");
    unsubscribe(&client, "test://1");
    subscribe(&client, "test://3");
    assert_eq!(subscriptions(&client), json!(["test://2", "test://3"]));
}

#[test]
fn a_changed_list_is_told_to_every_session_once() {
    let proxy = proxy(Fake::stdio());
    let clients = [proxy.client("a"), proxy.client("a"), proxy.client("a")];
    let streams: Vec<Stream> = clients.iter().map(Client::listen).collect();
    for what in ["tools", "prompts", "resources"] {
        list_changed(&clients[0], what);
        streams.iter().for_each(|stream| assert_list_changed(stream, what));
    }
}

#[test]
fn a_second_stream_ends_the_first() {
    let proxy = proxy(Fake::stdio());
    let (client, other) = (proxy.client("a"), proxy.client("a"));
    let (old, others) = (client.listen(), other.listen());
    let new = client.listen();
    old.wait_end();
    list_changed(&client, "tools");
    assert_list_changed(&new, "tools");
    assert_list_changed(&others, "tools");
}

#[test]
fn a_head_request_leaves_the_stream_alone() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    let stream = client.listen();
    let mut connection = Connection::open(&proxy.url("a"));
    connection.send("HEAD", &proxy.url("a"), &client.headers(), b"");
    assert_eq!(connection.head().status, 200);
    list_changed(&client, "tools");
    assert_list_changed(&stream, "tools");
}

#[test]
fn what_is_said_while_no_stream_is_open_waits_once_each() {
    let proxy = proxy(Fake::stdio());
    let client = proxy.client("a");
    subscribe(&client, "test://x");
    for _ in 0..3 {
        list_changed(&client, "tools");
        touch(&client, "test://x");
    }
    list_changed(&client, "prompts");
    let stream = client.listen();
    assert_list_changed(&stream, "tools");
    assert_updated(&stream, "test://x");
    assert_list_changed(&stream, "prompts");
}

#[test]
fn what_waits_for_a_stream_is_bounded() {
    let proxy = Site::new().fake("a", Fake::stdio()).config("[limits]\nstream_queue_bytes = 1000\n").start();
    let client = proxy.client("a");
    let uri = |n: usize| format!("test://{n}/{}", "x".repeat(300));
    (0..10).for_each(|n| subscribe(&client, &uri(n)));
    (0..10).for_each(|n| touch(&client, &uri(n)));
    list_changed(&client, "tools");
    let stream = client.listen();
    let said = std::iter::from_fn(|| Some(stream.next_message().1));
    let waited: usize = said
        .take_while(|message| message["method"] != "notifications/tools/list_changed")
        .map(|message| message.to_string().len())
        .sum();
    assert!(waited <= 1000, "{waited} bytes waited");
}
