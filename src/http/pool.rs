//! A bounded pool of threads: started on demand, used again while they are fresh, ended when idle.

use super::{after, lock, wait};
use crate::thread;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

type Run<J> = Box<dyn Fn(J) + Send + Sync>;

/// Threads that run jobs of one kind.
pub(crate) struct Pool<J> {
    shared: Arc<Shared<J>>,
}

struct Shared<J> {
    state: Mutex<State<J>>,
    job_or_close: Condvar,
    ended: Condvar,
    run: Run<J>,
    most: usize,
    idle_time: Duration,
}

/// `queue.len() > idle` means that a job would wait for a busy thread: every idle thread, also one
/// that was woken and has not run yet, takes exactly one job of the queue.
struct State<J> {
    queue: VecDeque<J>,
    idle: usize,
    started: u64,
    threads: HashMap<u64, JoinHandle<()>>,
    last_ended: Option<JoinHandle<()>>,
    closed: bool,
}

impl<J: Send + 'static> Pool<J> {
    /// A pool of at most `most` threads, each of which ends after `idle_time` without a job.
    pub(crate) fn new(most: usize, idle_time: Duration, run: impl Fn(J) + Send + Sync + 'static) -> Pool<J> {
        let state = State {
            queue: VecDeque::new(),
            idle: 0,
            started: 0,
            threads: HashMap::new(),
            last_ended: None,
            closed: false,
        };
        let (job_or_close, ended) = (Condvar::new(), Condvar::new());
        let run = Box::new(run);
        Pool {
            shared: Arc::new(Shared { state: Mutex::new(state), job_or_close, ended, run, most, idle_time }),
        }
    }

    /// Hands a job to an idle thread, a new one, or the next that becomes free.
    ///
    /// # Errors
    /// There is no thread for it and none can be started; the job comes back.
    pub(crate) fn give(&self, job: J) -> Result<(), (J, io::Error)> {
        let mut state = lock(&self.shared.state);
        if state.closed {
            return Err((job, io::Error::other("the pool is closed")));
        }
        if state.queue.len() >= state.idle
            && state.threads.len() < self.shared.most
            && let Err(error) = self.start_thread(&mut state)
        {
            return Err((job, error));
        }
        state.queue.push_back(job);
        drop(state);
        self.shared.job_or_close.notify_one();
        Ok(())
    }

    fn start_thread(&self, state: &mut State<J>) -> io::Result<()> {
        let number = state.started;
        let shared = self.shared.clone();
        let handle = thread::spawn(&format!("conn-{number}"), move || shared.work(number))?;
        state.started += 1;
        state.idle += 1;
        state.threads.insert(number, handle);
        Ok(())
    }

    /// Threads that run now.
    pub(crate) fn threads(&self) -> usize {
        lock(&self.shared.state).threads.len()
    }

    /// Takes no more jobs, waits for the threads at most `patience` and joins them. Returns how many
    /// are still at work; those are left behind.
    pub(crate) fn close(&self, patience: Duration) -> usize {
        let deadline = after(patience);
        let mut state = lock(&self.shared.state);
        state.closed = true;
        self.shared.job_or_close.notify_all();
        while !state.threads.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = wait(&self.shared.ended, state, left);
        }
        let (left, last) = (state.threads.len(), state.last_ended.take());
        drop(state);
        join(last);
        left
    }
}

impl<J> Shared<J> {
    /// A thread's life. It counts as idle from its start.
    fn work(&self, number: u64) {
        loop {
            match self.next_job(number) {
                Ok(job) => self.run_one(job),
                Err(ended_before) => return join(ended_before),
            }
        }
    }

    fn run_one(&self, job: J) {
        if catch_unwind(AssertUnwindSafe(|| (self.run)(job))).is_err() {
            log::error!(event = "connection-panic"; "a connection's thread panicked and goes on with the next");
        }
        lock(&self.state).idle += 1;
    }

    /// Waits for a job. When the pool is closed or nothing came for the idle time, this thread has
    /// left the pool, and joins the one that left before it: at most one is not joined.
    fn next_job(&self, number: u64) -> Result<J, Option<JoinHandle<()>>> {
        let deadline = after(self.idle_time);
        let mut state = lock(&self.state);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(job) = state.queue.pop_front() {
                state.idle -= 1;
                return Ok(job);
            }
            if state.closed || left.is_zero() {
                state.idle -= 1;
                let own = state.threads.remove(&number);
                self.ended.notify_all();
                return Err(std::mem::replace(&mut state.last_ended, own));
            }
            state = wait(&self.job_or_close, state, left);
        }
    }
}

fn join(handle: Option<JoinHandle<()>>) {
    if handle.is_some_and(|handle| handle.join().is_err()) {
        log::error!(event = "thread-panic"; "a connection's thread ended by a panic");
    }
}
