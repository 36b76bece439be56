//! The handle on a server's supervisor: reads its status, sends it events.

use super::Face;
use super::answers::Answers;
use super::changes::Changes;
use super::containers::Containers;
use super::dial::Dial;
use super::finder::Probe;
use super::gate::Gate;
use super::guard::Guard;
use super::journal::{Follower, Journal, Line};
use super::learnt::Memory;
use super::outlet::Opening;
use super::reaper::{self, Reaper};
use super::status::{Board, End, Running, State, Status, Target, Unavailable};
use super::stderr::Tail;
use super::supervisor::{Event, Supervisor, Wish};
use crate::config::spec::{ServerSpec, Transport};
use crate::config::{Health as HealthSettings, Restart};
use crate::ledger::Ledger;
use crate::limits::Limits;
use crate::meter::Meter;
use crate::thread;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// What all servers share.
pub struct Context {
    /// Bounds on lines and queues.
    pub limits: Limits,
    /// When to start again.
    pub restart: Restart,
    /// When a server counts as unhealthy.
    pub health: HealthSettings,
    /// Starts processes and waits for them.
    pub reaper: Arc<Reaper>,
    /// Ends children that outlive a killed proxy.
    pub guard: Guard,
    /// Ends containers that outlive their command.
    pub containers: Containers,
    /// How many start at once.
    pub gate: Arc<Gate>,
    /// What was found out about servers.
    pub memory: Memory,
    /// Sessions that outlive the process.
    pub ledger: Ledger,
    /// What they have answered.
    pub answers: Answers,
    /// Told of every change of their states.
    pub changes: Arc<Changes>,
}

/// What one [`Server`] is among the children of its name: there may be one for each era, or for each session.
#[derive(Clone, Default)]
pub struct Role {
    /// How its children are greeted.
    pub opening: Opening,
    /// Begins without a child: the first [`Server::wait_running`] has one started.
    pub asleep: bool,
    /// Makes the connection that stands in for a child, instead of starting one.
    pub dial: Option<Arc<dyn Dial>>,
    /// Finds out whether and where the child speaks HTTP; without it, it speaks on its pipes.
    pub probe: Option<Arc<dyn Probe>>,
}

/// What a health check found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The child that was asked.
    pub generation: u64,
    /// Why it counts as not answering; `None` if it answered.
    pub failure: Option<String>,
    /// Whether it had calls in flight: a busy child may be slow to answer, for as long as a call may take.
    pub busy: bool,
}

/// The handle on a supervisor: reads its status, sends it events.
pub struct Server {
    meter: Arc<Meter>,
    /// Tells it from others of its name, in this process.
    pub(super) number: u64,
    pub(super) board: Board,
    pub(super) inbox: Sender<Event>,
    pub(super) tail: Arc<Tail>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The receiving end, waiting for [`Server::run`].
pub struct Seat(Receiver<Event>);

impl Server {
    /// A server that is not started yet, of the name that the meter has; its face is made first, with this handle.
    pub fn new(meter: &Arc<Meter>, limits: &Limits, changes: &Arc<Changes>) -> (Arc<Server>, Seat) {
        Server::with(meter, limits, changes, Journal::new(limits.stderr_lines))
    }

    /// Another one of the same name: what its children say stands where that of this one does.
    pub fn sibling(&self, limits: &Limits, changes: &Arc<Changes>) -> (Arc<Server>, Seat) {
        Server::with(&self.meter, limits, changes, Arc::clone(self.tail.journal()))
    }

    fn with(
        meter: &Arc<Meter>,
        limits: &Limits,
        changes: &Arc<Changes>,
        journal: Arc<Journal>,
    ) -> (Arc<Server>, Seat) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let (inbox, events) = unbounded();
        let server = Server {
            meter: Arc::clone(meter),
            number: COUNT.fetch_add(1, Ordering::Relaxed),
            board: Board::new(Arc::clone(changes)),
            inbox,
            tail: Arc::new(Tail::new(limits.stderr_lines, journal)),
            thread: Mutex::default(),
        };
        (Arc::new(server), Seat(events))
    }

    /// Starts the thread `sup:NAME`, which starts the child unless its role is to sleep first.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn run(
        self: &Arc<Self>,
        seat: Seat,
        spec: Arc<ServerSpec>,
        face: Arc<dyn Face>,
        context: Arc<Context>,
        role: Role,
    ) -> io::Result<()> {
        let supervisor = Supervisor::new(Arc::clone(self), spec, face, context, role);
        let handle = thread::spawn(&format!("sup:{}", self.name()), move || supervisor.run(&seat.0))?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
        Ok(())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.meter.name()
    }

    /// What is counted of it, and of all others of its name.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// The status as it is now.
    pub fn status(&self) -> Status {
        self.board.read().clone()
    }

    /// The child that takes calls, if there is one now.
    pub fn running(&self) -> Option<Running> {
        self.board.read().running.clone()
    }

    /// The child that takes calls; waits at most `patience` for one, and wakes a server that is down between tries.
    ///
    /// # Errors
    /// There is none, or none is wanted.
    pub fn wait_running(&self, patience: Duration) -> Result<Running, Unavailable> {
        if let Some(running) = self.running() {
            return Ok(running);
        }
        self.tell(Event::Wake);
        self.board.wait_running(patience)
    }

    /// Has it started now if it sleeps or waits for its first turn to start, and waits at most `patience` until that
    /// start has ended, well or badly.
    pub fn wake(&self, patience: Duration) {
        let status = self.status();
        if status.is_new() || status.rests() {
            self.tell(Event::Wake);
            self.board.wait_settled(patience);
            self.board.wait_awake(patience);
        }
    }

    /// Has it started if it sleeps, without waiting for that.
    pub fn rouse(&self) {
        if self.rests() {
            self.tell(Event::Wake);
        }
    }

    /// Waits at most `patience` until the first start has ended, well or badly.
    pub fn wait_settled(&self, patience: Duration) {
        self.board.wait_settled(patience);
    }

    /// Whether it speaks on its pipes or over HTTP, once that is known.
    pub fn transport(&self) -> Option<Transport> {
        self.board.read().transport
    }

    /// Whether it sleeps, or is on its way there or back.
    pub fn rests(&self) -> bool {
        let status = self.board.read();
        status.rests() && status.target == Target::Up
    }

    /// Whether there is no child at this moment.
    pub fn is_down(&self) -> bool {
        self.board.read().state == State::Stopped
    }

    /// Waits at most `patience` until there is no child.
    pub fn wait_down(&self, patience: Duration) {
        self.board.wait_down(patience);
    }

    /// How a child ended, if that is known within `patience`.
    pub fn wait_end(&self, generation: u64, patience: Duration) -> Option<End> {
        self.board.wait_end(generation, patience)
    }

    /// Whether that child has ended, or is being ended, and how is still to be reported.
    pub fn is_ending(&self, generation: u64) -> bool {
        let status = self.board.read();
        match &status.running {
            Some(running) if running.generation == generation => status.pid.is_some_and(reaper::has_ended),
            _ => status.state != State::Stopped,
        }
    }

    /// The last lines that the present child printed on stderr, at most `count`.
    pub fn stderr(&self, count: usize) -> Vec<String> {
        self.tail.last(count)
    }

    /// The last lines that all children of its name printed on stderr.
    pub fn log(&self) -> Vec<Line> {
        self.tail.journal().kept()
    }

    /// The same as they come, behind the line of that number.
    pub fn follow(&self, after: u64) -> Follower {
        Follower::new(Arc::clone(self.tail.journal()), after)
    }

    /// Ends a child that nobody needs; it counts as up, and the next [`Server::wait_running`] has one started. What is
    /// in flight fails with it. Does nothing to a server elsewhere, to one that a call waits for, or between tries.
    pub fn sleep(&self) {
        self.tell(Event::Sleep);
    }

    /// Wants it up, and awake.
    pub fn start(&self) {
        self.tell(Event::Start);
    }

    /// Wants it down.
    pub fn stop(&self) {
        self.tell(Event::Stop);
    }

    /// Stops it if it runs, then wants it up, and awake; forgets past exits.
    pub fn restart(&self) {
        self.tell(Event::Restart);
    }

    /// Stops it if it runs, then wants it up, but asleep; forgets past exits.
    pub fn lull(&self) {
        self.tell(Event::Lull);
    }

    /// Its program has changed: restarts it, unless it sleeps or is to stay down.
    pub fn renew(&self) {
        self.tell(Event::Renew(Wish::Up));
    }

    /// The same with a lull instead of a restart.
    pub fn renew_later(&self) {
        self.tell(Event::Renew(Wish::Later));
    }

    /// This child has closed its stdin and can take no call: ends it, if it is still there, for another.
    pub fn replace(&self, generation: u64) {
        self.tell(Event::Quiet { generation });
    }

    /// Takes in what a health check found.
    pub fn report(&self, report: Report) {
        self.tell(Event::Health(report));
    }

    /// Stops the child and ends the thread; [`Server::join`] waits for it.
    pub fn close(&self) {
        self.tell(Event::Close);
    }

    /// Whether the thread has ended, and the child with it; a server that was not run has none.
    pub fn has_ended(&self) -> bool {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits until the child is gone and the thread has ended.
    pub fn join(&self) {
        let handle = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(handle) = handle {
            let _ = handle.join();
        }
    }

    fn tell(&self, event: Event) {
        let _ = self.inbox.send(event); // a closed supervisor has nothing left to do
    }
}
