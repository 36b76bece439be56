//! A tool's schema as a part of an OpenAPI document (3.1, JSON Schema 2020-12). Pure.
//!
//! Servers write schemas in every draft, and some write nonsense. Only keywords that this dialect has, with values that
//! it allows, are taken over; a `$ref` only if it leads to another place of the same schema. The copy may allow more
//! than the server does, which checks its arguments itself, but never less: so nothing is taken over that allows less
//! where a part of it allows more (`not`, `if`, `unevaluatedProperties`), and one of several is any of several. No
//! `default` and no regular expression: one that is wrong makes the whole document invalid.

use crate::protocol::json;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// A schema that is longer is not taken over, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// Nor one that nests deeper.
const MAX_DEPTH: usize = 32;
/// What may stand in a fragment as it is, or in a segment of a path.
pub(super) const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const POINTER: &AsciiSet = &PLAIN.remove(b'/').remove(b'$');

const SCHEMA: [&str; 3] = ["items", "additionalProperties", "propertyNames"];
const LIST_OF_SCHEMAS: [&str; 3] = ["allOf", "anyOf", "prefixItems"];
const MAP_OF_SCHEMAS: [&str; 4] = ["properties", "$defs", "definitions", "dependentSchemas"];
const TEXT: [&str; 5] = ["title", "description", "format", "contentEncoding", "contentMediaType"];
const COUNT: [&str; 6] = ["minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"];
const NUMBER: [&str; 4] = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];
const FLAG: [&str; 4] = ["uniqueItems", "deprecated", "readOnly", "writeOnly"];
const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "string", "integer"];
/// Those that say something of the very value that the schema around them is about.
const IN_PLACE: [&str; 2] = ["allOf", "anyOf"];

/// The schema of an object as it may stand at `place` (`#/components/schemas/…`); none if nothing can be made of it.
pub(super) fn embedded(raw: &str, place: &str) -> Option<Value> {
    if raw.len() > MAX_BYTES || json::is_deeper_than(raw, MAX_DEPTH) {
        return None;
    }
    let schema: Value = serde_json::from_str(raw).ok()?;
    let mut first = Copier::default();
    first.schema(&schema, "");
    let mut second = Copier { place, targets: first.seen, seen: BTreeSet::new() };
    let mut copy = second.schema(&schema, "");
    let members = copy.as_object_mut()?;
    let kind = members.entry("type").or_insert_with(|| "object".into());
    (kind == "object" && !goes_round(&copy, place, &second.seen)).then_some(copy)
}

/// Copies a schema twice: to see which places it has, then with the references that lead there.
#[derive(Default)]
struct Copier<'p> {
    place: &'p str,
    /// Where a reference may lead, as JSON pointers.
    targets: BTreeSet<String>,
    seen: BTreeSet<String>,
}

impl Copier<'_> {
    fn schema(&mut self, schema: &Value, at: &str) -> Value {
        self.seen.insert(at.to_string());
        match schema {
            Value::Object(members) => {
                let is_taken = |key: &str| match key {
                    // It is about what no pattern fits.
                    "additionalProperties" => !members.contains_key("patternProperties"),
                    "oneOf" => !members.contains_key("anyOf"),
                    // So OpenAPI 3.0 had it.
                    "type" | "enum" => members.get("nullable") != Some(&Value::Bool(true)),
                    _ => true,
                };
                let taken = members.iter().filter(|(key, _)| is_taken(key));
                Value::Object(taken.filter_map(|(key, value)| self.keyword(key, value, at)).collect())
            }
            Value::Bool(_) => schema.clone(),
            _ => Value::Bool(true),
        }
    }

    fn keyword(&mut self, key: &str, value: &Value, at: &str) -> Option<(String, Value)> {
        let key = match key {
            // A tuple of the drafts before 2020-12.
            "items" if value.is_array() => "prefixItems",
            "oneOf" => "anyOf",
            _ => key,
        };
        let at = format!("{at}/{key}");
        let copy = match value {
            Value::Object(_) | Value::Bool(_) if SCHEMA.contains(&key) => self.schema(value, &at),
            Value::Array(items) if LIST_OF_SCHEMAS.contains(&key) && !items.is_empty() => {
                items.iter().enumerate().map(|(n, item)| self.schema(item, &format!("{at}/{n}"))).collect()
            }
            Value::Object(members) if MAP_OF_SCHEMAS.contains(&key) => {
                let members = members.iter().map(|(name, member)| {
                    let token = name.replace('~', "~0").replace('/', "~1");
                    (name.clone(), self.schema(member, &format!("{at}/{token}")))
                });
                Value::Object(members.collect())
            }
            Value::String(target) if key == "$ref" => self.reference(target)?.into(),
            _ => is_plain(key, value).then(|| value.clone())?,
        };
        Some((key.to_string(), copy))
    }

    fn reference(&self, target: &str) -> Option<String> {
        let pointer = percent_decode_str(target.strip_prefix('#')?).decode_utf8().ok()?;
        let encoded = utf8_percent_encode(&pointer, POINTER);
        self.targets.contains(&*pointer).then(|| format!("{}{encoded}", self.place))
    }
}

/// Whether a keyword without schemas in it has a value that it may have.
fn is_plain(key: &str, value: &Value) -> bool {
    match value {
        Value::String(kind) if key == "type" => TYPES.contains(&kind.as_str()),
        Value::String(_) => TEXT.contains(&key) || key == "const",
        Value::Number(number) if COUNT.contains(&key) => number.is_u64(),
        Value::Number(number) if key == "multipleOf" => number.as_f64().is_some_and(|number| number > 0.0),
        Value::Number(_) => NUMBER.contains(&key) || key == "const",
        Value::Bool(_) => FLAG.contains(&key) || key == "const",
        Value::Array(items) if matches!(key, "required" | "type") => {
            let words: BTreeSet<&str> = items.iter().filter_map(Value::as_str).collect();
            let are_types = words.iter().all(|word| TYPES.contains(word)) && !words.is_empty();
            words.len() == items.len() && (key == "required" || are_types)
        }
        Value::Array(items) if key == "enum" => !items.is_empty(),
        Value::Array(_) => matches!(key, "const" | "examples"),
        Value::Object(_) | Value::Null => key == "const",
    }
}

/// Whether references lead from a place back to it without a step into the value: whoever follows them never ends.
fn goes_round(schema: &Value, place: &str, all: &BTreeSet<String>) -> bool {
    let mut done = BTreeSet::new();
    all.iter().any(|at| returns(schema, place, at, &mut Vec::new(), &mut done))
}

fn returns(
    schema: &Value,
    place: &str,
    at: &str,
    way: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> bool {
    if way.iter().any(|step| step == at) {
        return true;
    }
    if !done.insert(at.to_string()) {
        return false;
    }
    way.push(at.to_string());
    let members = schema.pointer(at).and_then(Value::as_object);
    let next = members.map(|members| steps(members, place, at)).unwrap_or_default();
    let comes_back = next.iter().any(|step| returns(schema, place, step, way, done));
    way.pop();
    comes_back
}

fn steps(members: &Map<String, Value>, place: &str, at: &str) -> Vec<String> {
    let target = members.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix(place));
    let target =
        target.and_then(|pointer| Some(percent_decode_str(pointer).decode_utf8().ok()?.into_owned()));
    let within = IN_PLACE.iter().filter_map(|key| Some((key, members.get(*key)?)));
    let within = within.flat_map(|(key, value)| match value {
        Value::Array(items) => (0..items.len()).map(|n| format!("{at}/{key}/{n}")).collect(),
        _ => vec![format!("{at}/{key}")],
    });
    within.chain(target).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const PLACE: &str = "#/components/schemas/x";

    fn of(schema: Value) -> Option<Value> {
        embedded(&schema.to_string(), PLACE)
    }

    #[test]
    fn references_lead_within_the_document() {
        let schema = json!({
            "type": "object", "$schema": "http://json-schema.org/draft-07/schema#", "$id": "x",
            "$defs": {"a b/c": {"type": "string"}, "tree": {"items": {"$ref": "#/$defs/tree"}}},
            "properties": {"p": {"$ref": "#/$defs/a%20b~1c"}, "$ref": {"$ref": "#"}, "e": {"enum": [{"$ref": "#/x"}]}},
        });
        let expected = json!({
            "type": "object",
            "$defs": {"a b/c": {"type": "string"}, "tree": {"items": {"$ref": format!("{PLACE}/$defs/tree")}}},
            "properties": {
                "p": {"$ref": format!("{PLACE}/$defs/a%20b~1c")},
                "$ref": {"$ref": PLACE},
                "e": {"enum": [{"$ref": "#/x"}]},
            },
        });
        assert_eq!(of(schema), Some(expected));
    }

    #[test]
    fn what_leads_nowhere_or_out_is_left_out() {
        for target in
            ["#/$defs/none", "#/properties/p/description", "#anchor", "http://a/b", "b.json", "", "#/%ff"]
        {
            let schema = json!({"properties": {"p": {"$ref": target, "description": "d"}}});
            let left = json!({"type": "object", "properties": {"p": {"description": "d"}}});
            assert_eq!(of(schema), Some(left), "{target}");
        }
    }

    #[test]
    fn older_drafts_become_this_one() {
        let schema = json!({"properties": {
            "n": {"minimum": 1, "exclusiveMinimum": true, "minLength": -1, "multipleOf": 0, "type": "any"},
            "t": {"items": [{"type": "string"}], "additionalItems": false, "required": true, "type": ["string", "null"]},
            "s": "string", "b": false,
        }});
        let expected = json!({"type": "object", "properties": {
            "n": {"minimum": 1}, "t": {"prefixItems": [{"type": "string"}], "type": ["string", "null"]},
            "s": true, "b": false,
        }});
        assert_eq!(of(schema), Some(expected));
    }

    #[test]
    fn the_copy_never_allows_less() {
        let schema = json!({"properties": {
            "n": {"not": {"pattern": "x"}, "if": {"pattern": "x"}, "then": {"minLength": 9}, "pattern": "("},
            "p": {"patternProperties": {"[": {}}, "additionalProperties": false, "unevaluatedProperties": false},
            "o": {"oneOf": [{"pattern": "a"}, {"pattern": "b"}]},
            "z": {"type": "string", "nullable": true, "enum": ["a"], "default": 7},
        }});
        let expected =
            json!({"type": "object", "properties": {"n": {}, "p": {}, "o": {"anyOf": [{}, {}]}, "z": {}}});
        assert_eq!(of(schema), Some(expected));
    }

    #[test]
    fn what_has_no_end_is_nothing() {
        for endless in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}}),
        ] {
            assert_eq!(of(endless.clone()), None, "{endless}");
        }
        let deep = format!("{}{{}}{}", r#"{"items":"#.repeat(50), "}".repeat(50));
        let long = json!({"description": "x".repeat(MAX_BYTES)}).to_string();
        for unfit in [&deep, &long, "[]", "true", "7", "{", r#"{"type":"string"}"#] {
            assert_eq!(embedded(unfit, PLACE), None, "{unfit:.20}");
        }
    }

    #[test]
    fn the_deepest_schema_fits_on_the_stack_of_any_thread() {
        for (step, levels) in
            [(r#"{"items":"#, 1), (r#"{"properties":{"p":"#, 2), (r#"{"items":[{"anyOf":["#, 4)]
        {
            let close: String = step
                .chars()
                .rev()
                .filter_map(|it| [('{', '}'), ('[', ']')].into_iter().find(|(open, _)| it == *open))
                .map(|(_, close)| close)
                .collect();
            let times = (MAX_DEPTH - 1) / levels;
            let schema = format!("{}{{}}{}", step.repeat(times), close.repeat(times));
            let copied =
                crate::thread::spawn("deep", move || embedded(&schema, PLACE).map(|copy| copy.to_string()));
            assert!(copied.unwrap().join().unwrap().is_some(), "{step}");
        }
    }

    /// What looks like a schema, with references that lead somewhere or not.
    fn any_schema() -> impl Strategy<Value = Value> {
        let targets = ["#", "#/properties/a", "#/allOf/0", "#/$defs/a", "#/items", "#/none"];
        let target = prop::sample::select(targets.to_vec());
        let leaf = prop_oneof![
            Just(json!({"type": "string", "minLength": 1})),
            Just(json!(7)),
            any::<bool>().prop_map(Value::from),
            target.prop_map(|target| json!({ "$ref": target })),
        ];
        leaf.prop_recursive(4, 20, 3, |inner| {
            let one = inner.clone();
            prop_oneof![
                (one.clone(), one.clone())
                    .prop_map(|(a, b)| json!({"$defs": {"a": a}, "properties": {"a": b}})),
                (one.clone(), one.clone()).prop_map(|(a, b)| json!({"allOf": [a, b], "type": "object"})),
                (one.clone(), one).prop_map(|(a, b)| json!({"items": a, "propertyNames": b, "minimum": "x"})),
                prop::collection::vec(inner, 0..3).prop_map(|all| json!({ "items": all })),
            ]
        })
    }

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(key, value)| match value {
                Value::String(target) if key == "$ref" => found.push(target.clone()),
                _ => references(value, found),
            }),
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn every_reference_that_is_left_leads_somewhere(schema in any_schema()) {
            let Some(copy) = of(schema) else { return Ok(()) };
            let mut found = Vec::new();
            references(&copy, &mut found);
            let document = json!({"components": {"schemas": {"x": copy}}});
            for target in found {
                let place = document.pointer(target.strip_prefix('#').unwrap());
                prop_assert!(place.is_some_and(|place| place.is_object() || place.is_boolean()), "{target}");
            }
        }

        #[test]
        fn whatever_comes_is_copied_or_not(text in "\\PC*") {
            let _ = embedded(&text, PLACE);
        }
    }
}
