//! Log messages: the level is set once in the legacy era, and named in each request in the modern one.

use crate::harness::*;
use crate::rig::*;
use serde_json::json;

/// A client of each era that wants this level.
#[track_caller]
fn listeners(proxy: &Proxy, name: &str, level: &str) -> [Anyone; 2] {
    let legacy = proxy.client(name);
    assert_eq!(legacy.request("logging/setLevel", json!({ "level": level })), Ok(json!({})));
    [Anyone::Legacy(legacy), Anyone::Modern(Modern::new(&proxy.url(name)).log_level(level))]
}

/// The levels of the messages that come with a call in which the server logs one of each.
#[track_caller]
fn logged(client: &Anyone) -> Vec<String> {
    let messages = client.post(&client.call_message("log_many", json!({}))).messages();
    let (answer, logs) = messages.split_last().expect("an answer");
    assert_eq!(text_of(&answer["result"]), "done", "the answer comes last");
    logs.iter().map(|message| message["params"]["level"].as_str().unwrap().to_string()).collect()
}

#[test]
fn a_client_hears_what_is_as_severe_as_it_wants() {
    let proxy = all();
    for name in SERVERS {
        let wanted =
            [("error", &["error", "critical", "alert", "emergency"][..]), ("emergency", &["emergency"])];
        for (level, heard) in wanted {
            for client in listeners(&proxy, name, level) {
                println!("a {} client hears {level} of {name}", client.era());
                assert_eq!(logged(&client), heard);
            }
        }
    }
}

#[test]
fn a_modern_request_that_names_no_level_hears_nothing() {
    let proxy = all();
    for name in SERVERS {
        println!("{name}");
        let loud = Modern::new(&proxy.url(name)).log_level("debug");
        assert_eq!(logged(&Anyone::Modern(loud)).len(), 8);
        assert_eq!(logged(&Anyone::Modern(Modern::new(&proxy.url(name)))), [""; 0]);
    }
}
