//! `servers/*.json`: the `mcpServers` that other clients keep, each entry a server.

use super::expand::expand;
use super::jsonc;
use super::rules::Refusal;
use crate::config::{Environment, ServerTable};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// An entry: its key, and what it says or why it cannot be used.
pub(super) type Entry = (String, Result<ServerTable, Refusal>);

/// The entries of a file; `None` if it is some other JSON file.
///
/// # Errors
/// It is not JSON.
pub(super) fn entries(text: &str, variables: &Environment) -> Result<Option<Vec<Entry>>, String> {
    let file: Value = serde_json::from_str(&jsonc::to_json(text)).map_err(|error| error.to_string())?;
    let Some(servers) = file["mcpServers"].as_object() else {
        return Ok(None);
    };
    let read = |(name, entry): (&String, &Value)| (name.clone(), table(entry, variables));
    Ok(Some(servers.iter().map(read).collect()))
}

fn table(entry: &Value, variables: &Environment) -> Result<ServerTable, Refusal> {
    let Value::Object(entry) = entry else {
        return Err(Refusal::new("not a JSON object", "write {\"command\": …} or {\"url\": …}"));
    };
    if entry.get("disabled") == Some(&Value::Bool(true)) || entry.get("enabled") == Some(&Value::Bool(false))
    {
        return Ok(ServerTable { enabled: Some(false), ..ServerTable::default() });
    }
    let reader = Reader { entry, variables };
    if reader.is_remote() { reader.remote() } else { reader.child() }
}

struct Reader<'a> {
    entry: &'a Map<String, Value>,
    variables: &'a Environment,
}

impl Reader<'_> {
    fn is_remote(&self) -> bool {
        let kind = ["type", "transportType"].iter().find_map(|key| self.entry.get(*key)?.as_str());
        match kind {
            Some("stdio") => false,
            Some(_) => true,
            None => !self.entry.contains_key("command"),
        }
    }

    fn remote(&self) -> Result<ServerTable, Refusal> {
        let key = ["httpUrl", "url", "serverUrl"].into_iter().find(|key| self.entry.contains_key(*key));
        let key = key.ok_or_else(|| Refusal::new("it has neither a command nor a url", "add one of them"))?;
        Ok(ServerTable { url: self.text(key)?, headers: self.map("headers")?, ..ServerTable::default() })
    }

    fn child(&self) -> Result<ServerTable, Refusal> {
        let command = self.text("command")?;
        let (args, env, cwd) = (Some(self.list("args")?), self.map("env")?, self.text("cwd")?);
        Ok(ServerTable { command, args, env, cwd, ..ServerTable::default() })
    }

    fn text(&self, key: &str) -> Result<Option<String>, Refusal> {
        self.entry.get(key).filter(|value| !value.is_null()).map(|value| self.scalar(key, value)).transpose()
    }

    fn list(&self, key: &str) -> Result<Vec<String>, Refusal> {
        match self.entry.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(|item| self.scalar(key, item)).collect(),
            Some(_) => Err(Refusal::new(format!("{key} is not a list"), format!("write \"{key}\": [\"…\"]"))),
        }
    }

    fn map(&self, key: &str) -> Result<BTreeMap<String, String>, Refusal> {
        match self.entry.get(key) {
            None | Some(Value::Null) => Ok(BTreeMap::new()),
            Some(Value::Object(pairs)) => {
                let set = pairs.iter().filter(|(_, value)| !value.is_null());
                set.map(|(name, value)| Ok((name.clone(), self.scalar(&format!("{key}.{name}"), value)?)))
                    .collect()
            }
            Some(_) => {
                Err(Refusal::new(format!("{key} is not an object"), format!("write \"{key}\": {{…}}")))
            }
        }
    }

    fn scalar(&self, key: &str, value: &Value) -> Result<String, Refusal> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(Refusal::new(format!("{key} is not text"), "write it in quotes")),
        };
        expand(&text, self.variables).map_err(|name| {
            let reason = format!("{key} names the variable {name}, which is not set");
            Refusal::new(reason, format!("set {name} for mcp-proxy, or write ${{{name}:-default}}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::entries;
    use crate::config::{Environment, ServerTable};
    use proptest::prelude::*;

    fn one(entry: &str) -> Result<ServerTable, String> {
        let variables = Environment::from([("KEY".to_string(), "k".to_string())]);
        let file = entries(&format!("{{\"mcpServers\": {{\"a\": {entry},}} }} // end"), &variables);
        let (name, table) = file.unwrap().unwrap().remove(0);
        assert_eq!(name, "a");
        table.map_err(|refusal| format!("{}; {}", refusal.reason, refusal.remedy))
    }

    #[test]
    fn a_command_with_all_it_may_have() {
        let table = one(
            r#"{"command": "node", "args": ["x.js", 1], "env": {"K": "${KEY}", "N": 5, "X": null}, "cwd": "sub"}"#,
        );
        let table = table.unwrap();
        assert_eq!(table.command.as_deref(), Some("node"));
        assert_eq!(table.args.unwrap(), ["x.js", "1"]);
        assert_eq!(
            table.env,
            Environment::from([("K".to_string(), "k".to_string()), ("N".to_string(), "5".to_string())])
        );
        assert_eq!(table.cwd.as_deref(), Some("sub"));
    }

    #[test]
    fn a_url_under_any_of_its_names() {
        for key in ["url", "httpUrl", "serverUrl"] {
            let table =
                one(&format!(r#"{{"{key}": "https://x/mcp", "headers": {{"X": "${{KEY}}"}}}}"#)).unwrap();
            assert_eq!(table.url.as_deref(), Some("https://x/mcp"));
            assert_eq!(table.headers["X"], "k");
        }
    }

    #[test]
    fn disabled_entries_are_not_even_expanded() {
        assert_eq!(one(r#"{"command": "${NO}", "disabled": true}"#).unwrap().enabled, Some(false));
        assert_eq!(one(r#"{"command": "x", "disabled": false}"#).unwrap().enabled, None);
    }

    #[test]
    fn mistakes_lose_the_entry() {
        assert!(
            one(r#"{"command": "x", "args": ["${NO}"]}"#)
                .unwrap_err()
                .contains("variable NO, which is not set")
        );
        assert!(one(r#"{"type": "http"}"#).unwrap_err().contains("neither a command nor a url"));
        assert!(one(r#"{"command": "x", "args": "y"}"#).unwrap_err().contains("args is not a list"));
        assert!(one("3").unwrap_err().contains("not a JSON object"));
    }

    #[test]
    fn other_json_files_are_none_of_ours() {
        assert_eq!(entries(r#"{"name": "x"}"#, &Environment::new()), Ok(None));
        assert!(entries("{", &Environment::new()).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(junk in "\\PC{0,60}") {
            let _ = entries(&junk, &Environment::new());
        }
    }
}
