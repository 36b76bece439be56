//! A call that its client gives up is given up by the server: told so in the legacy era, by the closed stream in the
//! modern one.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};
use std::time::Duration;

/// What reached the server since the newest call of `hang`, that call first.
#[track_caller]
fn since_hang(client: &Anyone) -> Vec<Value> {
    let mut all = received(client);
    let hang = all.iter().rposition(|message| message["params"]["name"] == "hang");
    hang.map(|place| all.split_off(place)).unwrap_or_default()
}

#[test]
fn a_call_that_is_given_up_is_cancelled_at_the_server() {
    let proxy = all();
    each_cell(&proxy, &json!({}), |_, client| {
        let mark = json!({"era": client.era()});
        let message = client.call_message("hang", mark.clone());
        let stream = client.open(&message);
        let arrived = || since_hang(client).first().filter(|it| it["params"]["arguments"] == mark).cloned();
        let call = wait_for(DEADLINE, arrived);
        client.cancel(&message, stream);
        let is_told =
            |it: &Value| it["method"] == "notifications/cancelled" && it["params"]["requestId"] == call["id"];
        eventually(Duration::from_secs(2), || since_hang(client).iter().any(is_told));
    });
}

/// The server has answered by then: what waits is the client's own turn.
#[test]
fn a_question_of_a_modern_server_ends_with_the_call_or_the_session() {
    let proxy = only("modern");
    for end in ["cancel", "delete"] {
        println!("{end}");
        let client = proxy.client_with("modern").capabilities(json!({"elicitation": {}})).connect();
        let message = client.call_message("ask", json!({"kind": "elicitation"}));
        let stream = client.stream(&message);
        assert_eq!(stream.next_message().1["method"], "elicitation/create");
        match end {
            "cancel" => client.notify("notifications/cancelled", json!({"requestId": message["id"]})),
            _ => assert_eq!(client.end().status, 200),
        }
        let (_, last) = stream.next_message();
        assert_eq!(
            (&last["id"], &last["error"]["data"]["reason"]),
            (&message["id"], &json!("cancelled")),
            "{last}"
        );
        stream.wait_end();
    }
}

/// Waits for a client no longer than a test should take.
#[track_caller]
fn impatient() -> Proxy {
    let config = "[limits]\npark_seconds = 5\n[defaults]\ncall_idle_seconds = 5\n";
    let site = Site::new().config(config);
    site.fake("modern", fake("modern")).fake("modern-http", fake("modern-http")).start()
}

#[test]
fn the_end_of_a_session_ends_what_waits_for_its_client() {
    let proxy = impatient();
    let client = proxy.client_with("modern").capabilities(json!({"elicitation": {}})).connect();
    let call = client.stream(&client.call_message("ask", json!({})));
    call.next_message();
    assert_eq!(client.end().status, 200);
    assert_eq!(call.next_message().1["error"]["data"]["reason"], "cancelled");
    call.wait_end();
}
