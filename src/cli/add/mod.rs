//! `mcp-proxy add`: writes the folder of a new server.

mod source;
mod variables;

use super::arguments::NewServer;
use super::check::{self, check};
use super::form::{Form, Paint};
use super::{Failure, base_url, print};
use crate::auth::Book;
use crate::config::{Loaded, environment, state_dir};
use crate::discovery::{self, Discovery};
use serde_json::json;
use source::Source;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What is to be written.
struct Plan {
    name: String,
    folder: PathBuf,
    /// `server.toml`
    manifest: String,
    /// `.env`, if there are variables.
    dotenv: String,
    /// Variables in it that are still to be filled in.
    empty: Vec<String>,
}

/// Writes the folder, looks at it as `mcp-proxy check` does, and says what is to be done next.
///
/// # Errors
/// Nothing was written, and why; or it was, and is not well: exit code 1.
pub(super) fn add(loaded: &Loaded, new: &NewServer, form: Form) -> Result<(), Failure> {
    let plan = plan(loaded, new).map_err(Failure::Unusable)?;
    free(loaded, &plan).and_then(|()| write(&plan)).map_err(Failure::Wrong)?;
    let found = find(loaded).map_err(Failure::Wrong)?;
    let found = only(found, &plan.name);
    let (text, well) = match form {
        Form::Json => as_json(loaded, &plan, &found)?,
        Form::Text(paint) => as_text(loaded, &plan, &found, paint)?,
    };
    print(&text)?;
    if well { Ok(()) } else { Err(Failure::Wrong(String::new())) }
}

fn plan(loaded: &Loaded, new: &NewServer) -> Result<Plan, String> {
    let (first, source) = Source::of(&new.words)?;
    let name = match (first, &new.name) {
        (Some(first), Some(name)) if first != *name => {
            return Err(format!("it is called {first} and --name says {name}: say one of them"));
        }
        (Some(first), _) => first,
        (None, Some(name)) => name.clone(),
        (None, None) => source
            .usual_name()
            .map(|name| discovery::server_name(&name))
            .ok_or("give it a name: --name NAME")?,
    };
    discovery::check_folder_name(&name)?;
    let keys = source.keys(cwd(&source));
    let manifest = toml::to_string(&keys).map_err(|error| error.to_string())?;
    let (dotenv, empty) = variables::dotenv(&new.env)?;
    if let (Source::Remote(_), false) = (&source, dotenv.is_empty()) {
        return Err("--env is for a process of ours; for a server elsewhere put headers = { Authorization = \"Bearer …\" } into its server.toml".into());
    }
    let folder = loaded.dir.join(&loaded.config.proxy.servers).join(&name);
    Ok(Plan { name, folder, manifest, dotenv, empty })
}

/// The current folder, if one of a program's words means a file in it.
fn cwd(source: &Source) -> Option<String> {
    let Source::Program(words) = source else { return None };
    let is_here = |(at, word): (usize, &String)| {
        let path = Path::new(word);
        // The first word is looked for on PATH, unless it is a path.
        let is_path = word.contains('/') || word.starts_with('.');
        path.is_relative() && (is_path && path.exists() || at > 0 && path.is_file())
    };
    let here = std::env::current_dir().ok()?;
    words.iter().enumerate().any(is_here).then(|| here.display().to_string())
}

/// Refuses a name that something has, also in another spelling or in another file.
fn free(loaded: &Loaded, plan: &Plan) -> Result<(), String> {
    let name = &plan.name;
    let taken = |place: &str| Err(format!("there is a server {name} already ({place}); choose another name"));
    if plan.folder.symlink_metadata().is_ok() {
        return taken(&plan.folder.display().to_string());
    }
    let found = find(loaded).unwrap_or_default();
    let served = found.servers.iter().find(|spec| spec.name == *name).map(|spec| spec.origin.as_str());
    let off = found.disabled.iter().find(|off| off.name == *name).map(|off| off.place.as_str());
    let out = found.left_out.iter().find(|out| out.name == *name).map(|out| out.place.as_str());
    served.or(off).or(out).map_or(Ok(()), taken)
}

fn find(loaded: &Loaded) -> Result<Discovery, String> {
    discovery::discover(&loaded.config, &loaded.dir).map_err(|error| error.to_string())
}

/// Written beside, in a folder that nobody takes for a server, and then put in its place at once.
fn write(plan: &Plan) -> Result<(), String> {
    let beside = plan.folder.with_file_name(format!(".{}.{}.tmp", plan.name, std::process::id()));
    let written = write_files(plan, &beside).and_then(|()| fs::rename(&beside, &plan.folder));
    written.map_err(|error| {
        let _ = fs::remove_dir_all(&beside); // as far as it came
        format!("{} cannot be written: {error}", plan.folder.display())
    })
}

fn write_files(plan: &Plan, folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).create(folder)?;
    let file = |name: &str, mode: u32, text: &str| {
        let path = folder.join(name);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all())
    };
    file("server.toml", 0o644, &plan.manifest)?;
    if !plan.dotenv.is_empty() {
        file(".env", 0o600, &plan.dotenv)?;
    }
    File::open(folder)?.sync_all()
}

/// What was found under this name.
fn only(mut found: Discovery, name: &str) -> Discovery {
    found.servers.retain(|spec| spec.name == name);
    found.left_out.retain(|out| out.name == name);
    found.disabled.clear();
    found.warnings.clear();
    found
}

impl Plan {
    fn files(&self) -> Vec<String> {
        let names = ["server.toml", ".env"].into_iter().take(if self.dotenv.is_empty() { 1 } else { 2 });
        names.map(|name| self.folder.join(name).display().to_string()).collect()
    }
}

/// The text, and whether all is well.
fn as_json(loaded: &Loaded, plan: &Plan, found: &Discovery) -> Result<(String, bool), Failure> {
    let check = check::json(found).map_err(|error| Failure::Wrong(error.to_string()))?;
    let (server, left_out) = (&check["servers"][0], &check["left_out"][0]);
    let body = json!({
        "name": plan.name,
        "files": plan.files(),
        "fill_in": plan.empty,
        "url": format!("{}/{}", base_url(loaded), plan.name),
        "server": server,
        "left_out": left_out,
    });
    let well = server["problems"].as_array().is_some_and(Vec::is_empty);
    Ok((format!("{body:#}\n"), well))
}

fn as_text(loaded: &Loaded, plan: &Plan, found: &Discovery, paint: Paint) -> Result<(String, bool), Failure> {
    let mut text = Vec::new();
    let well = check(found, &[], Form::Text(paint), &mut text);
    let well = well.map_err(|error| Failure::Wrong(error.to_string()))?;
    let text = String::from_utf8_lossy(&text);
    // The last line counts servers.
    let checked = text.trim_end().rsplit_once('\n').map_or("", |(lines, _)| lines);
    Ok((format!("written: {}\n\n{checked}\n\n{}", plan.files().join(", "), next(loaded, plan)), well))
}

fn next(loaded: &Loaded, plan: &Plan) -> String {
    let (name, base) = (&plan.name, base_url(loaded));
    let fill_in = match plan.empty.is_empty() {
        true => String::new(),
        false => {
            format!("Fill in {} in {}.\n", plan.empty.join(", "), plan.folder.join(".env").display())
        }
    };
    let header = if asks_for_token(loaded) { " --header \"Authorization: Bearer TOKEN\"" } else { "" };
    let headers = match header {
        "" => "",
        _ => ", \"headers\": { \"Authorization\": \"Bearer TOKEN\" }",
    };
    format!(
        "{fill_in}Serve it: mcp-proxy reload (one that runs with --dev does so by itself), or mcp-proxy, if none runs.
Then it is {base}/{name}:

  claude mcp add --transport http {name} {base}/{name}{header}

  {{ \"mcpServers\": {{ \"{name}\": {{ \"type\": \"http\", \"url\": \"{base}/{name}\"{headers} }} }} }}
"
    )
}

fn asks_for_token(loaded: &Loaded) -> bool {
    let folder = state_dir(&loaded.config, &loaded.dir, &environment());
    let made = folder.is_ok_and(|folder| Book::of(&folder).read().is_ok_and(|tokens| tokens.is_some()));
    made || !loaded.config.auth.token_file.is_empty()
}
