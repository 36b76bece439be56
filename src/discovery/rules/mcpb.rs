//! `manifest.json` of an unpacked bundle (MCPB, formerly DXT). In a source checkout it speaks of the packed bundle and
//! its paths do not exist: then it is none.

use super::super::client_file::variable_of;
use super::super::expand::{Bare, expand};
use super::{Candidate, Findings, Refusal, Scene};
use crate::config::Environment;
use serde_json::Value;
use std::collections::BTreeMap;

pub(super) const FILE: &str = "manifest.json";
const HERE: &str = "${__dirname}";

/// The rule.
pub(super) fn rule(scene: &Scene<'_>) -> Findings {
    let text = scene.folder.read(FILE);
    // Browser extensions and web apps have a file of that name too: one that cannot be read is not ours to name.
    let Some(manifest) = text.and_then(Result::ok).and_then(|text| serde_json::from_str::<Value>(&text).ok())
    else {
        return Findings::default();
    };
    let versioned = ["manifest_version", "dxt_version"].iter().any(|key| !manifest[*key].is_null());
    if !versioned || !manifest["server"].is_object() {
        return Findings::default();
    }
    bundle(scene, &manifest).unwrap_or_else(|refusal| Findings::nothing_but(FILE, refusal))
}

fn bundle(scene: &Scene<'_>, manifest: &Value) -> Result<Findings, Refusal> {
    let said = Launch::of(&manifest["server"]).ok_or_else(|| {
        Refusal::new(
            "it names neither a command nor an entry_point",
            format!("repair {}/{FILE}", scene.shown),
        )
    })?;
    said.check_paths(scene)?;
    let settings = Settings::of(scene, manifest);
    let mut command = vec![scene.machine.stand_in(&settings.put_into(scene, &said.command)?)];
    for arg in &said.args {
        command.extend(settings.argument(scene, arg)?);
    }
    let (env, required) = settings.env(scene, &said.env)?;
    let way = Candidate { declared_by: FILE.to_string(), command, env, ..Candidate::default() };
    Ok(Findings { required, ..Findings::way(way) })
}

/// How the manifest starts it.
struct Launch {
    entry_point: Option<String>,
    command: String,
    args: Vec<String>,
    env: BTreeMap<String, String>,
}

impl Launch {
    fn of(server: &Value) -> Option<Launch> {
        let platform = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
        let config = &server["mcp_config"];
        let own = &config["platform_overrides"][platform];
        let either = |key: &str| if own[key].is_null() { config[key].clone() } else { own[key].clone() };
        let entry_point =
            server["entry_point"].as_str().map(|path| path.trim_start_matches("./").to_string());
        let texts = |value: &Value| -> Vec<String> {
            value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|item| Some(item.as_str()?.to_string()))
                .collect()
        };
        let pairs = |value: &Value| -> BTreeMap<String, String> {
            let pairs = value.as_object().into_iter().flatten();
            pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_string()))).collect()
        };
        let env = pairs(&config["env"]).into_iter().chain(pairs(&own["env"])).collect();
        match either("command").as_str() {
            Some(command) => {
                Some(Launch { command: command.to_string(), args: texts(&either("args")), env, entry_point })
            }
            // Only bundles for uv may leave the command out.
            None => {
                let args = vec!["run".to_string(), format!("{HERE}/{}", entry_point.as_deref()?)];
                Some(Launch { command: "uv".to_string(), args, env, entry_point })
            }
        }
    }

    /// The files it names must be there; if it names none, its entry point.
    fn check_paths(&self, scene: &Scene<'_>) -> Result<(), Refusal> {
        let words = std::iter::once(&self.command).chain(&self.args);
        let named =
            words.filter_map(|word| Some(word.split_once(HERE)?.1.trim_start_matches('/').to_string()));
        let mut named: Vec<String> = named.filter(|path| !path.is_empty() && !path.contains('$')).collect();
        if named.is_empty() {
            named.extend(self.entry_point.clone());
        }
        match named.into_iter().find(|path| scene.folder.look(path).is_none()) {
            None => Ok(()),
            Some(path) => Err(Refusal::new(
                format!("it names {path}, which is in the packed bundle only"),
                format!(
                    "unpack the bundle into {}, or let the project's other files say how it starts",
                    scene.shown
                ),
            )),
        }
    }
}

/// What `${…}` stands for in a manifest.
struct Settings<'a> {
    variables: Environment,
    user_config: &'a Value,
}

impl<'a> Settings<'a> {
    fn of(scene: &Scene<'_>, manifest: &'a Value) -> Settings<'a> {
        let home = scene.machine.variables.get("HOME").cloned().unwrap_or_default();
        let mut variables: Environment = [
            ("__dirname", scene.root.to_string_lossy().into_owned()),
            ("/", "/".to_string()),
            ("pathSeparator", "/".to_string()),
            ("DESKTOP", format!("{home}/Desktop")),
            ("DOCUMENTS", format!("{home}/Documents")),
            ("DOWNLOADS", format!("{home}/Downloads")),
            ("HOME", home),
        ]
        .map(|(name, value)| (name.to_string(), value))
        .into();
        let user_config = &manifest["user_config"];
        let dotenv = scene.dotenv();
        for (key, setting) in user_config.as_object().into_iter().flatten() {
            let own = [key.clone(), variable_of(key)].iter().find_map(|name| dotenv.get(name).cloned());
            let default = || {
                text(&setting["default"]).map(|text| expand(&text, &variables, Bare::Stays).unwrap_or(text))
            };
            if let Some(value) = own.or_else(default) {
                variables.insert(format!("user_config.{key}"), value);
            }
        }
        Settings { variables, user_config }
    }

    fn key(word: &str) -> Option<&str> {
        word.strip_prefix("${user_config.")?.strip_suffix('}')
    }

    /// An argument: none for a setting that may be left out, several for one that takes several.
    fn argument(&self, scene: &Scene<'_>, word: &str) -> Result<Vec<String>, Refusal> {
        if let Some(key) = Self::key(word) {
            let setting = &self.user_config[key];
            if let Some(several) = setting["default"].as_array().filter(|_| setting["multiple"] == true) {
                let several = several.iter().filter_map(text);
                return several.map(|value| self.put_into(scene, &value)).collect();
            }
            if !self.variables.contains_key(&format!("user_config.{key}")) && setting["required"] != true {
                return Ok(Vec::new());
            }
        }
        Ok(vec![self.put_into(scene, word)?])
    }

    /// The variables, and the names of those whose setting is required and not made.
    fn env(
        &self,
        scene: &Scene<'_>,
        said: &BTreeMap<String, String>,
    ) -> Result<(Environment, Vec<String>), Refusal> {
        let (mut env, mut required) = (Environment::new(), Vec::new());
        for (name, value) in said {
            match Self::key(value).filter(|key| !self.variables.contains_key(&format!("user_config.{key}"))) {
                Some(key) if self.user_config[key]["required"] == true => required.push(name.clone()),
                Some(_) => {}
                None => drop(env.insert(name.clone(), self.put_into(scene, value)?)),
            }
        }
        Ok((env, required))
    }

    fn put_into(&self, scene: &Scene<'_>, word: &str) -> Result<String, Refusal> {
        expand(word, &self.variables, Bare::Stays).map_err(|name| match name.strip_prefix("user_config.") {
            Some(key) => Refusal::new(
                format!("its setting {key} has no value"),
                format!("put {}=… into {}/.env", variable_of(key), scene.shown),
            ),
            None => Refusal::new(format!("it holds ${{{name}}}"), "write the value in its place"),
        })
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::folder::memory::Memory;
    use super::super::tests::{ask, passed, taken};
    use super::rule;
    use proptest::prelude::*;

    fn bundle(server: &str, rest: &str) -> Memory {
        let manifest = format!(r#"{{"manifest_version": "0.2", "server": {server}{rest}}}"#);
        Memory::default().file("manifest.json", &manifest).file("server/index.js", "")
    }

    const NODE: &str = r#"{"type": "node", "entry_point": "server/index.js", "mcp_config": {"command": "node",
        "args": ["${__dirname}/server/index.js", "${user_config.dir}"], "env": {"KEY": "${user_config.key}", "H": "${HOME}/x"}}}"#;

    #[test]
    fn an_unpacked_bundle_is_started_as_it_says() {
        let settings = r#", "user_config": {"dir": {"type": "directory", "default": ["${__dirname}/a", "b"], "multiple": true},
            "key": {"type": "string", "required": true, "sensitive": true}}"#;
        let found = ask(rule, &bundle(NODE, settings), &["node"]);
        assert_eq!(
            found.ways[0].command,
            ["node", "/srv/servers/notes/server/index.js", "/srv/servers/notes/a", "b"]
        );
        assert_eq!(found.ways[0].env["H"], "/x");
        assert_eq!(
            (found.ways[0].env.get("KEY"), found.required.as_slice()),
            (None, ["KEY".to_string()].as_slice())
        );
        let with_key = bundle(NODE, settings).file(".env", "KEY=k\n");
        assert_eq!(ask(rule, &with_key, &["node"]).ways[0].env["KEY"], "k");
    }

    #[test]
    fn a_setting_without_a_value_is_left_out_or_asked_for() {
        let with =
            |setting: &str| bundle(NODE, &format!(r#", "user_config": {{"key": {{}}, "dir": {setting}}}"#));
        assert_eq!(taken(rule, &with("{}"), &[]), "node /srv/servers/notes/server/index.js");
        let said = passed(rule, &with(r#"{"required": true}"#), &[]);
        assert!(said.ends_with("its setting dir has no value; put DIR=… into servers/notes/.env"), "{said}");
        assert!(
            taken(rule, &with(r#"{"required": true}"#).file(".env", "DIR=/d\n"), &[])
                .ends_with("index.js /d")
        );
    }

    #[test]
    fn the_platform_has_its_own_words() {
        let platform = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
        let server = format!(
            r#"{{"entry_point": "server/index.js", "mcp_config": {{"command": "x.exe", "args": ["a"],
            "platform_overrides": {{"{platform}": {{"command": "${{__dirname}}/server/index.js"}}}}}}}}"#
        );
        assert_eq!(taken(rule, &bundle(&server, ""), &[]), "/srv/servers/notes/server/index.js a");
    }

    #[test]
    fn a_bundle_for_uv_needs_no_command() {
        let folder = bundle(r#"{"type": "uv", "entry_point": "server/index.js"}"#, "");
        assert_eq!(taken(rule, &folder, &["uv"]), "uv run /srv/servers/notes/server/index.js");
    }

    #[test]
    fn the_manifest_of_a_packed_bundle_is_passed_over_in_a_checkout() {
        let server = r#"{"entry_point": "server/main.py", "mcp_config": {"command": "python", "args": ["${__dirname}/server/main.py"]}}"#;
        let said = passed(rule, &bundle(server, ""), &[]);
        assert!(said.contains("it names server/main.py, which is in the packed bundle only"), "{said}");
    }

    #[test]
    fn other_manifests_are_not_ours() {
        for text in [r#"{"manifest_version": 3, "name": "extension"}"#, r#"{"server": {}}"#, "[]", "{"] {
            assert!(ask(rule, &Memory::default().file("manifest.json", text), &[]).is_empty(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_manifest_panics(junk in "\\PC{0,60}", word in "[$%{}a-z_./]{0,30}") {
            ask(rule, &Memory::default().file("manifest.json", &junk), &[]);
            let server = serde_json::json!({"entry_point": word, "mcp_config": {"command": word, "args": [word], "env": {"A": word}}});
            ask(rule, &bundle(&server.to_string(), ""), &[]);
        }
    }
}
