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
