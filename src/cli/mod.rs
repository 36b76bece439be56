//! The command line: what was typed, carried out. Exit codes: 0 well, 1 something is wrong, 2 usage or configuration.

pub mod arguments;
pub mod check;
mod control;
pub mod help;
mod list;

use crate::config::{Environment, Flags, Loaded, LogFormat, environment, load};
use crate::{app, discovery, log as logging, server};
use arguments::Command;
use control::Control;
use std::io::{self, Write};
use std::process::ExitCode;

/// Why a command ends without success.
enum Failure {
    /// Something is wrong or not running: exit code 1.
    Wrong(String),
    /// Usage or configuration: exit code 2.
    Unusable(String),
}

/// Runs the program.
pub fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    if let [server::GUARD_COMMAND, marker] =
        words.iter().filter_map(|word| word.to_str()).collect::<Vec<_>>()[..]
    {
        server::run_guard(marker);
        return ExitCode::SUCCESS;
    }
    match arguments::parse(words).map_err(|error| Failure::Unusable(error.to_string())).and_then(carry_out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Wrong(text)) => fail(&text, 1),
        Err(Failure::Unusable(text)) => fail(&text, 2),
    }
}

fn fail(text: &str, code: u8) -> ExitCode {
    if !text.is_empty() {
        let _ = writeln!(io::stderr(), "mcp-proxy: {text}");
    }
    ExitCode::from(code)
}

fn carry_out(arguments: arguments::Arguments) -> Result<(), Failure> {
    let flags = arguments.flags;
    match arguments.command {
        Command::Help => print(help::HELP),
        Command::Version => print(concat!("mcp-proxy ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::Run => run(&flags),
        Command::Check { json } => check_folders(&flags, json),
        Command::List { json } => {
            list::list(&control(&flags)?, json).map_err(Failure::Wrong).and_then(|text| print(&text))
        }
        Command::Start(name) => command(&flags, &format!("/api/servers/{name}/start")),
        Command::Stop(name) => command(&flags, &format!("/api/servers/{name}/stop")),
        Command::Restart(name) => command(&flags, &format!("/api/servers/{name}/restart")),
        Command::Reload => command(&flags, "/api/reload"),
        Command::Healthcheck => healthcheck(&flags),
    }
}

fn loaded(flags: &Flags) -> Result<Loaded, Failure> {
    resolve(flags, &environment()).map_err(Failure::Unusable)
}

fn resolve(flags: &Flags, environment: &Environment) -> Result<Loaded, String> {
    load(flags, environment).map_err(|error| error.to_string())
}

fn control(flags: &Flags) -> Result<Control, Failure> {
    Control::find(&loaded(flags)?).map_err(Failure::Wrong)
}

fn run(flags: &Flags) -> Result<(), Failure> {
    let loaded = loaded(flags)?;
    logging::init(loaded.config.log.format == LogFormat::Json, loaded.config.log.level.into());
    let again = flags.clone();
    app::run(loaded, move || resolve(&again, &environment())).map_err(Failure::Unusable)
}

fn check_folders(flags: &Flags, json: bool) -> Result<(), Failure> {
    let loaded = loaded(flags)?;
    let found =
        discovery::discover(&loaded.config, &loaded.dir).map_err(|e| Failure::Unusable(e.to_string()))?;
    match check::check(&found, &loaded.warnings, json, &mut io::stdout().lock()) {
        Ok(true) => Ok(()),
        // What is wrong has been printed.
        Ok(false) => Err(Failure::Wrong(String::new())),
        Err(error) => Err(Failure::Wrong(error.to_string())),
    }
}

fn command(flags: &Flags, path: &str) -> Result<(), Failure> {
    control(flags)?.post(path).map(drop).map_err(Failure::Wrong)
}

fn healthcheck(flags: &Flags) -> Result<(), Failure> {
    let (status, body) = control(flags)?.get("/health").map_err(Failure::Wrong)?;
    let word = body["status"].as_str().unwrap_or("no status");
    if status == 200 {
        print(&format!("{word}\n"))
    } else {
        Err(Failure::Wrong(format!("the proxy is not well: {word}")))
    }
}

/// Output that nobody reads any more (`| head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Wrong(error.to_string())),
        _ => Ok(()),
    }
}
