//! The command line: what was typed, carried out. Exit codes: 0 well, 1 something is wrong, 2 usage or configuration.

mod add;
pub mod arguments;
pub mod check;
mod completions;
mod control;
mod doctor;
pub mod form;
pub mod help;
mod list;
mod logs;
mod man;
mod passwd;
mod said;
pub mod table;
mod token;

use crate::config::{Environment, Flags, Loaded, environment, load};
use crate::{app, discovery, log as logging, server};
use arguments::Command;
use control::Control;
use form::{Form, Paint};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Why a command ends without success. Without a text it has been told already.
enum Failure {
    /// Something is wrong or not running: exit code 1.
    Wrong(String),
    /// Usage or configuration: exit code 2.
    Unusable(String),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    if let [command, run, containers] = &words[..]
        && command == server::GUARD_COMMAND
    {
        server::run_guard(&run.to_string_lossy(), Path::new(containers));
        return ExitCode::SUCCESS;
    }
    // Also where the rest cannot be understood.
    let json = words.iter().take_while(|word| *word != "--").any(|word| word == "--json");
    match arguments::parse(words).map_err(|error| Failure::Unusable(error.to_string())).and_then(carry_out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Wrong(text)) => fail(&text, 1, json),
        Err(Failure::Unusable(text)) => fail(&text, 2, json),
    }
}

fn fail(text: &str, code: u8, json: bool) -> ExitCode {
    let _ = match (text, json) {
        ("", _) => Ok(()),
        (text, true) => writeln!(io::stdout(), "{:#}", json!({ "error": text })),
        (text, false) => writeln!(io::stderr(), "mcp-proxy: {text}"),
    };
    ExitCode::from(code)
}

fn carry_out(arguments: arguments::Arguments) -> Result<(), Failure> {
    let (flags, json) = (arguments.flags, arguments.json);
    let form = if json { Form::Json } else { Form::Text(Paint::of_stdout()) };
    match arguments.command {
        Command::Help(words) => print(&help::about(&words)),
        Command::Version => print(concat!("mcp-proxy ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::Completions(shell) => print(completions::script(shell)),
        Command::Complete(words) => print(&completions::lines(&words)),
        Command::Man => print(&man::page()),
        Command::Run => run(&flags),
        Command::Check => check_folders(&flags, form),
        Command::Add(new) => add::add(&loaded(&flags)?, &new, form),
        Command::Doctor => doctor::doctor(&flags, form),
        Command::List => told(list::list(&control(&flags)?, form)),
        Command::Logs(wanted) => logs::logs(&control(&flags)?, &wanted, json),
        Command::Start(name) => command(&flags, &name, "start", form),
        Command::Stop(name) => command(&flags, &name, "stop", form),
        Command::Restart(name) => command(&flags, &name, "restart", form),
        Command::Reload => reload(&flags, form),
        Command::Token(command) => told(token::carry_out(&loaded(&flags)?, command, json)),
        Command::Healthcheck => healthcheck(&flags, form),
        Command::Passwd => passwd(&flags, form),
        Command::Login => login(&flags, form),
    }
}

fn loaded(flags: &Flags) -> Result<Loaded, Failure> {
    resolve(flags, &environment()).map_err(Failure::Unusable)
}

fn resolve(flags: &Flags, environment: &Environment) -> Result<Loaded, String> {
    load(flags, environment).map_err(|error| error.to_string())
}

fn control(flags: &Flags) -> Result<Control, Failure> {
    Control::find(&loaded(flags)?, flags.listen.is_some()).map_err(Failure::Wrong)
}

/// Where clients reach the proxy, without a slash at the end.
fn base_url(loaded: &Loaded) -> String {
    let (proxy, tls) = (&loaded.config.proxy, &loaded.config.tls);
    let scheme = if tls.cert.is_empty() { "http" } else { "https" };
    match proxy.public_url.trim_end_matches('/') {
        "" if proxy.listen.ip().is_unspecified() => format!("{scheme}://HOST:{}", proxy.listen.port()),
        "" => format!("{scheme}://{}", proxy.listen),
        url => url.to_string(),
    }
}

fn run(flags: &Flags) -> Result<(), Failure> {
    let loaded = loaded(flags)?;
    server::seclude();
    logging::init(logs(&loaded));
    let again = flags.clone();
    let ended = app::run(loaded, move || resolve(&again, &environment())).map_err(Failure::Unusable);
    logging::flush();
    ended
}

fn logs(loaded: &Loaded) -> logging::Setup {
    let log = &loaded.config.log;
    let folder = (!log.dir.is_empty()).then(|| logging::Folder {
        path: loaded.dir.join(&log.dir),
        max_bytes: log.max_file_bytes,
        max_files: log.max_files,
    });
    logging::Setup { form: log.format.form(), level: log.level.into(), audit: log.audit, folder }
}

fn check_folders(flags: &Flags, form: Form) -> Result<(), Failure> {
    let loaded = loaded(flags)?;
    let found =
        discovery::discover(&loaded.config, &loaded.dir).map_err(|e| Failure::Unusable(e.to_string()))?;
    match check::check(&found, &loaded.warnings, form, &mut io::stdout().lock()) {
        Ok(true) => Ok(()),
        // What is wrong has been printed.
        Ok(false) => Err(Failure::Wrong(String::new())),
        Err(error) => Err(Failure::Wrong(error.to_string())),
    }
}

fn command(flags: &Flags, name: &str, action: &str, form: Form) -> Result<(), Failure> {
    control(flags)?.post(&format!("/api/servers/{name}/{action}")).map_err(Failure::Wrong)?;
    let text = format!("{name}: {action} requested; mcp-proxy list shows what comes of it");
    say(form, &text, &json!({ "ok": true, "server": name, "action": action }))
}

fn reload(flags: &Flags, form: Form) -> Result<(), Failure> {
    let body = control(flags)?.post("/api/reload").map_err(Failure::Wrong)?;
    say(form, &format!("reloaded: {}", body["summary"].as_str().unwrap_or_default()), &body)
}

fn login(flags: &Flags, form: Form) -> Result<(), Failure> {
    let body = control(flags)?.post("/api/login").map_err(Failure::Wrong)?;
    let (url, seconds) = (body["url"].as_str().unwrap_or_default(), body["seconds"].as_u64().unwrap_or(0));
    if let Form::Text(_) = form {
        let _ = writeln!(io::stderr(), "open this within {seconds} seconds; it signs in once, as the owner:");
    }
    say(form, url, &body)
}

fn passwd(flags: &Flags, form: Form) -> Result<(), Failure> {
    let text = passwd::set(&loaded(flags)?).map_err(Failure::Wrong)?;
    say(form, text, &json!({ "ok": true }))
}

fn healthcheck(flags: &Flags, form: Form) -> Result<(), Failure> {
    let (status, body) = control(flags)?.get("/health").map_err(Failure::Wrong)?;
    let text = health(&body);
    match (form, status) {
        (Form::Text(paint), 200) if text == "ok" => print(&(paint.good(&text) + "\n")),
        (_, 200) => say(form, &text, &body),
        (Form::Json, _) => say(form, &text, &body).and(Err(Failure::Wrong(String::new()))),
        (Form::Text(_), _) => Err(Failure::Wrong(format!("the proxy is not well: {text}"))),
    }
}

/// The proxy's word, and which servers are not well.
fn health(body: &Value) -> String {
    let word = body["status"].as_str().unwrap_or("no status");
    let ill = body["servers"].as_object().into_iter().flatten().filter_map(|(name, server)| {
        let (state, health) = (server["state"].as_str()?, server["health"].as_str()?);
        let well = state == "ready" && health != "unhealthy" && health != "degraded";
        let reason = server["reason"].as_str().map(|reason| format!(" ({reason})")).unwrap_or_default();
        (!well).then(|| format!("{name} is {state}{reason}, {health}"))
    });
    let ill: Vec<String> = ill.collect();
    if ill.is_empty() { word.to_string() } else { format!("{word}: {}", ill.join("; ")) }
}

/// The outcome, for people or for programs.
fn say(form: Form, text: &str, body: &Value) -> Result<(), Failure> {
    match form {
        Form::Json => print(&format!("{body:#}\n")),
        Form::Text(_) => print(&format!("{text}\n")),
    }
}

fn told(outcome: Result<String, String>) -> Result<(), Failure> {
    outcome.map_err(Failure::Wrong).and_then(|text| print(&text))
}

/// Output that nobody reads any more (`| head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Wrong(error.to_string())),
        _ => Ok(()),
    }
}
