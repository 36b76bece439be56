//! Which arguments of a tool are to be repeated in headers: the properties of its input schema that are annotated
//! with `x-mcp-header` (2026-07-28, Streamable HTTP, Schema Extension).

use super::json;
use std::collections::HashMap;
use std::sync::Arc;

const KEY: &str = "x-mcp-header";
/// Tools that are remembered; the arguments of further ones are not repeated.
const MAX_TOOLS: usize = 10_000;
/// Arguments that lie deeper than this are not looked for.
const MAX_DEPTH: usize = 32;

/// Where an annotation must not stand: what lies under these is not at one place of the arguments.
const UNREACHABLE: [&str; 18] = [
    "items",
    "prefixItems",
    "contains",
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
    "propertyNames",
    "patternProperties",
    "dependentSchemas",
    "oneOf",
    "anyOf",
    "allOf",
    "not",
    "if",
    "then",
    "else",
    "$defs",
    "definitions",
];

/// An argument of a tool that a header repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// Name of the header in lower case: `mcp-param-…`.
    pub header: String,
    /// Where in the arguments the value stands: property names from the outside in.
    pub path: Vec<String>,
}

impl Annotation {
    /// The raw values that stand there in the parameters of a call; more than one if a name stands twice.
    pub(super) fn values<'t>(&self, params: Option<&'t str>) -> Vec<&'t str> {
        let arguments = params.map(|params| json::members(params, "arguments")).unwrap_or_default();
        let inside = |values: Vec<&'t str>, step: &String| {
            values.into_iter().flat_map(|value| json::members(value, step)).collect()
        };
        self.path.iter().fold(arguments, inside)
    }
}

/// The annotated tools of one server, as it listed them last. Those beyond the 10,000th are not remembered.
#[derive(Debug, Default)]
pub struct AnnotatedTools(HashMap<String, Arc<[Annotation]>>);

impl AnnotatedTools {
    /// What a call with these parameters repeats in headers.
    pub fn of(&self, params: Option<&str>) -> Arc<[Annotation]> {
        if self.0.is_empty() {
            return Arc::default();
        }
        let name = params.and_then(|params| json::member(params, "name")).and_then(json::string);
        name.and_then(|name| self.0.get(&name).map(Arc::clone)).unwrap_or_default()
    }

    /// Takes in an answer (raw) to `tools/list`, which may be one page of several.
    pub fn learn(&mut self, answer: &str) {
        if !answer.contains(KEY) && self.0.is_empty() {
            return;
        }
        for (tool, annotations) in json::member(answer, "result").map(annotations).unwrap_or_default() {
            if annotations.is_empty() {
                self.0.remove(&tool);
            } else if self.0.len() < MAX_TOOLS || self.0.contains_key(&tool) {
                self.0.insert(tool, annotations.into());
            }
        }
    }
}

/// The annotations of every tool in a result of `tools/list`. A tool without gets an empty list, and so does one
/// with an annotation that is not valid: no client repeats arguments of such a tool, so no server may insist.
fn annotations(tools_list_result: &str) -> Vec<(String, Vec<Annotation>)> {
    let tools = json::member(tools_list_result, "tools").and_then(json::items).unwrap_or_default();
    tools
        .into_iter()
        .filter_map(|tool| Some((json::string(json::member(tool, "name")?)?, of_tool(tool))))
        .collect()
}

fn of_tool(tool: &str) -> Vec<Annotation> {
    let mut found = Vec::new();
    match json::member(tool, "inputSchema").filter(|schema| schema.contains(KEY) || schema.contains('\\')) {
        Some(schema) if collect(schema, &[], &mut found).is_some() => found,
        _ => Vec::new(),
    }
}

/// Adds what is annotated in `schema`, which describes the argument at `path`; `None` once something is not valid.
fn collect(schema: &str, path: &[String], found: &mut Vec<Annotation>) -> Option<()> {
    if path.len() > MAX_DEPTH {
        return None;
    }
    // A schema may be a mere boolean.
    for (key, value) in json::entries(schema).unwrap_or_default() {
        match json::text(key).as_deref() {
            Some(KEY) => {
                let header = header(schema, value)?;
                let is_new = !path.is_empty() && found.iter().all(|other| other.header != header);
                is_new.then(|| found.push(Annotation { header, path: path.to_vec() }))?;
            }
            Some("properties") => {
                for (name, property) in json::entries(value).unwrap_or_default() {
                    collect(property, &[path, &[json::string(name)?]].concat(), found)?;
                }
            }
            Some(key) if UNREACHABLE.contains(&key) && value.contains("\"x-mcp-header\"") => return None,
            _ => {}
        }
    }
    Some(())
}

/// The header that the raw annotation in `schema` names. Numbers that need not be whole are not to be annotated,
/// but there are servers that insist on their headers all the same.
fn header(schema: &str, annotation: &str) -> Option<String> {
    let name = json::string(annotation)?;
    let kind = json::string(json::member(schema, "type")?)?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_valid = !name.is_empty() && name.bytes().all(is_token);
    let is_plain = matches!(kind.as_str(), "string" | "integer" | "boolean" | "number");
    (is_valid && is_plain).then(|| format!("mcp-param-{}", name.to_ascii_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::any_json;
    use super::*;
    use proptest::prelude::*;

    fn of_schema(schema: &str) -> Vec<(String, String)> {
        let result = format!(r#"{{"tools":[{{"name":"t","inputSchema":{schema}}}]}}"#);
        let [(name, found)] = annotations(&result).try_into().unwrap();
        assert_eq!(name, "t");
        found.into_iter().map(|annotation| (annotation.header, annotation.path.join("."))).collect()
    }

    fn pair(header: &str, path: &str) -> (String, String) {
        (header.to_string(), path.to_string())
    }

    #[test]
    fn annotated_properties_are_found_at_any_depth() {
        let schema = r#"{"type":"object","properties":{
            "region":{"x-mcp-header":"Region","type":"string"},"plain":{"type":"string"},"any":true,
            "deep":{"type":"object","properties":{"n":{"type":"integer","x\u002dmcp-header":"N"}}}}}"#;
        assert_eq!(of_schema(schema), [pair("mcp-param-region", "region"), pair("mcp-param-n", "deep.n")]);
        let property = r#"{"properties":{"x-mcp-header":{"type":"string"}}}"#;
        assert_eq!(of_schema(property), []);
    }

    #[test]
    fn one_invalid_annotation_spoils_the_tool() {
        let good = r#""good":{"type":"string","x-mcp-header":"Good"}"#;
        for bad in [
            r#"{"type":"string","x-mcp-header":""}"#,
            r#"{"type":"string","x-mcp-header":"a b"}"#,
            r#"{"type":"string","x-mcp-header":"a\r\n"}"#,
            r#"{"type":"string","x-mcp-header":"gOOD"}"#,
            r#"{"type":"string","x-mcp-header":7}"#,
            r#"{"type":"array","x-mcp-header":"A"}"#,
            r#"{"x-mcp-header":"A"}"#,
            r#"{"type":"array","items":{"type":"string","x-mcp-header":"A"}}"#,
            r#"{"anyOf":[{"type":"string","x-mcp-header":"A"}]}"#,
        ] {
            assert_eq!(of_schema(&format!(r#"{{"properties":{{{good},"bad":{bad}}}}}"#)), [], "{bad}");
        }
        assert_eq!(of_schema(&format!(r#"{{"properties":{{{good}}}}}"#)).len(), 1);
        assert_eq!(of_schema(r#"{"type":"string","x-mcp-header":"Root"}"#), []);
        let examples = format!(r#"{{"properties":{{{good}}},"examples":[{{"x-mcp-header":""}}]}}"#);
        assert_eq!(of_schema(&examples).len(), 1);
    }

    #[test]
    fn a_bottomless_schema_is_left_alone() {
        let deep = format!("{}{{\"x-mcp-header\":1}}", r#"{"properties":{"a":"#.repeat(20_000))
            + &"}}".repeat(20_000);
        assert_eq!(of_schema(&deep), []);
    }

    #[test]
    fn every_tool_with_a_name_is_listed() {
        let result = r#"{"tools":[{"name":"a"},{"name":"b","inputSchema":true},{},7]}"#;
        assert_eq!(annotations(result), [("a".to_string(), Vec::new()), ("b".to_string(), Vec::new())]);
        assert_eq!(annotations(r#"{"tools":{}}"#), []);
    }

    #[test]
    fn values_are_found_wherever_the_name_stands() {
        let annotation = Annotation { header: String::new(), path: vec!["a".into(), "b".into()] };
        let params = r#"{"arguments":{"a":{"b":1.0},"\u0061":{"b":2,"c":3}},"a":{"b":4}}"#;
        assert_eq!(annotation.values(Some(params)), ["1.0", "2"]);
        assert!(annotation.values(Some(r#"{"arguments":{"a":1}}"#)).is_empty());
        assert!(annotation.values(None).is_empty());
    }

    fn answer(tools: impl IntoIterator<Item = String>) -> String {
        let tools: Vec<String> = tools.into_iter().collect();
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#, tools.join(","))
    }

    fn tool(name: &str, header: &str) -> String {
        let property = format!(r#"{{"type":"string","{KEY}":"{header}"}}"#);
        format!(r#"{{"name":"{name}","inputSchema":{{"properties":{{"p":{property}}}}}}}"#)
    }

    /// The first header of a call of this tool.
    fn first(tools: &AnnotatedTools, name: &str) -> Option<String> {
        let found = tools.of(Some(&format!(r#"{{"name":"{name}"}}"#)));
        found.first().map(|annotation| annotation.header.clone())
    }

    #[test]
    fn what_was_listed_last_counts() {
        let mut tools = AnnotatedTools::default();
        tools.learn(&answer([tool("a", "Old"), tool("b", "B")]));
        tools.learn(&answer([tool("a", "New"), tool("c", "C")]));
        let header = |name| first(&tools, name).unwrap_or_default();
        assert_eq!([header("a"), header("b"), header("c")], ["mcp-param-new", "mcp-param-b", "mcp-param-c"]);
        assert!(tools.of(None).is_empty() && tools.of(Some("{}")).is_empty() && header("d").is_empty());
        tools.learn(&answer([r#"{"name":"a","inputSchema":{}}"#.to_string(), tool("b", "not valid")]));
        assert_eq!([first(&tools, "a"), first(&tools, "b")], [None, None]);
        tools.learn(r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x-mcp-header"}}"#);
        assert!(first(&tools, "c").is_some());
    }

    #[test]
    fn too_many_tools_are_not_remembered() {
        let mut tools = AnnotatedTools::default();
        tools.learn(&answer((0..=MAX_TOOLS).map(|n| tool(&format!("t{n}"), "H"))));
        let last = |tools: &AnnotatedTools| first(tools, &format!("t{}", MAX_TOOLS - 1));
        assert_eq!((last(&tools), tools.0.len()), (Some("mcp-param-h".to_string()), MAX_TOOLS));
        tools.learn(&answer([tool("t0", "New"), tool("other", "New")]));
        assert_eq!(first(&tools, "t0").as_deref(), Some("mcp-param-new"));
        assert_eq!(first(&tools, "other"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC*", json in any_json(4)) {
            let tools = answer([format!(r#"{{"name":"t","x-mcp-header":0,"inputSchema":{json}}}"#)]);
            for answer in [text, tools] {
                annotations(&answer);
                AnnotatedTools::default().learn(&answer);
            }
        }
    }
}
