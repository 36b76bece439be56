//! `mcp-proxy check`: what was found, how it would start, which variables it gets, what is wrong.

use crate::config::spec::{ChildSpec, Launch, RemoteSpec, ServerSpec, Transport};
use crate::config::{environment, redact};
use crate::discovery::{Disabled, Discovery, LeftOut};
use crate::secrets;
use crate::server::{Preflight, preflight};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Everything `check` has to say; `--json` prints it as it is.
#[derive(Serialize)]
struct Report<'a> {
    servers: Vec<Server>,
    left_out: &'a [LeftOut],
    disabled: &'a [Disabled],
    warnings: Vec<&'a String>,
}

#[derive(Serialize)]
struct Server {
    name: String,
    kind: &'static str,
    /// Program and arguments; empty for a remote server.
    command: Vec<String>,
    /// Where a remote server is.
    url: Option<String>,
    cwd: Option<String>,
    origin: String,
    /// Names of variables (of header fields, if it is remote) and where each comes from; never a value.
    variables: BTreeMap<String, &'static str>,
    /// What keeps it from starting.
    problems: Vec<String>,
    /// What should not be so, though it can be started.
    warnings: Vec<String>,
}

/// Prints what was found, and `warnings` of the configuration with it. The answer is whether all is well: nothing
/// is left out and nothing keeps a server from starting.
///
/// # Errors
/// `out` cannot be written to.
pub fn check(found: &Discovery, warnings: &[String], json: bool, out: &mut dyn Write) -> io::Result<bool> {
    let report = report(found, warnings);
    let mut text = Vec::new();
    match json {
        true => serde_json::to_writer_pretty(&mut text, &report)?,
        false => write_text(&report, &mut text)?,
    }
    writeln!(out, "{}", secrets::mask(String::from_utf8_lossy(&text).trim_end()))?;
    Ok(report.left_out.is_empty() && report.servers.iter().all(|server| server.problems.is_empty()))
}

fn report<'a>(found: &'a Discovery, warnings: &'a [String]) -> Report<'a> {
    Report {
        servers: found.servers.iter().map(server).collect(),
        left_out: &found.left_out,
        disabled: &found.disabled,
        warnings: warnings.iter().chain(&found.warnings).collect(),
    }
}

fn server(spec: &ServerSpec) -> Server {
    secrets::keep(redact::secrets_of(spec));
    match &spec.launch {
        Launch::Child(child) => local(spec, child),
        Launch::Remote(remote) => distant(spec, remote),
    }
}

fn local(spec: &ServerSpec, child: &ChildSpec) -> Server {
    let Preflight { variables, problems, warnings } = preflight(child, &environment());
    let way = child.first_way();
    let arguments = redact::arguments(&way.args);
    Server {
        name: spec.name.clone(),
        kind: if child.transport == Some(Transport::Http) { "http" } else { "stdio" },
        command: std::iter::once(way.command.clone()).chain(arguments).collect(),
        url: None,
        cwd: Some(child.cwd.display().to_string()),
        origin: spec.origin.clone(),
        variables,
        problems,
        warnings,
    }
}

fn distant(spec: &ServerSpec, remote: &RemoteSpec) -> Server {
    Server {
        name: spec.name.clone(),
        kind: "remote",
        command: Vec::new(),
        url: Some(redact::url(&remote.url.to_string())),
        cwd: None,
        origin: spec.origin.clone(),
        variables: remote.headers.keys().map(|name| (name.clone(), "header")).collect(),
        problems: Vec::new(),
        warnings: Vec::new(),
    }
}

fn write_text(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    for server in &report.servers {
        write_server(server, out)?;
    }
    for left in report.left_out {
        writeln!(out, "{} (left out)", shown(&left.name))?;
        line(out, "from", &left.place)?;
        line(out, "reason", &left.reason)?;
        line(out, "remedy", &left.remedy)?;
    }
    for off in report.disabled {
        writeln!(out, "{} (switched off)", shown(&off.name))?;
        line(out, "from", &off.place)?;
    }
    for warning in &report.warnings {
        writeln!(out, "warning: {}", shown(warning))?;
    }
    let (servers, left_out, disabled) = (report.servers.len(), report.left_out.len(), report.disabled.len());
    writeln!(out, "servers: {servers}, left out: {left_out}, switched off: {disabled}")
}

fn write_server(server: &Server, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} ({})", shown(&server.name), server.kind)?;
    match &server.url {
        Some(url) => line(out, "url", url)?,
        None => line(out, "start", &command_line(&server.command))?,
    }
    if let Some(cwd) = &server.cwd {
        line(out, "in", cwd)?;
    }
    line(out, "from", &server.origin)?;
    if !server.variables.is_empty() {
        let names: Vec<String> =
            server.variables.iter().map(|(name, from)| format!("{name} ({from})")).collect();
        line(out, "variables", &names.join(", "))?;
    }
    server.problems.iter().try_for_each(|problem| line(out, "problem", problem))?;
    server.warnings.iter().try_for_each(|warning| line(out, "warning", warning))
}

fn line(out: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    writeln!(out, "  {label:<10}{}", shown(text))
}

/// Words for a shell, so that the line can be tried by hand.
fn command_line(words: &[String]) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "-_./=:@%+,*".contains(letter);
    let quoted = |word: &String| match word.as_str() {
        word if !word.is_empty() && word.chars().all(plain) => word.to_string(),
        word => format!("'{}'", word.replace('\'', "'\\''")),
    };
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Text from files of others, without the control characters that would steer a terminal.
fn shown(text: &str) -> String {
    text.chars()
        .flat_map(|letter| if letter.is_control() { letter.escape_default().collect() } else { vec![letter] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::config::{Config, ServerTable};
    use crate::discovery::{Discovery, discover};
    use std::fs;
    use tempfile::TempDir;

    fn project() -> (TempDir, Discovery) {
        let dir = TempDir::new().unwrap();
        let folder = dir.path().join("servers/notes");
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(dir.path().join("servers/empty")).unwrap();
        let toml = "command = 'sh'\nargs = ['-c', \"true \\u001b[2J\", '--token', 's3cret']\nenv = { A = 's3cret' }\n";
        fs::write(folder.join("server.toml"), format!("{toml}pass_env = ['HOME']\n")).unwrap();
        fs::write(folder.join(".env"), "# comment\nexport KEY='s3cret'\n").unwrap();
        let far = ServerTable { url: Some("https://h/mcp?key=s3cret".to_string()), ..ServerTable::default() };
        let headers = [("X-Key".to_string(), "s3cret".to_string())].into();
        let mut config = Config::default();
        config.server.insert("far".to_string(), ServerTable { headers, ..far });
        let found = discover(&config, dir.path()).unwrap();
        (dir, found)
    }

    fn output(found: &Discovery, json: bool) -> (bool, String) {
        let mut out = Vec::new();
        let well = check(found, &["careful".to_string()], json, &mut out).unwrap();
        (well, String::from_utf8(out).unwrap())
    }

    #[test]
    fn text_says_all_but_the_secrets() {
        let (_dir, found) = project();
        let (well, text) = output(&found, false);
        assert!(!well);
        for expected in [
            "far (remote)\n  url       https://h/mcp?***\n  from      [server.far]\n  variables X-Key (header)\n",
            "notes (stdio)\n  start     sh -c 'true \\u{1b}[2J' --token ***\n",
            "  variables A (configuration), HOME (passed on), KEY (.env)\n",
            "empty (left out)\n  from      servers/empty\n  reason    empty\n  remedy    if it is a git submodule",
            "warning: careful\nservers: 2, left out: 1, switched off: 0\n",
        ] {
            assert!(text.contains(expected), "no {expected:?} in\n{text}");
        }
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn json_says_the_same() {
        let (_dir, found) = project();
        let (well, text) = output(&found, true);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(!well && !text.contains("s3cret"));
        assert_eq!(json["servers"][1]["name"], "notes");
        assert_eq!(json["servers"][1]["variables"]["KEY"], ".env");
        assert_eq!(json["left_out"][0]["name"], "empty");
        assert_eq!(json["warnings"][0], "careful");
    }

    #[test]
    fn all_is_well_when_nothing_is_left_out() {
        let (_dir, mut found) = project();
        found.left_out.clear();
        assert!(output(&found, false).0);
    }

    #[test]
    fn an_unreadable_env_file_is_wrong_and_stays_secret() {
        let (dir, mut found) = project();
        found.left_out.clear();
        fs::write(dir.path().join("servers/notes/.env"), "A=1\nKEY=s3 cret\n").unwrap();
        let (well, text) = output(&found, false);
        assert!(!well && text.contains("a line is not NAME=value (after A)"), "{text}");
        assert!(!text.contains("cret\n") && !text.contains("s3"), "{text}");
    }
}
