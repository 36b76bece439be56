//! `mcp-proxy check`: what was found, how it would start, which variables it gets, what is wrong.

use super::form::{Form, Paint};
use crate::config::spec::{ChildSpec, Launch, RemoteSpec, ServerSpec, Transport, Way};
use crate::config::{Pattern, ToolRules, environment, redact};
use crate::discovery::{About, Disabled, Discovery, LeftOut, PassedOver};
use crate::log::printable;
use crate::secrets;
use crate::server::{Preflight, preflight};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Everything `check` has to say; `--json` prints it as it is.
#[derive(Serialize)]
struct Report<'a> {
    servers: Vec<Server<'a>>,
    left_out: Vec<Out<'a>>,
    disabled: &'a [Disabled],
    warnings: Vec<&'a String>,
}

#[derive(Serialize)]
struct Server<'a> {
    name: &'a str,
    kind: &'static str,
    /// Program and arguments of the first way; empty for a remote server.
    command: Vec<String>,
    /// The ways that are tried one after the other; the first is `command`.
    ways: Vec<Shown<'a>>,
    passed_over: &'a [PassedOver],
    /// Where a remote server is.
    url: Option<String>,
    cwd: Option<String>,
    origin: &'a str,
    /// Names of variables (of header fields, if it is remote) and where each comes from; never a value.
    variables: BTreeMap<String, &'static str>,
    /// Variables it says it cannot do without.
    required: &'a [String],
    /// Which of its tools there are for clients.
    tools: &'a ToolRules,
    /// What keeps it from starting.
    problems: Vec<String>,
    /// What should not be so, though it can be started.
    warnings: Vec<String>,
}

/// A way to start a server.
#[derive(Serialize)]
struct Shown<'a> {
    origin: &'a str,
    command: Vec<String>,
    /// Arguments that are added where it ends without having spoken MCP.
    retries: &'a [Vec<String>],
    /// Whether its first start downloads or builds.
    prepares: bool,
}

/// What cannot be served.
#[derive(Serialize)]
struct Out<'a> {
    #[serde(flatten)]
    left: &'a LeftOut,
    passed_over: &'a [PassedOver],
}

static NOTHING: About = About { dotenv: None, passed_over: Vec::new() };

/// Prints what was found, and `warnings` of the configuration with it. The answer is whether all is well: nothing
/// is left out, nothing keeps a server from starting and every variable that is needed is set.
///
/// # Errors
/// `out` cannot be written to.
pub fn check(found: &Discovery, warnings: &[String], form: Form, out: &mut dyn Write) -> io::Result<bool> {
    let report = report(found, warnings);
    match form {
        Form::Json => writeln!(out, "{:#}", masked(serde_json::to_value(&report)?))?,
        Form::Text(paint) => write_text(&report, paint, out)?,
    }
    Ok(report.left_out.is_empty() && report.servers.iter().all(|server| server.problems.is_empty()))
}

/// What `--json` says of everything that was found.
///
/// # Errors
/// None that could happen: it has no keys but texts.
pub(super) fn json(found: &Discovery) -> serde_json::Result<Value> {
    serde_json::to_value(report(found, &[])).map(masked)
}

/// Without secrets. Names are none, whatever word they are: those of servers and variables, and our own.
fn masked(value: Value) -> Value {
    let field = |(key, value): (String, Value)| match key.as_str() {
        "name" => (key, value),
        _ => (key, masked(value)),
    };
    match value {
        Value::String(text) => secrets::mask(&text).into(),
        Value::Array(items) => items.into_iter().map(masked).collect(),
        Value::Object(fields) => fields.into_iter().map(field).collect(),
        other => other,
    }
}

fn report<'a>(found: &'a Discovery, warnings: &'a [String]) -> Report<'a> {
    let about = |name: &str| found.about.get(name).unwrap_or(&NOTHING);
    // A name may be that of a server too, whose notes these are then.
    let is_served = |name: &str| found.servers.iter().any(|spec| spec.name == name);
    let left_out = found.left_out.iter().map(|left| {
        let passed_over = if is_served(&left.name) { &[] } else { about(&left.name).passed_over.as_slice() };
        Out { left, passed_over }
    });
    Report {
        servers: found.servers.iter().map(|spec| server(spec, about(&spec.name))).collect(),
        left_out: left_out.collect(),
        disabled: &found.disabled,
        warnings: warnings.iter().chain(&found.warnings).collect(),
    }
}

fn server<'a>(spec: &'a ServerSpec, about: &'a About) -> Server<'a> {
    redact::keep(redact::secrets_of(spec));
    match &spec.launch {
        Launch::Child(child) => local(spec, child, about),
        Launch::Remote(remote) => distant(spec, remote),
    }
}

fn local<'a>(spec: &'a ServerSpec, child: &'a ChildSpec, about: &'a About) -> Server<'a> {
    let Preflight { variables, missing, mut problems, warnings } = preflight(child, &environment());
    problems.extend(missing.iter().map(|name| unset(name, about)));
    let ways: Vec<Shown<'_>> = child.ways.iter().map(shown_way).collect();
    Server {
        name: &spec.name,
        kind: match child.transport {
            Some(Transport::Http) => "http",
            Some(Transport::Stdio) => "stdio",
            None => "stdio or http",
        },
        command: ways.first().map(|way| way.command.clone()).unwrap_or_default(),
        ways,
        passed_over: &about.passed_over,
        url: None,
        cwd: Some(child.cwd.display().to_string()),
        origin: &spec.origin,
        variables,
        required: &child.required,
        tools: &spec.options.tools,
        problems,
        warnings,
    }
}

fn shown_way(way: &Way) -> Shown<'_> {
    let words = std::iter::once(way.command.clone()).chain(redact::arguments(&way.args));
    Shown {
        origin: &way.origin,
        // Here, since no secret is recognised between the quotes of a shell.
        command: words.map(|word| secrets::mask(&word).into_owned()).collect(),
        retries: &way.retries,
        prepares: way.prepares,
    }
}

/// What to do about a variable that it needs and nothing sets.
fn unset(name: &str, about: &About) -> String {
    let remedy = match &about.dotenv {
        Some(file) => format!("put {name}=… into {file}"),
        None => format!("set it in env of [server.NAME] in proxy.toml, or name {name} in pass_env"),
    };
    format!("{name} is required and nothing sets it; {remedy}")
}

fn distant<'a>(spec: &'a ServerSpec, remote: &'a RemoteSpec) -> Server<'a> {
    Server {
        name: &spec.name,
        kind: "remote",
        command: Vec::new(),
        ways: Vec::new(),
        passed_over: &[],
        url: Some(redact::url(&remote.url.to_string())),
        cwd: None,
        origin: &spec.origin,
        variables: remote.headers.keys().map(|name| (name.clone(), "header")).collect(),
        required: &[],
        tools: &spec.options.tools,
        problems: Vec::new(),
        warnings: Vec::new(),
    }
}

fn write_text(report: &Report<'_>, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    for server in &report.servers {
        write_server(server, paint, out)?;
    }
    for Out { left, passed_over } in &report.left_out {
        writeln!(out, "{} ({})", printable(&left.name), paint.bad("left out"))?;
        line(out, "from", &left.place)?;
        line(out, "reason", &left.reason)?;
        line(out, "remedy", &left.remedy)?;
        write_passed_over(passed_over, out)?;
    }
    for off in report.disabled {
        writeln!(out, "{} (switched off)", printable(&off.name))?;
        line(out, "from", &off.place)?;
    }
    for warning in &report.warnings {
        writeln!(out, "{}: {}", paint.odd("warning"), printable(&secrets::mask(warning)))?;
    }
    let (servers, left_out, disabled) = (report.servers.len(), report.left_out.len(), report.disabled.len());
    writeln!(out, "servers: {servers}, left out: {left_out}, switched off: {disabled}")
}

fn write_server(server: &Server<'_>, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} ({})", printable(server.name), server.kind)?;
    match &server.url {
        Some(url) => line(out, "url", url)?,
        None => line(out, "start", &command_line(&server.command))?,
    }
    if let Some(cwd) = &server.cwd {
        line(out, "in", cwd)?;
    }
    line(out, "from", server.origin)?;
    write_ways(&server.ways, out)?;
    write_passed_over(server.passed_over, out)?;
    if !server.variables.is_empty() {
        let names: Vec<String> =
            server.variables.iter().map(|(name, from)| format!("{name} ({from})")).collect();
        line(out, "variables", &names.join(", "))?;
    }
    if !server.tools.show_all() {
        line(out, "tools", &rules(server.tools))?;
    }
    let bad = server.problems.iter().map(|problem| (paint.bad("problem"), problem));
    let mut notes = bad.chain(server.warnings.iter().map(|warning| (paint.odd("warning"), warning)));
    notes.try_for_each(|(label, text)| writeln!(out, "  {label}   {}", printable(&secrets::mask(text))))
}

/// Which tools there are for clients, in words.
fn rules(tools: &ToolRules) -> String {
    let list = |patterns: &Option<Vec<Pattern>>| {
        let patterns = patterns.as_ref()?;
        Some(patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join(", "))
    };
    let only = match list(&tools.allow).as_deref() {
        Some("") => "none".to_string(),
        Some(allow) => format!("only {allow}"),
        None => "all".to_string(),
    };
    match list(&tools.deny).filter(|deny| !deny.is_empty()) {
        Some(deny) => format!("{only}, but not {deny}"),
        None => only,
    }
}

/// What is tried after the first command, and what its first start takes.
fn write_ways(ways: &[Shown<'_>], out: &mut dyn Write) -> io::Result<()> {
    let Some((first, others)) = ways.split_first() else {
        return Ok(());
    };
    if first.prepares {
        line(out, "first", "downloads or builds what it needs, within first_start_timeout_seconds")?;
    }
    if !first.retries.is_empty() {
        let retries: Vec<String> = first.retries.iter().map(|list| command_line(list)).collect();
        line(out, "then with", &format!("{}, if it ends without having spoken MCP", retries.join(" | ")))?;
    }
    others
        .iter()
        .try_for_each(|way| line(out, "or", &format!("{} ({})", command_line(&way.command), way.origin)))
}

fn write_passed_over(passed_over: &[PassedOver], out: &mut dyn Write) -> io::Result<()> {
    let mut notes = passed_over.iter();
    notes
        .try_for_each(|note| line(out, "passed", &format!("{}: {}; {}", note.what, note.reason, note.remedy)))
}

fn line(out: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    writeln!(out, "  {label:<10}{}", printable(&secrets::mask(text)))
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

#[cfg(test)]
mod tests {
    use super::{Form, Paint, check};
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
        let form = if json { Form::Json } else { Form::Text(Paint::Plain) };
        let well = check(found, &["careful".to_string()], form, &mut out).unwrap();
        (well, String::from_utf8(out).unwrap())
    }

    #[test]
    fn text_says_all_but_the_secrets() {
        let (_dir, found) = project();
        let (well, text) = output(&found, false);
        assert!(!well);
        for expected in [
            "far (remote)\n  url       https://h/mcp?***\n  from      [server.far]\n  variables X-Key (header)\n",
            "notes (stdio or http)\n  start     sh -c 'true \\u{1b}[2J' --token ***\n",
            "  variables A (configuration), HOME (passed on), KEY (.env)\n",
            "empty (left out)\n  from      servers/empty\n  reason    empty\n  remedy    if it is a git submodule",
            "warning: careful\nservers: 2, left out: 1, switched off: 0\n",
        ] {
            assert!(text.contains(expected), "no {expected:?} in\n{text}");
        }
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn what_is_needed_and_not_set_is_a_problem() {
        let dir = TempDir::new().unwrap();
        let folder = dir.path().join("servers/steam");
        fs::create_dir_all(&folder).unwrap();
        let entry =
            r#"{"command": "sh", "args": ["x.sh", "${KEY}"], "env": {"TOKEN": "${TOKEN}", "KEY": "${KEY}"}}"#;
        fs::write(folder.join(".mcp.json"), format!("{{\"mcpServers\": {{\"steam\": {entry}}}}}")).unwrap();
        fs::write(folder.join("x.sh"), "").unwrap();
        fs::write(folder.join(".env"), "KEY=long-s3cret\n").unwrap();
        let (well, text) = output(&discover(&Config::default(), dir.path()).unwrap(), false);
        assert!(!well && text.contains("start     sh x.sh ***\n"), "{text}");
        assert!(
            text.contains(
                "problem   TOKEN is required and nothing sets it; put TOKEN=… into servers/steam/.env"
            ),
            "{text}"
        );
        assert!(!text.contains("s3cret"), "{text}");
        fs::write(folder.join(".env"), "KEY=long-s3cret\nTOKEN=1\n").unwrap();
        assert!(output(&discover(&Config::default(), dir.path()).unwrap(), true).0);
    }

    #[test]
    fn which_tools_there_are_is_said_where_some_are_hidden() {
        let (dir, _) = project();
        let told = |toml: &str| {
            let path = dir.path().join("servers/notes/server.toml");
            fs::write(path, format!("command = 'sh'\n{toml}")).unwrap();
            let (_, text) = output(&discover(&Config::default(), dir.path()).unwrap(), false);
            text.lines().find_map(|line| line.strip_prefix("  tools     ")).map(str::to_string)
        };
        assert_eq!(told(""), None);
        assert_eq!(told("[tools]\nallow = ['read_*', 'list']").as_deref(), Some("only read_*, list"));
        assert_eq!(told("[tools]\ndeny = ['*_all']").as_deref(), Some("all, but not *_all"));
        assert_eq!(told("[tools]\nallow = []\ndeny = ['x']").as_deref(), Some("none, but not x"));
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

    /// Values of `.env` may be words of ours, and those of a command line may need quotes.
    #[test]
    fn only_what_was_put_in_is_masked() {
        let dir = TempDir::new().unwrap();
        let folder = dir.path().join("servers/telemetry");
        fs::create_dir_all(&folder).unwrap();
        let env = "A=left_out\nB=telemetry\nC=variables\nD=\"it's a s3cret\"\n";
        fs::write(folder.join(".env"), env).unwrap();
        fs::write(folder.join("x.sh"), "").unwrap();
        let entry = r#"{"command": "sh", "args": ["x.sh", "${A}", "${D}"]}"#;
        fs::write(folder.join(".mcp.json"), format!("{{\"mcpServers\": {{\"telemetry\": {entry}}}}}"))
            .unwrap();
        let found = discover(&Config::default(), dir.path()).unwrap();
        let text = output(&found, false).1;
        assert!(text.starts_with("telemetry (stdio or http)\n  start     sh x.sh *** ***\n"), "{text}");
        assert!(text.contains("\n  variables A (.env), "), "{text}");
        let text = output(&found, true).1;
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["servers"][0]["name"], "telemetry", "{text}");
        assert_eq!(json["servers"][0]["variables"]["A"], ".env", "{text}");
        assert!(json["left_out"].is_array() && !text.contains("s3cret"), "{text}");
    }

    #[test]
    fn a_secret_that_is_a_word_of_ours_does_not_spoil_the_report() {
        let (dir, found) = project();
        let words = "A=disabled\nB='\": [],'\nC=left_out\nD=servers/notes\n";
        fs::write(dir.path().join("servers/notes/.env"), words).unwrap();
        let json: serde_json::Value = serde_json::from_str(&output(&found, true).1).unwrap();
        assert!(json["disabled"].is_array() && json["left_out"].is_array(), "{json}");
        assert_eq!(json["servers"][1]["origin"], "***/server.toml");
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
