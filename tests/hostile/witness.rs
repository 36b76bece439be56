//! The well-behaved client: sessions at both servers, one call after the other, mostly on a connection that is kept.
//!
//! It does what every HTTP client does: where a kept connection turns out to be closed before the first byte of an
//! answer, it sends the request once more on a new one (RFC 9112, section 9.3.1). Anything else is a lost call.

use crate::harness::Proxy;
use crate::wire::{self, Wire};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two calls.
const PAUSE: Duration = Duration::from_millis(4);
/// So many calls use one connection.
const CALLS_PER_CONNECTION: u64 = 50;

pub(crate) struct Witness {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Of all calls before the first attack.
    pub(crate) quiet: Latency,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    over: AtomicBool,
}

#[derive(Default)]
struct Seen {
    micros: Vec<u32>,
    lost: Vec<String>,
    reconnected: u64,
}

/// What the well-behaved client saw.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latency {
    pub(crate) calls: usize,
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    pub(crate) worst: Duration,
}

impl Witness {
    /// Begins to call, and first watches for so long.
    pub(crate) fn start(proxy: &Proxy, quiet: Duration) -> Witness {
        let shared = Arc::new(Shared::default());
        let threads = ["stdio", "http"].map(|name| {
            let caller = Caller::new(proxy, name);
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || caller.run(&shared))
        });
        std::thread::sleep(quiet); // this is what is measured
        let mut witness = Witness { shared, threads: threads.into(), quiet: Latency::default() };
        witness.quiet = witness.take_latency();
        witness
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen()
    }

    fn take_latency(&self) -> Latency {
        Latency::of(std::mem::take(&mut self.seen().micros))
    }

    /// The calls that were lost since this was last asked.
    pub(crate) fn take_lost(&self) -> Vec<String> {
        std::mem::take(&mut self.seen().lost)
    }

    /// The end: all calls since the first attack, and how often a kept connection was found closed.
    pub(crate) fn stop(mut self) -> (Latency, u64) {
        self.shared.over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().expect("it does not panic"));
        (self.take_latency(), self.seen().reconnected)
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Latency {
    fn of(mut micros: Vec<u32>) -> Latency {
        micros.sort_unstable();
        let at = |share: f64| {
            let place = (micros.len() as f64 * share) as usize;
            Duration::from_micros(
                micros.get(place.min(micros.len().saturating_sub(1))).map_or(0, |it| u64::from(*it)),
            )
        };
        Latency { calls: micros.len(), median: at(0.5), p99: at(0.99), worst: at(1.0) }
    }
}

/// One session at one server.
struct Caller {
    name: &'static str,
    url: String,
    head: String,
    connection: Option<Wire>,
}

impl Caller {
    fn new(proxy: &Proxy, name: &'static str) -> Caller {
        let client = proxy.client(name);
        let head = wire::head("POST", &format!("/{name}"), &client.headers());
        Caller { name, url: proxy.url(name), head, connection: None }
    }

    fn run(mut self, shared: &Shared) {
        for number in 0.. {
            if shared.over.load(Ordering::Relaxed) {
                return;
            }
            if number % CALLS_PER_CONNECTION == 0 {
                self.connection = None;
            }
            let begin = Instant::now();
            let outcome = self.call(number, shared);
            let micros = u32::try_from(begin.elapsed().as_micros()).unwrap_or(u32::MAX);
            let mut seen = shared.seen();
            seen.micros.push(micros);
            seen.lost.extend(outcome.err().map(|why| format!("{} call {number}: {why}", self.name)));
            drop(seen);
            std::thread::sleep(PAUSE);
        }
    }

    fn call(&mut self, number: u64, shared: &Shared) -> Result<(), String> {
        let text = format!("well behaved {number}");
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":{number},"method":"tools/call","params":{{"name":"echo","arguments":{{"text":"{text}"}}}}}}"#
        );
        let request = format!("{}Content-Length: {}\r\n\r\n{body}", self.head, body.len());
        if let Some(mut kept) = self.connection.take() {
            match kept.exchange(request.as_bytes()) {
                Ok(answer) => return self.check(kept, &answer, &text),
                Err(wire::Broken::BeforeAnswer(_)) => shared.seen().reconnected += 1,
                Err(broken) => return Err(format!("{broken:?}")),
            }
        }
        let mut fresh = Wire::open(&self.url).map_err(|error| format!("connect: {error}"))?;
        let answer = fresh.exchange(request.as_bytes()).map_err(|broken| format!("{broken:?}"))?;
        self.check(fresh, &answer, &text)
    }

    fn check(&mut self, connection: Wire, answer: &wire::Answer, text: &str) -> Result<(), String> {
        if answer.status == 200 && answer.body.contains(&format!("\"{text}\"")) {
            self.connection = answer.keeps_alive.then_some(connection);
            return Ok(());
        }
        Err(format!("{} {}", answer.status, answer.body))
    }
}
