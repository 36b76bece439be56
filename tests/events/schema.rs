//! What is told is what docs/health-events.schema.json says, and so are the examples beside it.

use super::*;
use serde_json::Value;
use std::fs;
use std::path::Path;

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

fn schema() -> Value {
    serde_json::from_str(&document("health-events.schema.json")).unwrap()
}

/// Whether a value fits a schema, of the few keywords that ours uses (JSON Schema, 2020-12).
fn fits(value: &Value, schema: &Value, root: &Value) -> bool {
    let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
    schema.as_object().unwrap().iter().all(|(keyword, rule)| match keyword.as_str() {
        "$ref" => fits(value, root.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap(), root),
        "oneOf" => rule.as_array().unwrap().iter().filter(|one| fits(value, one, root)).count() == 1,
        "const" => value == rule,
        "enum" => rule.as_array().unwrap().contains(value),
        "type" => match rule {
            Value::Array(types) => types.iter().any(|one| is_of(value, one)),
            one => is_of(value, one),
        },
        "required" => rule.as_array().unwrap().iter().all(|name| {
            !value[name.as_str().unwrap()].is_null() || fields(value).contains_key(name.as_str().unwrap())
        }),
        "properties" => fields(rule)
            .iter()
            .all(|(name, rule)| fields(value).get(name).is_none_or(|value| fits(value, rule, root))),
        "additionalProperties" => {
            let others =
                fields(value).into_iter().filter(|(name, _)| schema["properties"].get(name).is_none());
            others.into_iter().all(|(_, value)| rule != &json!(false) && fits(&value, rule, root))
        }
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fits(item, rule, root))),
        "format" if rule == "date-time" => humantime::parse_rfc3339(value.as_str().unwrap()).is_ok(),
        "format" => value.as_str().unwrap().parse::<http::Uri>().is_ok(),
        "$schema" | "title" | "$defs" => true,
        other => panic!("{other} is not known here"),
    })
}

fn is_of(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("{other} is not known here"),
    }
}

#[track_caller]
fn assert_fits(message: &Value, schema: &Value) {
    assert!(fits(message, schema, schema), "not as the schema says: {message:#}");
}

#[test]
fn the_examples_are_as_the_schema_says() {
    let (text, schema) = (document("health-events.md"), schema());
    let mut kinds: Vec<String> = Vec::new();
    for block in text.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        let example: Value = serde_json::from_str(block).unwrap();
        assert_fits(&example, &schema);
        kinds.push(example["type"].as_str().unwrap().to_string());
        let mut wrong = example.clone();
        wrong["status"] = json!("fine");
        assert!(!fits(&wrong, &schema, &schema));
    }
    assert_eq!(kinds, ["snapshot", "server", "removed", "left_out", "status", "figures"]);
}

#[test]
fn every_message_is_as_the_schema_says() {
    let mut proxy = Site::new().fake("a", Fake::stdio()).fake("b", Fake::http()).start();
    let mut watch = Watch::open(&proxy.url("health/ws?figures=1"), &[]);
    let schema = schema();
    let until = |watch: &mut Watch, kind: &str| {
        watch.wait(|message| {
            assert_fits(message, &schema);
            message["type"] == kind
        })
    };
    until(&mut watch, "snapshot");
    until(&mut watch, "figures");
    let _client = proxy.client("a");
    processes::kill(proxy.wait_child("a"));
    until(&mut watch, "server");
    std::fs::remove_dir_all(proxy.site.folder().join("servers/b")).unwrap();
    proxy.site.add("api", &Fake::stdio());
    assert!(proxy.site.run(&["reload"]).status.success());
    until(&mut watch, "removed");
    until(&mut watch, "left_out");
    proxy.signal(rustix::process::Signal::TERM);
    until(&mut watch, "status");
    assert!(proxy.wait_exit().success());
}
