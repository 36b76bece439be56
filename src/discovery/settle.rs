//! From what is said of a server to its specification: defaults filled in, paths absolute, programs found.

use super::machine::{self, Machine};
use super::rules::Refusal;
use crate::config::spec::{ChildSpec, Launch, RemoteSpec, ServerSpec, Way};
use crate::config::{Defaults, ServerTable, http_url, read_small};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// Where a server was found.
pub(super) struct Origin {
    /// In words: `servers/notes/package.json bin`.
    pub(super) words: String,
    /// What its relative paths start from.
    pub(super) base: PathBuf,
    /// Whether that is a folder of its own, which no other server's files lie in.
    pub(super) own_folder: bool,
    /// Its `.env`, if there is one.
    pub(super) env_file: Option<PathBuf>,
}

/// Resolves one server.
pub(super) fn settle(
    name: &str,
    origin: Origin,
    table: &ServerTable,
    defaults: &Defaults,
    machine: &Machine,
) -> Result<ServerSpec, Refusal> {
    let options = table.options(defaults);
    let words = origin.words.clone();
    let launch = match (&table.command, &table.url) {
        (Some(command), None) => Launch::Child(child(command, origin, table, defaults, machine)?),
        (None, Some(url)) => Launch::Remote(remote(url, table)?),
        (Some(_), Some(_)) => {
            return Err(Refusal::new("both a command and a url are given", "keep one of them"));
        }
        (None, None) => return Err(Refusal::new("it has neither a command nor a url", "add one of them")),
    };
    Ok(ServerSpec { name: name.to_string(), origin: words, launch, options })
}

fn child(
    command: &str,
    origin: Origin,
    table: &ServerTable,
    defaults: &Defaults,
    machine: &Machine,
) -> Result<ChildSpec, Refusal> {
    // Collected again, so that `.` and a slash at the end do not show.
    let cwd: PathBuf = origin.base.join(table.cwd.as_deref().unwrap_or_default()).components().collect();
    if !cwd.is_dir() {
        return Err(Refusal::new(
            format!("its cwd {} is not a folder", cwd.display()),
            "create it, or correct cwd",
        ));
    }
    let path = table.env.get("PATH").or_else(|| machine.variables.get("PATH"));
    let way = Way {
        origin: origin.words,
        command: program(command, &cwd, path.map_or("", String::as_str))?,
        args: table.args.clone().unwrap_or_default(),
        ..Way::default()
    };
    let in_folder = |(name, path): (&String, &String)| (name.clone(), origin.base.join(path));
    let env_from_files: BTreeMap<String, PathBuf> = table.env_from_files.iter().map(in_folder).collect();
    Ok(ChildSpec {
        transport: table.transport,
        ways: vec![way],
        cwd,
        env: table.env.clone(),
        env_digest: digest(origin.env_file.iter().chain(env_from_files.values())),
        env_from_files,
        env_file: origin.env_file,
        pass_env: table.pass_env.clone().unwrap_or_else(|| defaults.pass_env.clone()),
        port: table.port,
        path: table.path.clone(),
        required: Vec::new(),
        confinement: Box::new(table.confinement(defaults, &origin.base, origin.own_folder)),
    })
}

/// Compared within one run only, so any hasher will do. What cannot be read is told when the server starts.
fn digest<'p>(files: impl Iterator<Item = &'p PathBuf>) -> u64 {
    let mut hasher = DefaultHasher::new();
    files.for_each(|file| read_small(file).unwrap_or_default().hash(&mut hasher));
    hasher.finish()
}

/// A bare name that is on `PATH`, or the absolute path of something executable.
fn program(command: &str, cwd: &Path, path: &str) -> Result<String, Refusal> {
    if command.contains('/') {
        return file(&cwd.join(command.trim_start_matches("./")));
    }
    if machine::on_path(command, path) {
        return Ok(command.to_string());
    }
    if command.trim().is_empty() {
        return Err(Refusal::new("its command is empty", "name the program to run"));
    }
    if command.contains(char::is_whitespace) {
        let remedy = "`command` is the program alone; put its arguments into `args`";
        return Err(Refusal::new(format!("there is no program `{command}`"), remedy));
    }
    Err(Refusal::not_installed(command))
}

fn file(path: &Path) -> Result<String, Refusal> {
    let shown = path.display();
    if !path.is_file() {
        return Err(Refusal::new(
            format!("{shown} does not exist"),
            "build or install it, or correct the command",
        ));
    }
    if !machine::is_executable(path) {
        return Err(Refusal::new(format!("{shown} is not executable"), format!("chmod +x {shown}")));
    }
    match path.to_str() {
        Some(path) => Ok(path.to_string()),
        None => Err(Refusal::new(format!("{shown} is not UTF-8"), "rename it")),
    }
}

fn remote(url: &str, table: &ServerTable) -> Result<RemoteSpec, Refusal> {
    let url =
        http_url(url).map_err(|fault| Refusal::new(format!("its url is {fault}"), "correct the url"))?;
    if url.scheme_str() == Some("https") && !cfg!(feature = "tls") {
        return Err(Refusal::new("this build has no TLS for https://", "use a build with the `tls` feature"));
    }
    let wrong = table.headers.iter().find(|(name, value)| !is_header(name, value));
    if let Some((name, _)) = wrong {
        return Err(Refusal::new(format!("`{name}` is no valid header field"), "correct its name or value"));
    }
    Ok(RemoteSpec { url, headers: table.headers.clone() })
}

fn is_header(name: &str, value: &str) -> bool {
    name.parse::<http::HeaderName>().is_ok() && value.parse::<http::HeaderValue>().is_ok()
}
