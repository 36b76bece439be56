//! Four clients at once on one server, two of each era, with the same ids and the same progress tokens: nobody sees
//! what is another's.

use crate::rig::*;
use serde_json::{Value, json};

/// A call under an id and a token that all of them use.
fn message(client: &Anyone, mark: &str) -> Value {
    let arguments = json!({"steps": 3, "ms": 20, "text": mark});
    let mut message = client.progress_message("progress", arguments, json!("token"));
    message["id"] = json!(99);
    message
}

#[track_caller]
fn assert_own(messages: &[Value], mark: &str) {
    let (answer, progress) = messages.split_last().expect("an answer");
    assert_eq!((&answer["id"], text_of(&answer["result"]).as_str()), (&json!(99), mark));
    assert_eq!(progress.len(), 3, "{progress:?}");
    let own = |it: &Value| it["params"]["progressToken"] == "token" && it["params"]["message"] == mark;
    assert!(progress.iter().all(own), "{progress:?}");
}

#[test]
fn nobody_sees_what_is_anothers() {
    let proxy = all();
    for name in SERVERS {
        println!("{name}");
        let pairs = [(); 2].map(|()| Anyone::of_both_eras(&proxy, name, &json!({})));
        let clients = pairs.as_flattened();
        std::thread::scope(|scope| {
            let calls = clients.iter().enumerate().map(|(place, client)| {
                let mark = format!("client {place}");
                (
                    scope.spawn({
                        let mark = mark.clone();
                        move || client.post(&message(client, &mark))
                    }),
                    mark,
                )
            });
            let calls: Vec<_> = calls.collect();
            calls.into_iter().for_each(|(call, mark)| assert_own(&call.join().unwrap().messages(), &mark));
        });
    }
}

/// The ids of calls that hang are other clients' ids too.
#[test]
fn a_call_given_up_leaves_the_others_alone() {
    let proxy = all();
    for name in SERVERS {
        println!("{name}");
        let [legacy, modern] = Anyone::of_both_eras(&proxy, name, &json!({}));
        let [other_legacy, other_modern] = Anyone::of_both_eras(&proxy, name, &json!({}));
        for (gone, stays) in [(&legacy, &other_modern), (&modern, &other_legacy), (&modern, &other_modern)] {
            let mut hang = gone.call_message("hang", json!({}));
            hang["id"] = json!(99);
            let stream = gone.open(&hang);
            let call = stays.open(&message(stays, "stays"));
            gone.cancel(&hang, stream);
            let heard: Vec<Value> = (0..4).map(|_| call.next_message().1).collect();
            assert_own(&heard, "stays");
        }
    }
}
