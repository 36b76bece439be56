//! The environment of a child: a short allow-list of ours, then what it is passed, then its own `.env`, then its
//! configuration, then what we assign. Nothing of another server and nothing else of the proxy's.

use crate::config::spec::{ChildSpec, Way};
use crate::config::{Environment, dotenv, redact, secret_file};
use std::path::Path;

/// What any program may need to run: where things are, who the user is, how to reach the network. Nothing that gives
/// access to something: no DISPLAY, no agent, no session bus, no address of a Docker daemon.
const ALLOWED: [&str; 40] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    // Whom to trust, where an office has an authority of its own.
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    // Programs built elsewhere find their libraries by these, and glibc of Nix its languages.
    "LD_LIBRARY_PATH",
    "DYLD_FALLBACK_LIBRARY_PATH",
    "NIX_LD",
    "NIX_LD_LIBRARY_PATH",
    "NIX_SSL_CERT_FILE",
    "LOCALE_ARCHIVE",
    // Where toolchains are that lie elsewhere than in HOME: `cargo`, `go`, `node`, `python` and `java` start by these.
    "RUSTUP_HOME",
    "CARGO_HOME",
    "GOROOT",
    "GOPATH",
    "GOCACHE",
    "GOMODCACHE",
    "NVM_DIR",
    "VOLTA_HOME",
    "PNPM_HOME",
    "PYENV_ROOT",
    "UV_CACHE_DIR",
    "UV_PYTHON_INSTALL_DIR",
    "JAVA_HOME",
    "npm_config_cache",
];
const ALLOWED_PREFIXES: [&str; 3] = ["LC_", "XDG_", "SSL_CERT_"];

/// Quiet and unbuffered, unless the server is configured otherwise.
const MANNERS: [(&str, &str); 5] = [
    ("NO_COLOR", "1"),
    ("PYTHONUNBUFFERED", "1"),
    ("NODE_NO_WARNINGS", "1"),
    // Its older and its newer name.
    ("FASTMCP_SHOW_CLI_BANNER", "false"),
    ("FASTMCP_SHOW_SERVER_BANNER", "false"),
];

/// Names the folder of systemd's credentials (`LoadCredential=`), a file each.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Builds the whole environment, and tells its secrets to whoever masks them. `inherited` is the proxy's own, `account`
/// what belongs to the child's own user.
///
/// # Errors
/// A file that it names cannot be read: the server is rather kept down than half configured.
pub(super) fn build(
    inherited: &Environment,
    account: Option<&Environment>,
    child: &ChildSpec,
    way: &Way,
    port: Option<u16>,
) -> Result<Environment, String> {
    let mut all: Environment = MANNERS.map(|(name, value)| (name.to_string(), value.to_string())).into();
    all.extend(inherited.iter().filter(|(name, _)| is_allowed(name)).map(owned));
    all.extend(account.into_iter().flatten().map(owned));
    let mut secret = Vec::new();
    for name in &child.pass_env {
        if let Some(value) = inherited.get(name) {
            all.insert(name.clone(), value.clone());
        } else if let Some(value) = from_file(name, inherited)? {
            secret.push(value.clone());
            all.insert(name.clone(), value);
        }
    }
    let dotenv = child.env_file.as_deref().map_or(Ok(Vec::new()), |file| dotenv::read(file, &all))?;
    secret.extend(dotenv.iter().map(|(_, value)| value.clone()));
    all.extend(dotenv);
    all.extend(way.env.iter().chain(&child.env).map(owned));
    for (name, file) in &child.env_from_files {
        let value = secret_file::read(file)?;
        secret.push(value.clone());
        all.insert(name.clone(), value);
    }
    assign(&mut all, port);
    redact::keep(redact::secret_values(&all).chain(secret));
    Ok(all)
}

fn owned((name, value): (&String, &String)) -> (String, String) {
    (name.clone(), value.clone())
}

/// The port, under the names that servers know. One that is told already has a port of its own choice.
fn assign(all: &mut Environment, port: Option<u16>) {
    let Some(port) = port else { return };
    for prefix in ["", "MCP_", "FASTMCP_"] {
        all.entry(format!("{prefix}PORT")).or_insert_with(|| port.to_string());
        all.entry(format!("{prefix}HOST")).or_insert_with(|| "127.0.0.1".to_string());
    }
}

/// The value of a variable that is not set, but whose file is: `NAME_FILE` (as Docker's secrets are named), or a
/// credential of systemd's.
fn from_file(name: &str, inherited: &Environment) -> Result<Option<String>, String> {
    if let Some(file) = inherited.get(&format!("{name}_FILE")).filter(|file| !file.is_empty()) {
        return secret_file::read(Path::new(file)).map(Some).map_err(|fault| format!("{name}_FILE: {fault}"));
    }
    let credential = inherited.get(CREDENTIALS).map(|folder| Path::new(folder).join(name));
    match credential.filter(|file| !name.contains('/') && file.is_file()) {
        Some(file) => secret_file::read(&file).map(Some),
        None => Ok(None),
    }
}

/// Whether `pass_env` with this name gives the child something.
pub(super) fn is_passed(name: &str, inherited: &Environment) -> bool {
    inherited.contains_key(name) || matches!(from_file(name, inherited), Ok(Some(_)))
}

fn is_allowed(name: &str) -> bool {
    ALLOWED.contains(&name) || ALLOWED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    fn child() -> ChildSpec {
        ChildSpec {
            transport: None,
            ways: vec![],
            cwd: "/".into(),
            env: pairs(&[("B", "config"), ("NO_COLOR", "0")]),
            env_file: None,
            env_from_files: Default::default(),
            env_digest: 0,
            pass_env: vec!["MINE".into()],
            port: None,
            path: None,
            required: vec![],
            confinement: Default::default(),
        }
    }

    fn pairs(list: &[(&str, &str)]) -> Environment {
        list.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    fn built(inherited: &[(&str, &str)], child: &ChildSpec, port: Option<u16>) -> Environment {
        build(&pairs(inherited), None, child, &Way::default(), port).unwrap()
    }

    #[test]
    fn nothing_is_inherited_that_is_not_named() {
        let ours = [
            ("PATH", "/bin"),
            ("LC_ALL", "C"),
            ("MINE", "1"),
            ("GITHUB_TOKEN", "s"),
            ("MCP_PROXY_X", "s"),
            ("DISPLAY", ":0"),
            ("CREDENTIALS_DIRECTORY", "/run"),
        ];
        let env = built(&ours, &child(), None);
        let names: Vec<&str> = env.keys().map(String::as_str).collect();
        let manners = MANNERS.map(|(name, _)| name);
        let mut expected: Vec<&str> = ["B", "LC_ALL", "MINE", "PATH"].into_iter().chain(manners).collect();
        expected.sort_unstable();
        assert_eq!(names, expected);
    }

    #[test]
    fn what_is_said_nearer_to_the_server_wins() {
        let folder = TempDir::new().unwrap();
        let file = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name)
        };
        let names = ["PATH", "A", "B", "C", "D", "E"];
        let dotenv: String = names[2..].iter().map(|name| format!("{name}=dotenv ${{A}}\n")).collect();
        let child = ChildSpec {
            pass_env: vec!["A".into(), "B".into()],
            env_file: Some(file(".env", &dotenv.replace("=d", "=\"d").replace('}', "}\""))),
            env: pairs(&[("D", "env"), ("E", "env")]),
            env_from_files: [("E".to_string(), file("e", "file\n"))].into(),
            ..child()
        };
        let way = Way { env: pairs(&[("C", "way"), ("D", "way")]), ..Way::default() };
        let env = build(&pairs(&[("PATH", "p"), ("A", "a"), ("B", "b")]), None, &child, &way, None).unwrap();
        let values: Vec<&str> = names.iter().map(|name| env[*name].as_str()).collect();
        assert_eq!(values, ["p", "a", "dotenv a", "way", "env", "file"]);
    }

    #[test]
    fn every_child_is_told_its_port_unless_it_has_its_own() {
        let own = ChildSpec { env: pairs(&[("PORT", "80"), ("MCP_HOST", "::1")]), ..child() };
        let env = built(&[("PORT", "9"), ("HOST", "x")], &own, Some(3007));
        let values = ["PORT", "HOST", "MCP_PORT", "MCP_HOST", "FASTMCP_PORT", "FASTMCP_HOST"];
        let values: Vec<&str> = values.iter().map(|name| env[*name].as_str()).collect();
        assert_eq!(values, ["80", "127.0.0.1", "3007", "::1", "3007", "127.0.0.1"]);
        assert!(!built(&[], &child(), None).contains_key("PORT"));
    }

    #[test]
    fn a_secret_may_come_from_a_file() {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("docker"), "from docker\n").unwrap();
        fs::write(path("C"), "from systemd\n").unwrap();
        let names = ["A", "B", "C", "../x", "NONE"];
        let child = ChildSpec { pass_env: names.map(str::to_string).into(), env: pairs(&[]), ..child() };
        let (docker, root) = (path("docker"), path(""));
        let ours = [
            ("A", "set"),
            ("A_FILE", "/no/such"),
            ("B_FILE", &docker),
            ("C", ""),
            ("CREDENTIALS_DIRECTORY", &root),
        ];
        let env = built(&ours, &child, None);
        assert_eq!((env["A"].as_str(), env["B"].as_str(), env["C"].as_str()), ("set", "from docker", ""));
        let env = built(&ours[4..], &child, None);
        assert_eq!(env["C"], "from systemd");
        assert!(!env.contains_key("../x") && !env.contains_key("NONE") && !env.contains_key("B_FILE"));
        let fault =
            build(&pairs(&[("B_FILE", "/no/such")]), None, &child, &Way::default(), None).unwrap_err();
        assert!(fault.starts_with("B_FILE: /no/such: cannot be read"), "{fault}");
    }

    #[test]
    fn another_user_has_a_home_of_its_own() {
        let theirs = pairs(&[("HOME", "/srv/notes"), ("USER", "notes")]);
        let env =
            build(&pairs(&[("HOME", "/root")]), Some(&theirs), &child(), &Way::default(), None).unwrap();
        assert_eq!((env["HOME"].as_str(), env["USER"].as_str()), ("/srv/notes", "notes"));
    }
}
