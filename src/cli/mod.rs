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
        Command::Start(name) => command(&flags, &name, "start"),
        Command::Stop(name) => command(&flags, &name, "stop"),
        Command::Restart(name) => command(&flags, &name, "restart"),
        Command::Reload => reload(&flags),
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
    Control::find(&loaded(flags)?, flags.listen.is_some()).map_err(Failure::Wrong)
}

fn run(flags: &Flags) -> Result<(), Failure> {
    let loaded = loaded(flags)?;
    server::seclude();
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

fn command(flags: &Flags, name: &str, action: &str) -> Result<(), Failure> {
    control(flags)?.post(&format!("/api/servers/{name}/{action}")).map_err(Failure::Wrong)?;
    print(&format!("{name}: {action} requested; mcp-proxy list shows what comes of it\n"))
}

fn reload(flags: &Flags) -> Result<(), Failure> {
    let body = control(flags)?.post("/api/reload").map_err(Failure::Wrong)?;
    print(&format!("reloaded: {}\n", body["summary"].as_str().unwrap_or_default()))
}

fn healthcheck(flags: &Flags) -> Result<(), Failure> {
    let (status, body) = control(flags)?.get("/health").map_err(Failure::Wrong)?;
    let word = body["status"].as_str().unwrap_or("no status");
    let ill = body["servers"].as_object().into_iter().flatten().filter_map(|(name, server)| {
        let (state, health) = (server["state"].as_str()?, server["health"].as_str()?);
        let well = state == "ready" && health != "unhealthy" && health != "degraded";
        (!well).then(|| format!("{name} is {state}, {health}"))
    });
    let ill: Vec<String> = ill.collect();
    let text = if ill.is_empty() { word.to_string() } else { format!("{word}: {}", ill.join("; ")) };
    if status == 200 {
        print(&(text + "\n"))
    } else {
        Err(Failure::Wrong(format!("the proxy is not well: {text}")))
    }
}

/// Output that nobody reads any more (`| head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Wrong(error.to_string())),
        _ => Ok(()),
    }
}
