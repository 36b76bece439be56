//! Composition: everything is built here, in order, and taken down in the reverse one.

mod certificate;
mod manager;
mod reloader;
pub(crate) mod run_file;
mod socket;
mod source;

use crate::auth::oauth::AuthorizationServer;
use crate::auth::{self, Access, Lockout, Owner, Tokens, Visits};
use crate::config::{AuthMode, Config, Loaded, TlsSection, clear_unfinished, environment};
use crate::fleet::Fleet;
use crate::front::{Command, Front, Guard, Peers, Place};
use crate::http;
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::log::{self as logging, Form};
use crate::ops::health::Monitor;
use crate::ops::report;
use crate::ops::watchdog::Watchdog;
use crate::server::ports::Ports;
use crate::server::{
    Answers, Containers, Context, Gate, Guard as ChildGuard, Memory, Reaper, raise_open_files, tame_allocator,
};
use crate::signal::{self, Signal};
use crate::thread;
use crate::watch::{Changes, Watch};
use certificate::Certificate;
use crossbeam_channel::{Receiver, Sender, unbounded};
use manager::Manager;
use reloader::Reloader;
use run_file::RunFile;
use socket::Sockets;
use source::Source;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long the start-up table waits for servers that are still starting.
const TABLE_PATIENCE: Duration = Duration::from_secs(3);
/// What calls in flight get when the proxy ends.
const DRAIN: Duration = Duration::from_secs(3);
/// What a request may take to arrive by a connection that was accepted before the socket went to a successor.
const LAST_REQUESTS: Duration = Duration::from_millis(500);
/// What answers on their way to a client get after that.
const LAST_WRITES: Duration = Duration::from_millis(500);

/// What the main thread reacts to.
enum Event {
    Signal(Signal),
    Command(Command),
    Changed(Changes),
    /// The listener has answered.
    Answered,
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
    manager: Arc<Manager>,
    /// Whether newcomers find the listening socket open when we have ceased to accept: a successor takes them.
    hands_over: bool,
}

/// Runs the proxy until it is told to end.
///
/// # Errors
/// It cannot start; the text says why and what to do.
pub(crate) fn run(
    loaded: Loaded,
    reload: impl Fn() -> Result<Loaded, String> + Send + 'static,
) -> Result<(), String> {
    tame_allocator();
    let (config, dev) = (loaded.config.clone(), loaded.dev);
    let certificate = Certificate::open(&config.tls, &loaded.dir)?;
    let sockets = Sockets::open(&config, certificate.as_ref())?;
    let place = Place::new(&config.proxy.public_url, &own(&sockets));
    let (url, base) = (sockets.url(), place.base().to_string());
    let source = Source::new(loaded, reload);
    let state_dir = source.state_dir()?;
    clear_unfinished(&state_dir);
    let ledger = Ledger::open(&state_dir, source.session_key_file().as_deref(), &config.limits)?;
    let tokens = Tokens::open(&state_dir, source.token_file())?;
    let reachable = reachable(&config, &sockets);
    auth::admit(&config.auth, &tokens, reachable.as_deref())?;
    let owner = Arc::new(Owner::of_folder(&state_dir));
    let oauth = authorization(&config, &state_dir, &ledger, &base, &owner)?;
    let visits = Visits::new(ledger.signer("page"), owner);
    let run_file = RunFile::write(&state_dir, &sockets)?;
    announce(&sockets, &url);
    let (sender, events) = unbounded();
    // Before anything is found, so that nothing changes unseen.
    let watch = if dev { Some(watch(&source, &config, &sender)?) } else { None };
    let found = source.discover()?;
    if let Some(watch) = &watch {
        watch.attend(source.plan().with(&found.servers));
    }
    signal::listen(sender.clone()).map_err(|error| format!("signals cannot be handled: {error}"))?;
    let fleet = Arc::new(fleet(&config, &state_dir, ledger)?);
    let lockout = Lockout::new(config.limits.max_locked_addresses);
    let access =
        Access::new(config.auth.mode, reachable.is_some(), tokens, oauth, run_file.secret(), lockout, visits);
    let front = Arc::new(front(&config, &fleet, place, access, &sender));
    let http = http::Server::start(&affordable(&config.limits), Arc::clone(&front) as Arc<dyn http::Handler>);
    let http = Arc::new(http.map_err(|error| format!("the listener cannot start: {error}"))?);
    front.is_behind(&http);
    let manager = Arc::new(Manager::of(&environment()));
    let told = Arc::clone(&manager);
    let reloader = Reloader::start(source, Arc::clone(&fleet), Arc::clone(&http), watch, certificate, told)
        .map_err(no_thread)?;
    let (control, hands_over) = (sockets.control, sockets.shared);
    let app = App { events, reloader, fleet, front, http, run_file, sender, manager, hands_over };
    app.fleet.apply(found.servers, found.left_out, &app.http);
    for (socket, scheme) in sockets.into_iter() {
        app.http.listen(socket, "", scheme).map_err(|error| format!("{url} cannot be served: {error}"))?;
    }
    let _monitor = Monitor::start(Arc::clone(&app.fleet), &config.health).map_err(no_thread)?;
    if config.log.format.form() == Form::Text {
        app.print_table(base);
    }
    app.manager.ready(&format!("serving {url}"));
    app.serve(app.watchdog(control)?);
    drop(app);
    log::info!(event = "stopped"; "stopped");
    Ok(())
}

/// Who reads this may connect and send commands at once.
fn announce(sockets: &Sockets, url: &str) {
    log::info!(event = "listening"; "listening on {url}");
    if let Some(redirect) = sockets.redirect {
        log::info!(event = "redirecting"; "plain requests to http://{redirect} are sent on to {url}");
    }
}

fn no_thread(error: io::Error) -> String {
    format!("no thread: {error}")
}

/// Whether `[tls]` names a certificate, which the proxy could use. Relative paths start from `dir`.
///
/// # Errors
/// It could not, and why.
pub(crate) fn check_certificate(section: &TlsSection, dir: &Path) -> Result<bool, String> {
    Certificate::open(section, dir).map(|certificate| certificate.is_some())
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

fn watch(source: &Source, config: &Config, events: &Sender<Event>) -> Result<Watch, String> {
    Watch::start(source.plan(), config.limits.max_watched_folders, events.clone()).map_err(no_thread)
}

fn fleet(config: &Config, state_dir: &Path, ledger: Ledger) -> Result<Fleet, String> {
    let reaper = Reaper::start().map_err(no_thread)?;
    let guard = ChildGuard::start(&reaper, state_dir)
        .map_err(|error| format!("the guard process cannot start: {error}"))?;
    let containers = Containers::new(state_dir, guard.marker(), Arc::clone(&reaper));
    let context = Context {
        limits: config.limits.clone(),
        restart: config.restart.clone(),
        health: config.health.clone(),
        reaper,
        guard,
        containers,
        gate: Gate::new(config.limits.max_starting),
        memory: Memory::open(state_dir),
        ledger,
        answers: Answers::open(state_dir, config.limits.max_cached_bytes),
        changes: Arc::default(),
    };
    Ok(Fleet::new(Arc::new(context), Ports::new(config.proxy.ports.range())))
}

/// Where nobody has said how the proxy is reached, only programs of this machine can get access.
fn authorization(
    config: &Config,
    state_dir: &Path,
    ledger: &Ledger,
    base: &str,
    owner: &Arc<Owner>,
) -> Result<Option<AuthorizationServer>, String> {
    if config.auth.mode != AuthMode::Oauth {
        return Ok(None);
    }
    if config.proxy.public_url.is_empty() {
        log::warn!(event = "oauth-local"; "only programs on this machine can get access by OAuth: public_url in [proxy] does not say how others reach it");
    }
    let redirects = &config.auth.allowed_redirects;
    AuthorizationServer::open(state_dir, ledger, base, redirects, Arc::clone(owner)).map(Some)
}

fn front(config: &Config, fleet: &Arc<Fleet>, place: Place, access: Access, events: &Sender<Event>) -> Front {
    let proxy = &config.proxy;
    let guard = Guard::new(&machine(), &proxy.public_url, &proxy.allowed_hosts, &proxy.allowed_origins);
    let peers = Peers::new(proxy.trusted_proxies.clone());
    let events = events.clone();
    // The main thread is gone only when all is over.
    let send = move |command| drop(events.send(Event::Command(command)));
    Front::new(Arc::clone(fleet), peers, guard, place, access, config.auth.token_in_path, Box::new(send))
}

/// How this machine is called.
fn machine() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Where we listen, as a URL. An address that means all of this machine's is none to connect to.
fn own(sockets: &Sockets) -> String {
    match sockets.address.ip().is_unspecified() {
        true => format!("{}://{}:{}", sockets.scheme(), machine(), sockets.address.port()),
        false => sockets.url(),
    }
}

/// From where others than this machine can reach the proxy, if they can.
fn reachable(config: &Config, sockets: &Sockets) -> Option<String> {
    let url = &config.proxy.public_url;
    let address = sockets.reachable().map(|address| address.to_string());
    address.or_else(|| (!url.is_empty()).then(|| format!("{url} (public_url)")))
}

impl App {
    /// Watches over the listener and over the main thread: who supervises us hears of an answer by the latter.
    fn watchdog(&self, control: SocketAddr) -> Result<Option<Watchdog>, String> {
        let Some(deadline) = self.manager.watchdog else { return Ok(None) };
        let events = self.sender.clone();
        // The main thread is gone only when all is over.
        let on_answer = move || drop(events.send(Event::Answered));
        let watchdog = Watchdog::start(control, deadline, on_answer);
        watchdog.map(Some).map_err(no_thread)
    }

    /// The main thread: one event after the other, until everything is down.
    fn serve(&self, mut watchdog: Option<Watchdog>) {
        let mut stopping = false;
        while let Ok(event) = self.events.recv() {
            match event {
                Event::Stopped => return,
                Event::Signal(Signal::Stop) if stopping => self.stop_at_once(),
                Event::Signal(Signal::Stop) => {
                    stopping = true;
                    drop(watchdog.take());
                    self.stop();
                }
                Event::Signal(Signal::Reload) => self.reloader.reload(None),
                Event::Command(Command::Reload(reply)) => self.reloader.reload(reply),
                Event::Changed(changes) => self.reloader.changed(changes),
                Event::Answered => self.manager.alive(),
            }
        }
    }

    /// Not ready, drained, then every server in its steps; beside the main thread, which waits for a second signal.
    fn stop(&self) {
        log::info!(event = "stopping"; "stopping; a second Ctrl-C stops at once");
        self.manager.stopping();
        let hands_over = self.hands_over;
        if !hands_over {
            self.front.begin_stopping();
        }
        let (http, fleet, done) = (Arc::clone(&self.http), Arc::clone(&self.fleet), self.sender.clone());
        let stopper = thread::spawn("stop", move || {
            if hands_over {
                http.cease(LAST_REQUESTS);
            }
            // Who watches is told so, and leaves while the calls have their time.
            fleet.changes().end();
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
        logging::flush();
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
            log::debug!(event = "no-thread"; "no thread for the table: {error}");
        }
    }
}
