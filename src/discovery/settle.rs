//! From what is said of a server to its specification: defaults filled in, paths absolute, programs found.

use super::machine::{self, Machine};
use super::rules::{Candidate, Findings, Refusal};
use super::{PassedOver, downloads};
use crate::config::spec::{ChildSpec, Launch, RemoteSpec, ServerSpec, Way};
use crate::config::{Defaults, ServerTable, http_url, read_small};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// Where a server was found.
pub(super) struct Origin {
    /// In words: `servers/notes`, `servers/notes/server.toml`.
    pub(super) words: String,
    /// What its relative paths start from.
    pub(super) base: PathBuf,
    /// Whether that is a folder of its own, which no other server's files lie in.
    pub(super) own_folder: bool,
    /// Its `.env`, if there is one.
    pub(super) env_file: Option<PathBuf>,
}

/// Resolves one server, which `found` says how to start if it is a child. Ways that turn out to be none are added to
/// `passed_over`.
pub(super) fn settle(
    name: &str,
    origin: Origin,
    table: &ServerTable,
    found: Findings,
    passed_over: &mut Vec<PassedOver>,
    defaults: &Defaults,
    machine: &Machine,
) -> Result<ServerSpec, Refusal> {
    let words = origin.words.clone();
    let launch = match (found.ways.is_empty(), &table.url) {
        (false, None) => Launch::Child(child(origin, table, found, passed_over, defaults, machine)?),
        (true, Some(url)) => Launch::Remote(remote(url, table)?),
        (false, Some(_)) => {
            return Err(Refusal::new("both a command and a url are given", "keep one of them"));
        }
        (true, None) => return Err(Refusal::new("it has neither a command nor a url", "add one of them")),
    };
    let origin = match &launch {
        Launch::Child(child) => child.first_way().origin.clone(),
        Launch::Remote(_) => words,
    };
    Ok(ServerSpec { name: name.to_string(), origin, launch, options: table.options(defaults) })
}

fn child(
    origin: Origin,
    table: &ServerTable,
    found: Findings,
    passed_over: &mut Vec<PassedOver>,
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
    let path = path.map_or("", String::as_str);
    let in_folder = |(name, path): (&String, &String)| (name.clone(), origin.base.join(path));
    let env_from_files: BTreeMap<String, PathBuf> = table.env_from_files.iter().map(in_folder).collect();
    Ok(ChildSpec {
        transport: table.transport,
        ways: ways(&origin.words, found.ways, passed_over, &cwd, path)?,
        cwd,
        env: table.env.clone(),
        env_digest: digest(origin.env_file.iter().chain(env_from_files.values())),
        env_from_files,
        env_file: origin.env_file,
        pass_env: table.pass_env.clone().unwrap_or_else(|| defaults.pass_env.clone()),
        port: table.port,
        path: table.path.clone(),
        required: found.required,
        confinement: Box::new(table.confinement(defaults, &origin.base, origin.own_folder)),
    })
}

/// The candidates whose program is there; if there is none, what is wrong with the first.
fn ways(
    words: &str,
    candidates: Vec<Candidate>,
    passed_over: &mut Vec<PassedOver>,
    cwd: &Path,
    path: &str,
) -> Result<Vec<Way>, Refusal> {
    let (mut ways, mut refused) = (Vec::new(), Vec::new());
    for candidate in candidates {
        let what = candidate.declared_by.clone();
        match way(words, candidate, cwd, path) {
            Ok(way) => ways.push(way),
            Err(Refusal { reason, remedy }) => refused.push(PassedOver { what, reason, remedy }),
        }
    }
    if ways.is_empty() && !refused.is_empty() {
        let PassedOver { reason, remedy, .. } = refused.remove(0);
        return Err(Refusal::new(reason, remedy));
    }
    passed_over.extend(refused);
    Ok(ways)
}

fn way(words: &str, candidate: Candidate, cwd: &Path, path: &str) -> Result<Way, Refusal> {
    let prepares = candidate.builds || downloads::prepares(&candidate.command);
    let mut command = candidate.command.into_iter();
    let path = candidate.env.get("PATH").map_or(path, String::as_str);
    let program = program(&command.next().unwrap_or_default(), cwd, path)?;
    let origin = match candidate.declared_by.as_str() {
        "" => words.to_string(),
        file => format!("{words}/{file}"),
    };
    let args = command.collect();
    Ok(Way { origin, command: program, args, retries: candidate.retries, env: candidate.env, prepares })
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
