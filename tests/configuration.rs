//! Configuration as a user meets it: files, variables, flags and what is said of mistakes in them.

// Helpers outside of #[test] functions are tests too.
#![allow(clippy::unwrap_used)]

use mcp_proxy::config::spec::{Eras, Start};
use mcp_proxy::config::{
    self, Config, ConfigError, Environment, Flags, Loaded, LogFormat, LogLevel, ServerTable,
};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

fn variables(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

fn load_text(text: &str, pairs: &[(&str, &str)], flags: Flags) -> Result<Loaded, ConfigError> {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("proxy.toml");
    std::fs::write(&file, text).unwrap();
    config::load(&Flags { config: Some(file), ..flags }, &variables(pairs))
}

fn config(text: &str) -> Config {
    load_text(text, &[], Flags::default()).unwrap().config
}

fn problem(text: &str) -> String {
    let error = load_text(text, &[], Flags::default()).unwrap_err();
    assert_eq!(error.problems.len(), 1, "{error}");
    error.to_string()
}

fn problem_of(pairs: &[(&str, &str)], flags: Flags) -> String {
    load_text("", pairs, flags).unwrap_err().to_string()
}

const REFERENCE: &str = include_str!("../proxy.toml");

#[test]
fn the_reference_file_is_the_default() {
    let loaded = load_text(REFERENCE, &[], Flags::default()).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert!(loaded.warnings.is_empty());
}

#[test]
fn the_reference_file_names_every_key() {
    let written: toml::Table = REFERENCE.parse().unwrap();
    let known = toml::Table::try_from(Config::default()).unwrap();
    assert_eq!(written, known);
    for key in ServerTable::keys() {
        assert!(REFERENCE.contains(&format!("\n# {key} = ")), "{key} is not in proxy.toml");
    }
}

#[test]
fn the_reference_server_is_valid() {
    let example = REFERENCE.split_once("# [server.notes]").unwrap().1.replace("\n# ", "\n");
    let table: toml::Table = example.parse().unwrap();
    ServerTable::read(&table, str::to_string).unwrap();
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let file = "[proxy]\nlisten = '127.0.0.1:1'\n";
    let variable = [("MCP_PROXY_LISTEN", "127.0.0.1:2")];
    let flags = Flags { listen: Some("localhost:3".to_string()), ..Flags::default() };
    let port =
        |text, variables: &[_], flags| load_text(text, variables, flags).unwrap().config.proxy.listen.port();
    assert_eq!(port("", &[], Flags::default()), 3000);
    assert_eq!(port(file, &[], Flags::default()), 1);
    assert_eq!(port(file, &variable, Flags::default()), 2);
    assert_eq!(port(file, &variable, flags), 3);
}

#[test]
fn every_kind_of_value_has_an_environment_twin() {
    let pairs = [
        ("MCP_PROXY_LIMITS_MAX_CALLS", "7"),
        ("MCP_PROXY_ALLOWED_HOSTS", "a.example, b.example,"),
        ("MCP_PROXY_LOG_FORMAT", "json"),
        ("MCP_PROXY_LOG_LEVEL", "debug"),
        ("MCP_PROXY_DEFAULTS_PASS_ENV", "HOME"),
        ("MCP_PROXY_DEV", "1"),
        ("MCP_PROXY_STATE_DIR", ""),
    ];
    let loaded = load_text("", &pairs, Flags::default()).unwrap();
    assert!(loaded.dev);
    assert_eq!(loaded.config.limits.max_calls, 7);
    assert_eq!(loaded.config.proxy.allowed_hosts, ["a.example", "b.example"]);
    assert_eq!(loaded.config.log.format, LogFormat::Json);
    assert_eq!(loaded.config.log.level, LogLevel::Debug);
    assert_eq!(loaded.config.defaults.pass_env, ["HOME"]);
    assert!(loaded.warnings.is_empty());
}

#[test]
fn the_environment_names_the_file() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("other.toml");
    std::fs::write(&file, "[proxy]\nservers = 'mine'\n").unwrap();
    let environment = variables(&[("MCP_PROXY_CONFIG", file.to_str().unwrap())]);
    let loaded = config::load(&Flags::default(), &environment).unwrap();
    assert_eq!(loaded.config.proxy.servers, "mine");
    assert_eq!(loaded.dir, dir.path());
    assert_eq!(loaded.file.as_deref(), Some(file.as_path()));
}

#[test]
fn paths_of_flags_and_variables_start_from_the_current_folder() {
    let flags = Flags { servers: Some("mine".to_string()), ..Flags::default() };
    let loaded = load_text("", &[("MCP_PROXY_STATE_DIR", "state")], flags).unwrap();
    let here = std::env::current_dir().unwrap();
    assert_eq!(Path::new(&loaded.config.proxy.servers), here.join("mine"));
    assert_eq!(Path::new(&loaded.config.proxy.state_dir), here.join("state"));
}

#[test]
fn imports_are_files_of_the_file_the_environment_or_the_flag() {
    let import = |pairs: &[_], flags| {
        load_text("[proxy]\nimport = ['a.json', 'b.json']\n", pairs, flags).unwrap().config.proxy.import
    };
    assert_eq!(import(&[], Flags::default()), ["a.json", "b.json"]);
    let here = |file: &str| std::env::current_dir().unwrap().join(file).display().to_string();
    assert_eq!(
        import(&[("MCP_PROXY_IMPORT", "c.json, d.json")], Flags::default()),
        [here("c.json"), here("d.json")]
    );
    let flags = Flags { import: vec!["e.json".to_string()], ..Flags::default() };
    assert_eq!(import(&[("MCP_PROXY_IMPORT", "c.json")], flags), [here("e.json")]);
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let loaded = load_text("", &[("MCP_PROXY_LISTN", "x"), ("MCP_OTHER", "x")], Flags::default()).unwrap();
    assert_eq!(loaded.warnings.len(), 1);
    assert!(loaded.warnings[0].contains("MCP_PROXY_LISTN is not"), "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].contains("did you mean MCP_PROXY_LISTEN?"), "{:?}", loaded.warnings);
}

#[test]
fn a_server_s_own_keys_win_over_the_defaults() {
    let config = config(
        "[defaults]\nstart = 'on-demand'\neras = 'legacy'\nidle_stop_seconds = 0\nretry_ms = 5\n\
         [server.a]\neras = 'modern'\nidle_stop_seconds = 7\nstream_close_after_ms = 9\nmax_instances = 2\n",
    );
    let [a, other] =
        [&config.server["a"], &ServerTable::default()].map(|table| table.options(&config.defaults));
    assert_eq!((a.start, a.eras, a.idle_stop), (Start::OnDemand, Eras::Modern, Some(Duration::from_secs(7))));
    assert_eq!((a.stream_close_after, a.max_instances), (Some(Duration::from_millis(9)), 2));
    assert_eq!((other.start, other.eras, other.idle_stop), (Start::OnDemand, Eras::Legacy, None));
    assert_eq!((other.stream_close_after, other.retry), (None, Duration::from_millis(5)));
}

#[test]
fn mistakes_name_file_line_key_and_remedy() {
    let cases = [
        ("[proxy]\n\nlissten = ''\n", ":3: unknown key `lissten` in [proxy]; did you mean `listen`?"),
        ("[limts]\n", ":1: unknown section `limts`; did you mean `limits`?"),
        ("listen = ''\n", ":1: `listen` belongs under [proxy]"),
        ("limits = 3\n", ":1: `limits` must be a table; write [limits]"),
        ("[[server]]\ncommand = 'x'\n", ":1: servers are tables with a name; write [server.NAME]"),
        ("[server]\ncommand = 'x'\n", ":2: `command` must stand under a server's name; write [server.NAME]"),
        (
            "[limits]\nmax_calls = 'many'\n",
            ":2: [limits] max_calls: a whole number is expected here, not a string",
        ),
        ("[limits]\nmax_calls = 0\n", ":2: [limits] max_calls: 0 is out of range; use 1 to 1000000"),
        ("[limits]\nmax_calls = -1\n", "-1 is out of range"),
        ("[health]\ninterval_seconds = 9223372036854775807\n", "out of range"),
        ("[proxy]\nlisten = 'here'\n", "write IP:PORT like 127.0.0.1:3000"),
        ("[proxy]\nports = '9-1'\n", "write first-last like 3001-3099"),
        ("[proxy]\npublic_url = 'example.org'\n", "not a URL"),
        ("[proxy]\npublic_url = 'https://example.org/api/mcp'\n", "/api is a path of the proxy's own"),
        ("[proxy]\npublic_url = 'https://example.org/mcp?x'\n", "a plain path, like https://host/mcp"),
        ("[proxy]\ntrusted_proxies = ['nginx']\n", "`nginx` is no address; write one like 127.0.0.1"),
        ("[proxy]\nallowed_hosts = 'a'\n", "expected here, not a string"),
        ("[log]\nlevel = 'loud'\n", ":2: [log] level: unknown variant `loud`, expected one of `off`"),
        ("[log]\nformat = 'xml'\n", "expected one of `auto`, `text`, `json`, `journal`"),
        ("[defaults]\ninstances = 'many'\n", "expected `shared` or `per-session`"),
        ("[defaults]\nstart = 'never'\n", "expected one of `auto`, `always`, `on-demand`"),
        ("[defaults]\neras = 'stone'\n", "expected one of `both`, `legacy`, `modern`"),
        ("[defaults]\nretry_ms = 0\n", "0 is out of range"),
        ("[limits]\nmax_parked = 0\n", "0 is out of range"),
        ("[tls]\nredirect_listen = '80'\n", "write IP:PORT like 0.0.0.0:80"),
        ("[proxy\n", ":1: "),
    ];
    for (text, expected) in cases {
        let problem = problem(text);
        assert!(problem.contains("proxy.toml:"), "{problem}");
        assert!(problem.contains(expected), "{text:?} gave: {problem}");
    }
}

#[test]
fn every_mistake_is_told_at_once() {
    let error =
        load_text("[proxy]\nlisten = 1\n[log]\nlevel = 2\n", &[("MCP_PROXY_PORTS", "x")], Flags::default());
    assert_eq!(error.unwrap_err().problems.len(), 3);
}

#[test]
fn any_address_can_be_configured() {
    for address in ["0.0.0.0:3000", "[::]:3000", "192.168.1.2:3000", "[::1]:0", "localhost:80"] {
        let flags = Flags { listen: Some(address.to_string()), ..Flags::default() };
        assert!(load_text("", &[], flags).is_ok(), "{address}");
    }
}

#[test]
fn mistakes_name_the_variable_or_the_flag() {
    let number = problem_of(&[("MCP_PROXY_LIMITS_MAX_CALLS", "many")], Flags::default());
    assert_eq!(number, "MCP_PROXY_LIMITS_MAX_CALLS: a whole number is expected here");
    let range = problem_of(&[("MCP_PROXY_LIMITS_MAX_CALLS", "0")], Flags::default());
    assert!(range.starts_with("MCP_PROXY_LIMITS_MAX_CALLS: 0 is out of range"), "{range}");
    let dev = problem_of(&[("MCP_PROXY_DEV", "maybe")], Flags::default());
    assert_eq!(dev, "MCP_PROXY_DEV: true or false is expected here");
    let flag = problem_of(&[], Flags { log_format: Some("xml".to_string()), ..Flags::default() });
    assert!(flag.starts_with("--log-format: "), "{flag}");
}

#[test]
fn a_named_file_must_exist() {
    let flags = Flags { config: Some("no/such/proxy.toml".into()), ..Flags::default() };
    let error = config::load(&flags, &Environment::new()).unwrap_err().to_string();
    assert!(error.starts_with("no/such/proxy.toml (named by --config) cannot be read: "), "{error}");
}

#[test]
fn a_server_takes_numbers_as_text() {
    let config = config("[server.a]\ncommand = 'x'\nenv = { PORT = 8080, DEBUG = true, NAME = 'n' }\n");
    let expected = variables(&[("DEBUG", "true"), ("NAME", "n"), ("PORT", "8080")]);
    assert_eq!(config.server["a"].env, expected);
}

#[test]
fn a_server_may_be_given_much_memory_and_a_user_by_number() {
    let config =
        config("[server.a]\ncommand = 'x'\nmemory_limit_bytes = 8000000000\nuser = 1000\ngroup = 'media'\n");
    let server = &config.server["a"];
    assert_eq!(server.memory_limit_bytes, Some(8_000_000_000));
    assert_eq!((server.user.as_deref(), server.group.as_deref()), (Some("1000"), Some("media")));
}

#[test]
fn a_mistake_in_one_server_loses_only_that_server() {
    let cases = [
        ("comand = 'x'", ":4: unknown key `comand`; did you mean `command`?"),
        ("args = 'x'", ":4: args: a list is expected here, not a string"),
        ("port = 0", ":4: port: 0 is out of range; use 1 to 65535"),
        ("port = 70000", ":4: port: "),
        ("path = 'mcp'", ":4: path: must begin with /, like /mcp"),
        ("env = 's3cret'", ":4: env: a table of strings is expected here"),
        ("env = { A = ['s3cret'] }", ":4: env: `A` must be a string"),
        ("transport = 'sse'", ":4: transport: unknown variant `sse`, expected `stdio` or `http`"),
        ("user = ''", ":4: user: a name or a number is expected here"),
        ("max_open_files = 2000000", ":4: max_open_files: 2000000 is out of range; use 0 to 1000000"),
        ("start_timeout_seconds = 0", ":4: start_timeout_seconds: 0 is out of range"),
    ];
    for (line, expected) in cases {
        let config = config(&format!("[server.good]\ncommand = 'x'\n[server.bad]\n{line}\n"));
        assert!(config.server.contains_key("good") && !config.server.contains_key("bad"), "{line}");
        let broken = &config.broken["bad"];
        assert!(broken.place.ends_with("proxy.toml:3"), "{}", broken.place);
        assert!(broken.reason.contains(expected), "{line} gave: {}", broken.reason);
        assert!(!broken.reason.contains("s3cret"), "{}", broken.reason);
    }
}

#[test]
fn the_state_folder_is_where_the_desktop_keeps_state() {
    let config = Config::default();
    let dir = |pairs: &[_]| config::state_dir(&config, Path::new(""), &variables(pairs));
    assert_eq!(dir(&[("HOME", "/home/a")]).unwrap(), Path::new("/home/a/.local/state/mcp-proxy"));
    assert_eq!(dir(&[("HOME", "/home/a"), ("XDG_STATE_HOME", "/x")]).unwrap(), Path::new("/x/mcp-proxy"));
    assert!(dir(&[]).unwrap_err().to_string().contains("--state-dir"));
}
