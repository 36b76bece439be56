//! Answers that clients do not read: all together they may keep so much memory, and no more.
//!
//! Whoever has kept its answer waiting longest loses its connection. So a crowd that reads nothing makes room for those
//! who do, instead of keeping them out.

use super::lock;
use crate::meter::Counter;
use rustix::net::{Shutdown, shutdown};
use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

/// Everybody whose socket takes no more at this moment.
#[derive(Debug)]
pub(crate) struct Backlog {
    waiting: Mutex<Waiting>,
    most: usize,
    /// Connections that were cut.
    pub(crate) cut: Counter,
}

#[derive(Debug, Default)]
struct Waiting {
    /// In the order in which they began to wait.
    all: BTreeMap<u64, (usize, Arc<TcpStream>)>,
    bytes: usize,
    last: u64,
}

/// A place among them; given up when dropped.
#[derive(Debug)]
pub(crate) struct Stuck<'b> {
    backlog: &'b Backlog,
    number: u64,
}

impl Backlog {
    pub(crate) fn new(most: usize) -> Arc<Backlog> {
        Arc::new(Backlog { waiting: Mutex::default(), most, cut: Counter::default() })
    }

    /// So many bytes wait for this client. If that is too much, those who have waited longest are cut off; never the
    /// newcomer itself, which may be about to read.
    pub(crate) fn enter(&self, stream: &Arc<TcpStream>, bytes: usize) -> Stuck<'_> {
        let mut waiting = lock(&self.waiting);
        while waiting.bytes + bytes > self.most
            && let Some((_, (freed, gone))) = waiting.all.pop_first()
        {
            waiting.bytes -= freed;
            self.cut.count();
            // Who waits there wakes up and finds that it cannot write.
            let _ = shutdown(&gone, Shutdown::Both);
        }
        waiting.last += 1;
        let number = waiting.last;
        waiting.bytes += bytes;
        waiting.all.insert(number, (bytes, Arc::clone(stream)));
        Stuck { backlog: self, number }
    }
}

impl Drop for Stuck<'_> {
    fn drop(&mut self) {
        let mut waiting = lock(&self.backlog.waiting);
        if let Some((bytes, _)) = waiting.all.remove(&self.number) {
            waiting.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpListener;

    #[test]
    fn who_has_waited_longest_makes_room() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let pair = || {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            (client, Arc::new(listener.accept().unwrap().0))
        };
        let ((mut one, ours), (two, theirs), (three, last)) = (pair(), pair(), pair());
        let backlog = Backlog::new(100);
        let first = backlog.enter(&ours, 60);
        let second = backlog.enter(&theirs, 60);
        assert_eq!(one.read(&mut [0]).unwrap(), 0, "the first is cut off");
        drop(first);
        assert_eq!(lock(&backlog.waiting).bytes, 60);
        drop(second);
        let alone = backlog.enter(&last, 1000);
        assert_eq!(lock(&backlog.waiting).all.len(), 1, "one answer may be longer than all together");
        drop((alone, two, three));
        assert_eq!(lock(&backlog.waiting).bytes, 0);
    }
}
