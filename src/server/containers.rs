//! Containers: a server started by `docker run` lives in one, which goes on when that command is killed. So the engine
//! is asked to write the container's id into a file (`--cidfile`), and what outlives its command is ended by that.
//!
//! Each run has a folder for these files in the state folder, and a lock on it. Its guard ends what a killed proxy has
//! left there; what both have left, the next proxy.

use super::marker::Marker;
use super::os;
use super::reaper::Reaper;
use crate::config::spec::{ChildSpec, Way};
use crate::config::{Environment, open_regular, read_small, write_beside};
use crossbeam_channel::bounded;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Programs that take `run` and its options alike.
const ENGINES: [&str; 3] = ["docker", "podman", "nerdctl"];
/// What the command needs to reach its engine. No secret among them: they are written down.
const NEEDED: [&str; 10] = [
    "PATH",
    "HOME",
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_CERT_PATH",
    "DOCKER_TLS_VERIFY",
    "CONTAINER_HOST",
];
/// The exit code of an engine's command that failed itself: what it says of the container is nothing.
const ENGINE_FAILED: i32 = 125;
/// What an engine may take to end a container.
const PATIENCE: Duration = Duration::from_secs(10);
const LOCK: &str = "lock";

/// The containers of this run.
pub struct Containers {
    reaper: Arc<Reaper>,
    folder: PathBuf,
    /// Made with the first of them; held as long as this process lives.
    lock: OnceLock<Option<File>>,
}

/// How a container is ended, for whoever has to.
#[derive(Serialize, Deserialize)]
struct Order {
    program: String,
    args: Vec<String>,
    environment: Environment,
}

/// A child's container.
pub(super) struct Container {
    reaper: Arc<Reaper>,
    order: PathBuf,
    id: PathBuf,
}

impl Containers {
    /// Those of this run: none yet. What earlier ones have left behind is ended, on a thread of its own.
    pub fn new(state_dir: &Path, marker: &Marker, reaper: Arc<Reaper>) -> Containers {
        let folder = folder(state_dir, marker);
        let left = folder.parent().map(abandoned).unwrap_or_default();
        if !left.is_empty() {
            let reaper = Arc::clone(&reaper);
            let sweep = move || left.iter().for_each(|folder| end_all_by(&reaper, folder));
            if let Err(error) = crate::thread::spawn("sweep", sweep) {
                log::debug!(event = "containers-left-alone"; "containers of an earlier run are left alone: {error}");
            }
        }
        Containers { reaper, folder, lock: OnceLock::new() }
    }

    /// Prepares for a container if the command runs one: the arguments it is started with then. One that is told its
    /// own `--cidfile`, or not to stay with it, is left alone; so is one that cannot write into our folder.
    ///
    /// # Errors
    /// The state folder cannot be written.
    pub(super) fn expect(
        &self,
        spec: &ChildSpec,
        way: &Way,
        environment: &Environment,
    ) -> io::Result<Option<(Container, [String; 2], usize)>> {
        let confined = spec.confinement.user.is_some() || spec.confinement.folders.is_some();
        let Some(at) = options_of_run(way).filter(|_| !confined) else { return Ok(None) };
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let (order, id) =
            (self.folder.join(format!("{number}.json")), self.folder.join(format!("{number}.cid")));
        let (_, beside) = write_beside(&order, &serde_json::to_vec(&Order::of(way, environment))?)?;
        fs::rename(beside, &order)?;
        self.lock.get_or_init(|| lock(&self.folder));
        let args = ["--cidfile".to_string(), id.display().to_string()];
        Ok(Some((Container { reaper: Arc::clone(&self.reaper), order, id }, args, at)))
    }
}

impl Order {
    fn of(way: &Way, environment: &Environment) -> Order {
        let needed = environment.iter().filter(|(name, _)| NEEDED.contains(&name.as_str()));
        // What is to stay when it has ended stays.
        let removed = way.args.iter().any(|arg| arg == "--rm" || arg == "--rm=true");
        let args: &[&str] = if removed { &["rm", "--force"] } else { &["kill"] };
        Order {
            program: way.command.clone(),
            args: args.iter().map(ToString::to_string).collect(),
            environment: needed.map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }

    /// Has the engine end the container, and waits for it, but not for ever.
    fn carry_out(&self, id: &str, reaper: &Reaper) {
        let mut command = Command::new(&self.program);
        command.args(&self.args).arg(id).env_clear().envs(&self.environment).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let (done, ended) = bounded(1);
        let spawned = reaper.spawn(&mut command, move |status| {
            let _ = done.send(status); // who waited may have given up
        });
        let outcome = spawned.map(|child| {
            ended.recv_timeout(PATIENCE).inspect_err(|_| os::signal_group(child.id(), Signal::KILL))
        });
        match outcome {
            Ok(Ok(_)) => {
                log::info!(event = "container-ended"; "container {} had outlived its command and was ended", id.get(..12).unwrap_or(id))
            }
            Ok(Err(_)) => {
                log::warn!(event = "container-left"; "{} does not answer: container {id} may still run", self.program)
            }
            Err(error) => {
                log::warn!(event = "container-left"; "{} cannot be run ({error}): container {id} may still run", self.program)
            }
        }
    }
}

impl Container {
    /// Once its command has ended: ends what the command has not. One that ended by itself has seen its container's end.
    pub(super) fn bury(self, status: Option<ExitStatus>) {
        let code = status.and_then(|status| status.code());
        if code.is_none_or(|code| code == ENGINE_FAILED) {
            end(&self.reaper, &self.order, &self.id);
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        forget(&self.order, &self.id);
    }
}

/// Where the files of a run lie.
pub(super) fn folder(state_dir: &Path, marker: &Marker) -> PathBuf {
    state_dir.join("containers").join(marker.name())
}

/// Ends all containers of a run that is over; for a process that has nothing else to do.
pub(super) fn end_all(folder: &Path) {
    if folder.exists()
        && let Ok(reaper) = Reaper::start()
    {
        end_all_by(&reaper, folder);
    }
}

fn end_all_by(reaper: &Reaper, folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let orders = entries.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    for order in orders.collect::<Vec<_>>() {
        let id = order.with_extension("cid");
        end(reaper, &order, &id);
        forget(&order, &id);
    }
    let _ = fs::remove_file(folder.join(LOCK));
    let _ = fs::remove_dir(folder); // not while it holds what is not ours
}

fn end(reaper: &Reaper, order: &Path, id: &Path) {
    let Some(id) = read_small(id).ok().filter(|text| is_id(text.trim())) else { return };
    let order = read_small(order).ok().and_then(|text| serde_json::from_str::<Order>(&text).ok());
    if let Some(order) = order {
        order.carry_out(id.trim(), reaper);
    }
}

fn forget(order: &Path, id: &Path) {
    let _ = fs::remove_file(id); // it may never have come to be
    let _ = fs::remove_file(order);
}

/// Folders of runs that nobody holds.
fn abandoned(parent: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path());
    let free = |folder: &PathBuf| {
        let lock = open_regular(&folder.join(LOCK));
        lock.is_ok_and(|lock| lock.try_lock_shared().is_ok())
    };
    folders.filter(free).collect()
}

fn lock(folder: &Path) -> Option<File> {
    let file = File::create(folder.join(LOCK)).ok()?;
    file.try_lock().ok()?;
    Some(file)
}

/// Where the options of `docker run` begin among the arguments, if that is what is run and it stays until the end.
fn options_of_run(way: &Way) -> Option<usize> {
    let program = Path::new(&way.command).file_name()?.to_str()?;
    let args: Vec<&str> = way.args.iter().map(String::as_str).collect();
    let at = match args[..] {
        ["run", ..] => 1,
        ["container", "run", ..] => 2,
        _ => return None,
    };
    let own = |arg: &&str| matches!(*arg, "-d" | "--detach") || arg.starts_with("--cidfile");
    (ENGINES.contains(&program) && !args.iter().any(own)).then_some(at)
}

fn is_id(text: &str) -> bool {
    text.len() >= 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(line: &str) -> Way {
        let mut words = line.split(' ').map(String::from);
        Way { command: words.next().unwrap(), args: words.collect(), ..Way::default() }
    }

    #[test]
    fn what_runs_a_container_is_known() {
        for (line, expected) in [
            ("docker run -i --rm mcp/time", Some(1)),
            ("/usr/bin/podman container run -i x", Some(2)),
            ("docker run -d x", None),
            ("docker run --cidfile=mine x", None),
            ("docker exec -i x", None),
            ("node run", None),
        ] {
            assert_eq!(options_of_run(&way(line)), expected, "{line}");
        }
    }

    #[test]
    fn only_what_goes_by_itself_is_removed() {
        let environment =
            [("DOCKER_HOST", "ssh://x"), ("TOKEN", "s3cret")].map(|(n, v)| (n.to_string(), v.to_string()));
        let order = Order::of(&way("docker run --rm x"), &environment.into());
        assert_eq!(order.args, ["rm", "--force"]);
        assert_eq!(order.environment.keys().collect::<Vec<_>>(), ["DOCKER_HOST"]);
        assert_eq!(Order::of(&way("docker run x"), &Environment::new()).args, ["kill"]);
    }

    #[test]
    fn an_id_is_nothing_else() {
        assert!(is_id("0123456789abcdef"));
        assert!(!is_id("--all") && !is_id("") && !is_id("my-database"));
    }
}
