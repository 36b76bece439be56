//! Composition: everything is built here, in order, and taken down in the reverse one.

mod reloader;
pub(crate) mod run_file;
mod source;

use crate::config::{Config, Loaded, LogFormat};
use crate::fleet::Fleet;
use crate::front::{Command, Front, Guard};
use crate::http;
use crate::limits::Limits;
use crate::ops::health::Monitor;
use crate::ops::report;
use crate::server::ports::Ports;
use crate::server::{Context, Gate, Guard as ChildGuard, Memory, Reaper, raise_open_files};
use crate::signal::{self, Signal};
use crate::thread;
use crate::watch::{Changes, Watch};
use crossbeam_channel::{Receiver, Sender, unbounded};
use reloader::Reloader;
use run_file::RunFile;
use source::Source;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long the start-up table waits for servers that are still starting.
const TABLE_PATIENCE: Duration = Duration::from_secs(3);
/// What calls in flight get when the proxy ends.
const DRAIN: Duration = Duration::from_secs(3);
/// What answers on their way to a client get after that.
const LAST_WRITES: Duration = Duration::from_millis(500);

/// What the main thread reacts to.
enum Event {
    Signal(Signal),
    Command(Command),
    Changed(Changes),
    Stopped,
}

impl From<Signal> for Event {
    fn from(signal: Signal) -> Event {
        Event::Signal(signal)
    }
}

impl From<Changes> for Event {
    fn from(changes: Changes) -> Event {
        Event::Changed(changes)
    }
}

/// A running proxy.
struct App {
    /// Dropped first: whatever the rest takes, a signal that finds nobody listening ends the process at once.
    events: Receiver<Event>,
    reloader: Reloader,
    fleet: Arc<Fleet>,
    front: Arc<Front>,
    http: Arc<http::Server>,
    run_file: RunFile,
    sender: Sender<Event>,
}

/// Runs the proxy until it is told to end.
///
/// # Errors
/// It cannot start; the text says why and what to do.
pub(crate) fn run(
    loaded: Loaded,
    reload: impl Fn() -> Result<Loaded, String> + Send + 'static,
) -> Result<(), String> {
    let (config, dev) = (loaded.config.clone(), loaded.dev);
    let socket = bind(&config)?;
    let address = socket.local_addr().map_err(|error| error.to_string())?;
    let base = match config.proxy.public_url.trim_end_matches('/') {
        "" => format!("http://{address}"),
        url => url.to_string(),
    };
    let source = Source::new(loaded, reload);
    let state_dir = source.state_dir()?;
    let run_file = RunFile::write(&state_dir, address)?;
    // Who reads this line may connect and send commands at once.
    log::info!(event = "listening"; "listening on http://{address}");
    let (sender, events) = unbounded();
    // Before anything is found, so that nothing changes unseen.
    let watch = if dev { Some(watch(&source, &config, &sender)?) } else { None };
    let found = source.discover()?;
    if let Some(watch) = &watch {
        watch.attend(source.plan().with(&found.servers));
    }
    signal::listen(sender.clone()).map_err(|error| format!("signals cannot be handled: {error}"))?;
    let fleet = Arc::new(fleet(&config, &state_dir)?);
    let front = Arc::new(front(&config, &fleet, base.clone(), run_file.secret(), &sender));
    let http = http::Server::start(&affordable(&config.limits), Arc::clone(&front) as Arc<dyn http::Handler>);
    let http = Arc::new(http.map_err(|error| format!("the listener cannot start: {error}"))?);
    let reloader = Reloader::start(source, Arc::clone(&fleet), Arc::clone(&http), watch)
        .map_err(|error| format!("no thread: {error}"))?;
    let app = App { events, reloader, fleet, front, http, run_file, sender };
    app.fleet.apply(found.servers, found.left_out, &app.http);
    app.http.listen(socket, "").map_err(|error| format!("{address} cannot be served: {error}"))?;
    let _monitor = Monitor::start(Arc::clone(&app.fleet), &config.health)
        .map_err(|error| format!("no thread: {error}"))?;
    if config.log.format == LogFormat::Text {
        app.print_table(base);
    }
    app.serve();
    drop(app);
    log::info!(event = "stopped"; "stopped");
    Ok(())
}

/// The limits, with no more connections than there may be open files: each needs one, and so do pipes and polls.
fn affordable(limits: &Limits) -> Limits {
    let files = usize::try_from(raise_open_files()).unwrap_or(usize::MAX);
    let most = (files / 4 * 3).saturating_sub(http::RESERVE).max(1);
    if limits.max_connections > most {
        log::warn!(event = "few-files"; "max_connections is {most} instead of {}: only {files} files may be open (ulimit -n)", limits.max_connections);
    }
    Limits { max_connections: limits.max_connections.min(most), ..limits.clone() }
}

fn bind(config: &Config) -> Result<TcpListener, String> {
    let address = config.proxy.listen;
    TcpListener::bind(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "{address} is taken by another program (another mcp-proxy?): stop it, or choose with --listen 127.0.0.1:PORT"
        ),
        _ => format!("{address} cannot be listened on: {error}; choose another with --listen 127.0.0.1:PORT"),
    })
}

fn watch(source: &Source, config: &Config, events: &Sender<Event>) -> Result<Watch, String> {
    Watch::start(source.plan(), config.limits.max_watched_folders, events.clone())
        .map_err(|error| format!("no thread: {error}"))
}

fn fleet(config: &Config, state_dir: &Path) -> Result<Fleet, String> {
    let reaper = Reaper::start().map_err(|error| format!("no thread: {error}"))?;
    let guard =
        ChildGuard::start(&reaper).map_err(|error| format!("the guard process cannot start: {error}"))?;
    let context = Context {
        limits: config.limits.clone(),
        restart: config.restart.clone(),
        health: config.health.clone(),
        reaper,
        guard,
        gate: Gate::new(config.limits.max_starting),
        memory: Memory::open(state_dir),
    };
    Ok(Fleet::new(Arc::new(context), Ports::new(config.proxy.ports.range())))
}

fn front(config: &Config, fleet: &Arc<Fleet>, base: String, secret: &str, events: &Sender<Event>) -> Front {
    let proxy = &config.proxy;
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let guard = Guard::new(&machine, &proxy.public_url, &proxy.allowed_hosts, &proxy.allowed_origins);
    let events = events.clone();
    // The main thread is gone only when all is over.
    let send = move |command| drop(events.send(Event::Command(command)));
    Front::new(Arc::clone(fleet), guard, base, secret.to_string(), Box::new(send))
}

impl App {
    /// The main thread: one event after the other, until everything is down.
    fn serve(&self) {
        let mut stopping = false;
        while let Ok(event) = self.events.recv() {
            match event {
                Event::Stopped => return,
                Event::Signal(Signal::Stop) if stopping => self.stop_at_once(),
                Event::Signal(Signal::Stop) => {
                    stopping = true;
                    self.stop();
                }
                Event::Signal(Signal::Reload) => self.reloader.reload(None),
                Event::Command(Command::Reload(reply)) => self.reloader.reload(reply),
                Event::Changed(changes) => self.reloader.changed(changes),
            }
        }
    }

    /// Not ready, drained, then every server in its steps; beside the main thread, which waits for a second signal.
    fn stop(&self) {
        log::info!(event = "stopping"; "stopping; a second Ctrl-C stops at once");
        self.front.begin_stopping();
        let (http, fleet, done) = (Arc::clone(&self.http), Arc::clone(&self.fleet), self.sender.clone());
        let stopper = thread::spawn("stop", move || {
            fleet.end_streams();
            fleet.drain(DRAIN);
            fleet.end_calls();
            http.stop(LAST_WRITES);
            fleet.close();
            let _ = done.send(Event::Stopped); // the main thread waits for it
        });
        if stopper.is_err() {
            self.stop_at_once();
        }
    }

    /// The guard process ends the children when our end of its pipe closes.
    fn stop_at_once(&self) -> ! {
        log::warn!(event = "stopping"; "stopping at once");
        self.run_file.remove();
        std::process::exit(1)
    }

    /// Prints the table once all servers have started or failed, but does not wait long.
    fn print_table(&self, base: String) {
        let fleet = Arc::clone(&self.fleet);
        let printer = thread::spawn("table", move || {
            fleet.settle(TABLE_PATIENCE);
            let table = report::table(&fleet.serving(), &base);
            let _ = write!(io::stderr().lock(), "\n{table}\n"); // nobody reads: nothing lost
        });
        if let Err(error) = printer {
            log::debug!("no thread for the table: {error}");
        }
    }
}
