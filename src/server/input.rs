//! A child's stdin: whole lines in the order they were sent, never waiting for a child that does not read.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// What a line costs beside its bytes.
const LINE_BYTES: usize = 64;

/// Lines on their way to a child. A line is written at once by whoever sends it if the pipe has room;
/// what does not fit waits for the thread `in:NAME`, which is the one that waits for the child.
pub struct Input {
    state: Mutex<State>,
    wake: Condvar,
    max_queued: usize,
}

struct State {
    /// Non-blocking write end; `None` once closed.
    pipe: Option<Arc<OwnedFd>>,
    queue: VecDeque<Vec<u8>>,
    /// What `queue` takes of memory.
    queued: usize,
    /// Bytes of the first line that are written.
    written: usize,
}

/// Why a line was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputError {
    /// The child does not read and the queue is full.
    Full,
    /// The pipe is closed: the child is gone or told to end.
    Closed,
}

impl Input {
    /// `pipe` is the write end; at most `max_queued` bytes wait for a child that does not read.
    ///
    /// # Errors
    /// The pipe cannot be made non-blocking.
    pub(super) fn new(pipe: OwnedFd, max_queued: usize) -> io::Result<Input> {
        let flags = rustix::fs::fcntl_getfl(&pipe)?;
        rustix::fs::fcntl_setfl(&pipe, flags | rustix::fs::OFlags::NONBLOCK)?;
        let state = State { pipe: Some(Arc::new(pipe)), queue: VecDeque::new(), queued: 0, written: 0 };
        Ok(Input { state: Mutex::new(state), wake: Condvar::new(), max_queued })
    }

    /// Sends one line, its `\n` included.
    ///
    /// # Errors
    /// The child is gone, or has not read for so long that the queue is full; it has not got the line then.
    pub fn send(&self, line: Vec<u8>) -> Result<(), InputError> {
        let mut state = self.state();
        if state.pipe.is_none() {
            return Err(InputError::Closed);
        }
        let cost = cost(&line);
        if state.queued > 0 && state.queued + cost > self.max_queued {
            return Err(InputError::Full);
        }
        state.queued += cost;
        state.queue.push_back(line);
        if state.queue.len() == 1 && !state.flush() {
            self.wake.notify_one();
        }
        if state.pipe.is_some() { Ok(()) } else { Err(InputError::Closed) }
    }

    /// Closes the pipe: the child reads the end of its input. What still waits is dropped.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.pipe = None;
        state.queue.clear();
        state.queued = 0;
        drop(state);
        self.wake.notify_all();
    }

    /// The thread `in:NAME`: writes what waits, whenever the child makes room. Ends when the pipe is closed.
    pub(super) fn run(&self) {
        while let Some(pipe) = self.wait_for_work() {
            let timeout = Timespec { tv_sec: 1, tv_nsec: 0 };
            let _ = poll(&mut [PollFd::new(&pipe, PollFlags::OUT)], Some(&timeout));
            self.state().flush();
        }
    }

    fn wait_for_work(&self) -> Option<Arc<OwnedFd>> {
        let mut state = self.state();
        while state.pipe.is_some() && state.queue.is_empty() {
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.pipe.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Writes as much as the pipe takes without waiting; true if nothing is left.
    fn flush(&mut self) -> bool {
        while let (Some(pipe), Some(line)) = (&self.pipe, self.queue.front()) {
            match rustix::io::write(pipe, &line[self.written..]) {
                Ok(count) => self.advance(count),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return false,
                // The child closed its stdin; its exit, if it comes, is told by others.
                Err(_) => {
                    self.pipe = None;
                    self.queue.clear();
                    self.queued = 0;
                }
            }
        }
        true
    }

    fn advance(&mut self, count: usize) {
        self.written += count;
        if self.queue.front().is_some_and(|line| line.len() == self.written) {
            self.queued -= self.queue.pop_front().map_or(0, |line| cost(&line));
            self.written = 0;
        }
    }
}

/// Very many short lines take more memory than their bytes.
fn cost(line: &[u8]) -> usize {
    line.len() + LINE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};

    #[test]
    fn very_many_short_lines_are_bounded_too() {
        let (_read, write) = rustix::pipe::pipe().unwrap();
        let input = Input::new(write, 1 << 20).unwrap();
        let taken = (0..1_000_000).take_while(|_| input.send(b"{}\n".to_vec()).is_ok()).count();
        assert!(taken < 40_000, "{taken} lines");
    }

    #[test]
    fn lines_arrive_whole_and_in_order_and_the_queue_is_bounded() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let input = Arc::new(Input::new(write, 1 << 20).unwrap());
        let line = |n: usize| format!("{n} {}\n", "x".repeat(99_000)).into_bytes();
        let taken = (0..100).take_while(|n| input.send(line(*n)).is_ok()).count();
        assert!((10..20).contains(&taken), "{taken} lines of 99 kB in a queue of 1 MiB");
        let own = Arc::clone(&input);
        let writer = crate::thread::spawn("in:test", move || own.run()).unwrap();
        let mut lines = BufReader::new(std::fs::File::from(read)).lines();
        (0..taken).for_each(|n| assert!(lines.next().unwrap().unwrap().starts_with(&format!("{n} x"))));
        input.close();
        assert_eq!(input.send(line(0)), Err(InputError::Closed));
        assert!(lines.next().is_none());
        writer.join().unwrap();
    }
}
