//! What can be listed, read and completed.

use crate::harness::*;
use crate::rig::*;
use serde_json::{Value, json};

#[test]
fn resources_are_listed_and_read() {
    let proxy = all();
    each_cell(&proxy, &json!({}), |_, client| {
        let get = |method: &str, params: Value| client.request(method, params).unwrap();
        assert_eq!(get("resources/list", json!({}))["resources"][1]["uri"], "test://two");
        let templates = get("resources/templates/list", json!({}));
        assert_eq!(templates["resourceTemplates"][0]["uriTemplate"], "test://{name}");
        let read = get("resources/read", json!({"uri": "test://x"}));
        assert_eq!(read["contents"][0]["text"], "content of test://x");
    });
}

/// The modern era has no code of its own for it (2026-07-28, server, Resources, Error Handling).
#[test]
fn a_resource_that_is_missing_is_so_in_the_clients_words() {
    let proxy = all();
    each_cell(&proxy, &json!({}), |name, client| {
        let error = client.request("resources/read", json!({"uri": "test://missing"})).unwrap_err();
        let unclear = client.is_modern() || name.starts_with("modern");
        assert_eq!(error["code"], if unclear { -32602 } else { -32002 });
        assert_eq!(error["data"]["uri"], "test://missing");
    });
}

#[test]
fn prompts_and_completions() {
    let proxy = all();
    each_cell(&proxy, &json!({}), |_, client| {
        let list = client.request("prompts/list", json!({})).unwrap();
        assert_eq!(list["prompts"][0]["name"], "hello");
        let hello = json!({"name": "hello", "arguments": {"name": "Ann"}});
        let prompt = client.request("prompts/get", hello).unwrap();
        assert_eq!(prompt["messages"][0]["content"]["text"], "Say hello to Ann");
        let argument = json!({"name": "name", "value": "al"});
        let params = json!({"ref": {"type": "ref/prompt", "name": "hello"}, "argument": argument});
        let completion = client.request("completion/complete", params).unwrap();
        assert_eq!(completion["completion"]["values"], json!(["alpha"]));
    });
}

#[test]
fn a_list_in_pages_is_read_page_by_page() {
    let paged = |site: Site, name: &&str| site.fake(name, fake(name).env("FAKE_PAGES", "1"));
    let proxy = SERVERS.iter().fold(Site::new(), paged).start();
    each_cell(&proxy, &json!({}), |_, client| {
        let first = client.request("tools/list", json!({})).unwrap();
        let cursor = first["nextCursor"].as_str().expect("a second page");
        let second = client.request("tools/list", json!({"cursor": cursor})).unwrap();
        assert_eq!(second.get("nextCursor"), None);
        let names = |page: &Value| page["tools"].as_array().unwrap().clone();
        let (mut all, rest) = (names(&first), names(&second));
        assert!(!all.is_empty() && !rest.is_empty() && !all.contains(&rest[0]));
        all.extend(rest);
        assert!(all.iter().any(|tool| tool["name"] == "echo"));
    });
}
