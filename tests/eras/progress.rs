//! Progress: under the client's own token, with its type, before the answer.

use crate::rig::*;
use serde_json::{Value, json};

#[test]
fn progress_comes_under_the_clients_token() {
    let proxy = all();
    each_cell(&proxy, &json!({}), |_, client| {
        for token in [json!(0), json!("t"), json!("0")] {
            let message = client.progress_message("progress", json!({"steps": 2}), token.clone());
            let messages = client.post(&message).messages();
            let steps: Vec<&Value> = messages.iter().map(|it| &it["params"]["progress"]).collect();
            assert_eq!(steps, [&json!(1), &json!(2), &Value::Null], "{messages:?}");
            assert!(messages[..2].iter().all(|it| it["params"]["progressToken"] == token), "{messages:?}");
            assert_eq!(
                (&messages[2]["id"], text_of(&messages[2]["result"]).as_str()),
                (&message["id"], "done")
            );
        }
    });
}

#[test]
fn who_asks_for_none_gets_none() {
    let proxy = all();
    each_cell(&proxy, &json!({}), |_, client| {
        let messages = client.post(&client.call_message("progress", json!({"steps": 2}))).messages();
        assert_eq!(messages.len(), 1, "{messages:?}");
    });
}
