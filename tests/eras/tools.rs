//! Calls: results, errors of tools, errors of JSON-RPC, structured content.

use crate::rig::*;
use serde_json::json;

#[test]
fn results_and_errors_are_the_servers() {
    let proxy = all();
    each_cell(&proxy, &json!({}), |_, client| {
        assert_eq!(client.text("echo", json!({"text": "é\"\\\u{200d}"})), "é\"\\\u{200d}");
        let arguments = json!({"a": [1.5, "x", null], "b": {}});
        assert_eq!(client.call("args", arguments.clone())["structuredContent"], arguments);
        let failed = client.call("fail", json!({"text": "no"}));
        assert_eq!((&failed["isError"], text_of(&failed).as_str()), (&json!(true), "no"));
        assert_eq!(client.try_call("nope", json!({})).unwrap_err()["code"], -32602);
    });
}

#[test]
fn a_result_has_what_its_era_knows() {
    let proxy = all();
    each_cell(&proxy, &json!({}), |_, client| {
        let complete = client.is_modern().then(|| json!("complete"));
        assert_eq!(client.call("echo", json!({"text": "hi"})).get("resultType"), complete.as_ref());
        let list = client.request("tools/list", json!({})).unwrap();
        assert_eq!(list.get("resultType"), complete.as_ref());
        for cache in ["ttlMs", "cacheScope"] {
            assert_eq!(list.get(cache).is_some(), client.is_modern(), "{cache}");
        }
    });
}

#[test]
fn an_unknown_method_is_unknown_everywhere() {
    let proxy = all();
    each_cell(&proxy, &json!({}), |_, client| {
        assert_eq!(client.request("no/such", json!({})).unwrap_err()["code"], -32601);
    });
}
