//! The files in which other clients keep their servers: Claude Desktop, Claude Code, VS Code, Cursor, Gemini and the
//! like. Each entry is a server.

use super::expand::{Bare, expand};
use super::jsonc;
use super::rules::Refusal;
use crate::config::dotenv;
use crate::config::spec::Transport;
use crate::config::{Environment, ServerTable};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Numbers from here on are milliseconds: Gemini and Claude Code count in them, Cline and Roo in seconds.
const FIRST_MS: u64 = 1000;
const A_DAY_IN_SECONDS: u64 = 24 * 3600;

/// What a file is read with.
pub(super) struct Context<'a> {
    /// What `${VAR}` stands for.
    pub(super) variables: Environment,
    /// Whether `$VAR` is replaced too.
    pub(super) bare: Bare,
    /// What becomes of an entry whose `env` names a variable that is not set.
    pub(super) unset: Unset,
    /// Reads an `envFile`; `None` if there is none.
    pub(super) read: Read<'a>,
}

/// From a path to the text of the file there.
type Read<'a> = Box<dyn Fn(&str) -> Option<Result<String, String>> + 'a>;

/// What to do about `env` that names a variable which is not set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unset {
    /// The entry is refused: its owner wrote it for this machine.
    Refuse,
    /// The server is told to be in need of it: the file came with the server.
    Require,
}

/// An entry: its key, and what it says or why it cannot be used.
pub(super) type Entry = (String, Result<Said, Refusal>);

/// What an entry says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    /// In our words.
    pub(super) table: ServerTable,
    /// Variables it names and that are not set, with [`Unset::Require`].
    pub(super) required: Vec<String>,
}

/// `variables` and what clients have beside them: `${workspaceFolder}` and its kin.
pub(super) fn variables(own: &Environment, folder: &Path) -> Environment {
    let here = folder.to_string_lossy().into_owned();
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let home = own.get("HOME").cloned().unwrap_or_default();
    let mut all = own.clone();
    for folder in [
        "workspaceFolder",
        "workspaceRoot",
        "workspacePath",
        "extensionPath",
        "CLAUDE_PLUGIN_ROOT",
        "PLUGIN_ROOT",
        "CLAUDE_PROJECT_DIR",
        "cwd",
    ] {
        all.insert(folder.to_string(), here.clone());
    }
    let rest = [
        ("workspaceFolderBasename", name),
        ("userHome", home),
        ("/", "/".into()),
        ("pathSeparator", "/".into()),
    ];
    all.extend(rest.map(|(name, value)| (name.to_string(), value)));
    all
}

/// The entries of a file in its order; `None` if it is some other JSON file.
///
/// # Errors
/// It is not JSON.
pub(super) fn entries(text: &str, context: &Context<'_>) -> Result<Option<Vec<Entry>>, String> {
    let file = InOrder::of(&jsonc::read::<Box<RawValue>>(text)?);
    let mut variables = context.variables.clone();
    let inputs = inputs(file.get("inputs").and_then(|raw| serde_json::from_str(raw.get()).ok()), &variables);
    variables.extend(inputs);
    let read = |(name, entry): (String, Box<RawValue>)| {
        let entry = serde_json::from_str(entry.get()).unwrap_or(Value::Null);
        (name, said(&entry, &variables, context))
    };
    Ok(servers(file).map(|servers| servers.0.into_iter().map(read).collect()))
}

/// `mcpServers`, or VS Code's `servers` (in its settings under `mcp`), or entries without anything around them.
fn servers(file: InOrder) -> Option<InOrder> {
    let inside = |key: &str| Some(InOrder::of(file.get(key)?));
    if let Some(raw) = file.get("mcpServers").filter(|raw| raw.get().starts_with('{')) {
        return Some(InOrder::of(raw));
    }
    let vs_code = [inside("servers"), inside("mcp").and_then(|mcp| Some(InOrder::of(mcp.get("servers")?)))];
    vs_code.into_iter().flatten().chain([file]).find(InOrder::are_servers)
}

/// An object with its order: the first of several servers is the one that was written first.
#[derive(Default)]
struct InOrder(Vec<(String, Box<RawValue>)>);

impl InOrder {
    /// Empty, if it is no object.
    fn of(raw: &RawValue) -> InOrder {
        serde_json::from_str(raw.get()).unwrap_or_default()
    }

    fn get(&self, key: &str) -> Option<&RawValue> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| &**value)
    }

    /// Whether each value looks like a server, so that it is no other object of that name.
    fn are_servers(&self) -> bool {
        let is_server = |value: &RawValue| {
            let entry = InOrder::of(value);
            ["command", "url", "httpUrl", "serverUrl"].iter().any(|key| entry.get(key).is_some())
        };
        !self.0.is_empty() && self.0.iter().all(|(_, value)| is_server(value))
    }
}

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = InOrder;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
                let mut all = InOrder::default();
                while let Some(entry) = map.next_entry()? {
                    all.0.push(entry);
                }
                Ok(all)
            }
        }
        input.deserialize_map(Entries)
    }
}

/// VS Code asks its user for these. We take the variable of the same name, or the default, and else name the input.
fn inputs(asked: Option<Vec<Value>>, variables: &Environment) -> Environment {
    let value = |input: Value| {
        let id = input["id"].as_str()?;
        let set = variables.get(id).or_else(|| variables.get(&variable_of(id)));
        let value = set.map(String::as_str).or(input["default"].as_str().filter(|text| !text.is_empty()))?;
        Some((format!("input:{id}"), value.to_string()))
    };
    asked.into_iter().flatten().filter_map(value).collect()
}

/// `steam-api-key` as the name of a variable: `STEAM_API_KEY`.
pub(super) fn variable_of(id: &str) -> String {
    let letter =
        |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    id.chars().map(letter).collect()
}

fn said(entry: &Value, variables: &Environment, context: &Context<'_>) -> Result<Said, Refusal> {
    let Value::Object(entry) = entry else {
        return Err(Refusal::new("not a JSON object", "write {\"command\": …} or {\"url\": …}"));
    };
    if entry.get("disabled") == Some(&Value::Bool(true)) || entry.get("enabled") == Some(&Value::Bool(false))
    {
        let table = ServerTable { enabled: Some(false), ..ServerTable::default() };
        return Ok(Said { table, ..Said::default() });
    }
    let reader = Reader { entry, variables, context };
    match (reader.is_remote(), context.unset) {
        (false, _) => reader.child(),
        (true, Unset::Refuse) => reader.remote(),
        // It names a server elsewhere, whose variables are nothing to the folder.
        (true, Unset::Require) => Ok(Said::default()),
    }
}

struct Reader<'a> {
    entry: &'a Map<String, Value>,
    variables: &'a Environment,
    context: &'a Context<'a>,
}

impl Reader<'_> {
    fn kind(&self) -> Option<&str> {
        ["type", "transportType", "transport"].iter().find_map(|key| self.entry.get(*key)?.as_str())
    }

    fn is_remote(&self) -> bool {
        match self.kind() {
            Some("stdio") => false,
            Some(_) => true,
            None => !self.entry.contains_key("command"),
        }
    }

    fn remote(&self) -> Result<Said, Refusal> {
        let key = ["httpUrl", "url", "serverUrl"].into_iter().find(|key| self.entry.contains_key(*key));
        let key = key.ok_or_else(|| Refusal::new("it has neither a command nor a url", "add one of them"))?;
        let (url, headers) = (self.text(key)?, self.pairs("headers")?);
        let headers = headers.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let call_timeout_seconds = self.timeout();
        Ok(Said::of(ServerTable { url, headers, call_timeout_seconds, ..ServerTable::default() }))
    }

    fn child(&self) -> Result<Said, Refusal> {
        let (env, required) = self.env()?;
        let table = ServerTable {
            command: self.text("command")?,
            args: Some(self.list("args")?),
            env,
            cwd: self.text("cwd")?,
            transport: (self.kind() == Some("stdio")).then_some(Transport::Stdio),
            call_timeout_seconds: self.timeout(),
            ..ServerTable::default()
        };
        Ok(Said { table, required })
    }

    /// The variables of `envFile`, and `env` over them: `null` removes.
    fn env(&self) -> Result<(Environment, Vec<String>), Refusal> {
        let mut env = self.env_file()?;
        let mut required = Vec::new();
        for (name, value) in self.entry_of("env")? {
            match self.optional(value) {
                Ok(Some(value)) => drop(env.insert(name.clone(), value)),
                Ok(None) => drop(env.remove(name)),
                Err(Missing::Variable(unset)) if self.context.unset == Unset::Require => required.push(unset),
                Err(missing) => return Err(missing.refusal(&format!("env.{name}"))),
            }
        }
        Ok((env, required))
    }

    fn env_file(&self) -> Result<Environment, Refusal> {
        let Some(file) = self.text("envFile")? else {
            return Ok(Environment::new());
        };
        let refusal = |fault: String| {
            Refusal::new(format!("its envFile {file} {fault}"), "correct the path or the file")
        };
        let text = (self.context.read)(&file).ok_or_else(|| refusal("does not exist".to_string()))?;
        let text = text.map_err(|fault| refusal(format!("cannot be read: {fault}")))?;
        let pairs = dotenv::parse(&text, &Environment::new());
        let pairs = pairs.map_err(|fault| refusal(format!("cannot be used: {fault}")))?;
        Ok(pairs.into_iter().collect())
    }

    /// How long a call may take.
    fn timeout(&self) -> Option<u64> {
        let time = self.entry.get("timeout")?.as_u64().filter(|time| *time > 0)?;
        let seconds = if time < FIRST_MS { time } else { time.div_ceil(1000) };
        Some(seconds.min(A_DAY_IN_SECONDS))
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

    /// Names with their values; none for `null`.
    fn pairs(&self, key: &str) -> Result<BTreeMap<String, Option<String>>, Refusal> {
        let read = |(name, value): (&String, &Value)| {
            let value = self.optional(value);
            Ok((name.clone(), value.map_err(|missing| missing.refusal(&format!("{key}.{name}")))?))
        };
        self.entry_of(key)?.into_iter().map(read).collect()
    }

    fn entry_of(&self, key: &str) -> Result<Vec<(&String, &Value)>, Refusal> {
        match self.entry.get(key) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Object(pairs)) => Ok(pairs.iter().collect()),
            Some(_) => {
                Err(Refusal::new(format!("{key} is not an object"), format!("write \"{key}\": {{…}}")))
            }
        }
    }

    fn optional(&self, value: &Value) -> Result<Option<String>, Missing> {
        if value.is_null() { Ok(None) } else { self.expanded(value).map(Some) }
    }

    fn scalar(&self, key: &str, value: &Value) -> Result<String, Refusal> {
        self.expanded(value).map_err(|missing| missing.refusal(key))
    }

    fn expanded(&self, value: &Value) -> Result<String, Missing> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return Err(Missing::Text),
        };
        expand(&text, self.variables, self.context.bare).map_err(Missing::of)
    }
}

impl Said {
    fn of(table: ServerTable) -> Said {
        Said { table, required: Vec::new() }
    }
}

/// Why a value cannot be used.
enum Missing {
    /// It is no text.
    Text,
    /// A variable is not set.
    Variable(String),
    /// The editor would ask its user.
    Input(String),
    /// The editor would look it up: `${config:…}`, `${command:…}`.
    Editor(String),
}

impl Missing {
    fn of(name: String) -> Missing {
        match name.split_once(':') {
            Some(("input", id)) => Missing::Input(id.to_string()),
            Some(_) => Missing::Editor(name),
            None => Missing::Variable(name),
        }
    }

    fn refusal(self, key: &str) -> Refusal {
        match self {
            Missing::Text => Refusal::new(format!("{key} is not text"), "write it in quotes"),
            Missing::Variable(name) => Refusal::new(
                format!("{key} names the variable {name}, which is not set"),
                format!("set {name} for mcp-proxy, or write ${{{name}:-default}}"),
            ),
            Missing::Input(id) => Refusal::new(
                format!("{key} is the input {id}, for which the editor asks its user"),
                format!(
                    "set {} for mcp-proxy, or write the value in place of ${{input:{id}}}",
                    variable_of(&id)
                ),
            ),
            Missing::Editor(name) => Refusal::new(
                format!("{key} holds ${{{name}}}, which only the editor knows"),
                "write the value in its place",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bare, Context, Entry, Said, Unset, entries, variables};
    use crate::config::Environment;
    use crate::config::spec::Transport;
    use proptest::prelude::*;
    use std::path::Path;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    fn read(text: &str, unset: Unset) -> Result<Option<Vec<Entry>>, String> {
        let own = environment(&[("KEY", "k"), ("HOME", "/home/a"), ("STEAM_ID", "7")]);
        let read = |file: &str| match file {
            "/srv/notes/.env" => Some(Ok("FILE=f\nKEY=file\nGONE=1\n".to_string())),
            "/srv/notes/bad" => Some(Ok("S3CRET LINE\n".to_string())),
            _ => None,
        };
        let variables = variables(&own, Path::new("/srv/notes"));
        entries(text, &Context { variables, bare: Bare::Stays, unset, read: Box::new(read) })
    }

    fn of(entry: &str, unset: Unset) -> Result<Said, String> {
        let file = read(&format!("{{\"mcpServers\": {{\"a\": {entry},}} }} // end"), unset);
        let (name, said) = file.unwrap().unwrap().remove(0);
        assert_eq!(name, "a");
        said.map_err(|refusal| format!("{}; {}", refusal.reason, refusal.remedy))
    }

    fn one(entry: &str) -> Result<Said, String> {
        of(entry, Unset::Refuse)
    }

    fn names(text: &str) -> Option<Vec<String>> {
        Some(read(text, Unset::Refuse).unwrap()?.into_iter().map(|(name, _)| name).collect())
    }

    #[test]
    fn a_command_with_all_it_may_have() {
        let table = one(
            r#"{"command": "node", "args": ["${workspaceFolder}${/}x.js", 1], "cwd": "sub", "type": "stdio",
                "env": {"K": "${KEY}", "N": 5, "X": null, "H": "${userHome}"}, "timeout": 90000, "sandbox": {}}"#,
        );
        let table = table.unwrap().table;
        assert_eq!(table.command.as_deref(), Some("node"));
        assert_eq!(table.args.unwrap(), ["/srv/notes/x.js", "1"]);
        assert_eq!(table.env, environment(&[("K", "k"), ("N", "5"), ("H", "/home/a")]));
        assert_eq!(table.cwd.as_deref(), Some("sub"));
        assert_eq!((table.transport, table.call_timeout_seconds), (Some(Transport::Stdio), Some(90)));
    }

    #[test]
    fn a_url_under_any_of_its_names() {
        for key in ["url", "httpUrl", "serverUrl"] {
            let table = one(&format!(
                r#"{{"{key}": "https://x/mcp", "headers": {{"X": "${{KEY}}"}}, "timeout": 60}}"#
            ));
            let table = table.unwrap().table;
            assert_eq!(table.url.as_deref(), Some("https://x/mcp"));
            assert_eq!((table.headers["X"].as_str(), table.call_timeout_seconds), ("k", Some(60)));
        }
    }

    #[test]
    fn env_stands_over_its_file_and_null_removes() {
        let entry =
            r#"{"command": "x", "envFile": "${workspaceFolder}/.env", "env": {"KEY": "env", "GONE": null}}"#;
        assert_eq!(one(entry).unwrap().table.env, environment(&[("FILE", "f"), ("KEY", "env")]));
        let bad = one(r#"{"command": "x", "envFile": "/srv/notes/bad"}"#).unwrap_err();
        assert!(bad.contains("a line is not NAME=value") && !bad.contains("S3CRET"), "{bad}");
        assert!(
            one(r#"{"command": "x", "envFile": "none"}"#)
                .unwrap_err()
                .contains("envFile none does not exist")
        );
    }

    #[test]
    fn disabled_entries_are_not_even_expanded() {
        assert_eq!(one(r#"{"command": "${NO}", "disabled": true}"#).unwrap().table.enabled, Some(false));
        assert_eq!(one(r#"{"command": "${NO}", "enabled": false}"#).unwrap().table.enabled, Some(false));
        assert_eq!(one(r#"{"command": "x", "disabled": false}"#).unwrap().table.enabled, None);
    }

    #[test]
    fn an_input_is_a_variable_or_a_default_or_named() {
        let file = |inputs: &str, id: &str| {
            let text = format!(
                r#"{{"inputs": {inputs}, "servers": {{"a": {{"command": "x", "args": ["${{input:{id}}}"]}}}}}}"#
            );
            let (_, said) = read(&text, Unset::Refuse).unwrap().unwrap().remove(0);
            said.map(|said| said.table.args.unwrap().remove(0))
                .map_err(|refusal| format!("{}; {}", refusal.reason, refusal.remedy))
        };
        assert_eq!(file(r#"[{"id": "steam-id", "type": "promptString"}]"#, "steam-id").unwrap(), "7");
        assert_eq!(file(r#"[{"id": "dir", "default": "/srv"}]"#, "dir").unwrap(), "/srv");
        let said = file(r#"[{"id": "api-key", "password": true}]"#, "api-key").unwrap_err();
        assert!(
            said.starts_with("args is the input api-key, for which the editor asks its user; set API_KEY"),
            "{said}"
        );
    }

    #[test]
    fn mistakes_lose_the_entry() {
        let unset = one(r#"{"command": "x", "args": ["${NO}"]}"#).unwrap_err();
        assert!(unset.contains("variable NO, which is not set"), "{unset}");
        assert!(
            one(r#"{"command": "${config:a.b}"}"#)
                .unwrap_err()
                .contains("${config:a.b}, which only the editor knows")
        );
        assert!(one(r#"{"type": "http"}"#).unwrap_err().contains("neither a command nor a url"));
        assert!(one(r#"{"command": "x", "args": "y"}"#).unwrap_err().contains("args is not a list"));
        assert!(one("3").unwrap_err().contains("not a JSON object"));
    }

    #[test]
    fn what_came_with_a_server_may_leave_variables_to_be_set() {
        let entry = r#"{"command": "x", "env": {"A": "${NO}", "B": "${KEY}"}}"#;
        let said = of(entry, Unset::Require).unwrap();
        assert_eq!(
            (said.required.as_slice(), &said.table.env),
            (["NO".to_string()].as_slice(), &environment(&[("B", "k")]))
        );
        assert!(one(entry).unwrap_err().contains("env.A names the variable NO"));
    }

    #[test]
    fn every_client_s_frame_is_known() {
        assert_eq!(
            names(r#"{"mcpServers": {"z": {"command": "x"}, "a": {"url": "y"}}}"#).unwrap(),
            ["z", "a"]
        );
        assert_eq!(names(r#"{"servers": {"a": {"type": "http", "url": "x"}}}"#).unwrap(), ["a"]);
        assert_eq!(names(r#"{"mcp": {"servers": {"a": {"command": "x"}}}}"#).unwrap(), ["a"]);
        assert_eq!(names(r#"{"a": {"command": "x"}, "b": {"command": "y"}}"#).unwrap(), ["a", "b"]);
    }

    #[test]
    fn other_json_files_are_none_of_ours() {
        for other in [r#"{"name": "x"}"#, r#"{"servers": {"a": 1}}"#, r#"{"servers": []}"#, "[1]", "3", "{}"]
        {
            assert_eq!(names(other), None, "{other}");
        }
        assert!(read("{", Unset::Refuse).is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(junk in "\\PC{0,60}", entry in "[a-z{}\\[\\]\":,$0-9]{0,40}") {
            let _ = read(&junk, Unset::Refuse);
            let _ = read(&format!("{{\"servers\": {{\"a\": {entry}}}}}"), Unset::Require);
            let _ = read(&format!("{{\"mcpServers\": {{\"a\": {{\"command\": {entry}}}}}}}"), Unset::Require);
        }
    }
}
