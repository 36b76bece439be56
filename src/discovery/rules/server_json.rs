//! The registry's `server.json`. It does not say how a checkout is started, but which variables and arguments the
//! server needs.

use super::Scene;
use serde_json::Value;

const FILES: [&str; 2] = ["server.json", ".mcp/server.json"];

/// Names of the variables that every package which names any cannot do without.
pub(super) fn required(scene: &Scene<'_>) -> Vec<String> {
    let packages = packages(scene);
    let named = packages.iter().filter_map(|package| {
        let variables = either(package, "environmentVariables", "environment_variables").as_array()?;
        Some(variables.iter().filter_map(needed).collect::<Vec<_>>())
    });
    named.reduce(|all, some| all.into_iter().filter(|name| some.contains(name)).collect()).unwrap_or_default()
}

/// The arguments that packages are started with, where they are said in full.
pub(super) fn arguments(scene: &Scene<'_>) -> Vec<Vec<String>> {
    packages(scene).iter().filter_map(of_package).collect()
}

fn packages(scene: &Scene<'_>) -> Vec<Value> {
    let text = FILES.iter().find_map(|file| scene.folder.read(file)?.ok());
    let file: Value = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    file["packages"].as_array().cloned().unwrap_or_default()
}

/// Old files write their names with `_`.
fn either<'v>(value: &'v Value, new: &str, old: &str) -> &'v Value {
    if value[new].is_null() { &value[old] } else { &value[new] }
}

fn needed(variable: &Value) -> Option<String> {
    let needed = either(variable, "isRequired", "is_required").as_bool() == Some(true)
        && variable["default"].is_null()
        && variable["value"].is_null();
    variable["name"].as_str().filter(|_| needed).map(str::to_string)
}

fn of_package(package: &Value) -> Option<Vec<String>> {
    let mut words = Vec::new();
    for argument in either(package, "packageArguments", "package_arguments").as_array()? {
        let value = argument["value"].as_str().or(argument["default"].as_str());
        let is_needed = either(argument, "isRequired", "is_required").as_bool() == Some(true);
        match (argument["type"].as_str(), value) {
            (Some("named"), value) => {
                words.push(argument["name"].as_str()?.to_string());
                words.extend(value.map(str::to_string));
            }
            (_, Some(value)) => words.push(value.to_string()),
            // Only its user could say it.
            (_, None) if is_needed => return None,
            (_, None) => {}
        }
    }
    let in_full = words
        .iter()
        .all(|word| !word.is_empty() && !word.contains(['{', '$', '<']) && !word.starts_with('/'));
    in_full.then_some(words)
}

#[cfg(test)]
mod tests {
    use super::super::super::folder::memory::Memory;
    use super::super::super::machine::Machine;
    use super::super::tests::scene;
    use super::{arguments, required};
    use proptest::prelude::*;

    fn needs(text: &str) -> Vec<String> {
        required(&scene(&Memory::default().file("server.json", text), &Machine::with(&[])))
    }

    fn words(text: &str) -> Vec<String> {
        let folder = Memory::default().file(".mcp/server.json", text);
        arguments(&scene(&folder, &Machine::with(&[]))).iter().map(|list| list.join(" ")).collect()
    }

    #[test]
    fn a_required_variable_without_a_default_is_needed() {
        let text = r#"{"packages": [{"environmentVariables": [{"name": "A", "isRequired": true, "isSecret": true},
            {"name": "B", "isRequired": true, "default": "x"}, {"name": "C"}]}]}"#;
        assert_eq!(needs(text), ["A"]);
        let old = r#"{"packages": [{"environment_variables": [{"name": "A", "is_required": true}]}]}"#;
        assert_eq!(needs(old), ["A"]);
        assert!(needs("{").is_empty() && needs("{}").is_empty());
    }

    #[test]
    fn what_only_one_of_several_packages_needs_can_be_done_without() {
        let text = r#"{"packages": [{"environmentVariables": [{"name": "A", "isRequired": true}]}, {},
            {"environmentVariables": [{"name": "A", "isRequired": true}, {"name": "B", "isRequired": true}]}]}"#;
        assert_eq!(needs(text), ["A"]);
    }

    #[test]
    fn arguments_that_are_said_in_full_are_hints() {
        let with =
            |arguments: &str| words(&format!(r#"{{"packages": [{{"packageArguments": {arguments}}}]}}"#));
        assert_eq!(with(r#"[{"type": "positional", "value": "--stdio"}]"#), ["--stdio"]);
        assert_eq!(
            with(r#"[{"type": "named", "name": "--transport", "value": "stdio"}]"#),
            ["--transport stdio"]
        );
        assert_eq!(with(r#"[{"type": "named", "name": "--stdio"}]"#), ["--stdio"]);
        assert!(with(r#"[{"type": "positional", "valueHint": "directory", "isRequired": true}]"#).is_empty());
        assert!(with(r#"[{"type": "positional", "value": "{dir}"}]"#).is_empty());
    }

    proptest! {
        #[test]
        fn no_server_json_panics(junk in "[a-z{}\\[\\]\":,0-9]{0,60}") {
            needs(&junk);
            needs(&format!("{{\"packages\": [{junk}]}}"));
            words(&format!("{{\"packages\": [{{\"packageArguments\": [{junk}]}}]}}"));
        }
    }
}
