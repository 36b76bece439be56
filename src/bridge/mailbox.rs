//! A bounded queue between the child's reading thread, which never waits, and one thread that serves a client.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is put into a mailbox.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// A notification or a request of the child's, ready to be sent.
    Message(Vec<u8>),
    /// The answer to the call, ready to be sent.
    Answer(Vec<u8>),
    /// The call is over without an answer of the child: what the client is told.
    Failed(crate::protocol::error::RpcError),
}

/// What a reader of a stream finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The oldest delivery.
    Delivery(Delivery),
    /// Nothing came in time.
    Nothing,
    /// The stream is over: replaced by a newer one, closed, or its client did not keep up.
    Ended,
}

/// Deliveries for one reader. Its size is bounded in bytes; an answer is always taken.
pub(super) struct Mailbox {
    queue: Mutex<Queue>,
    arrived: Condvar,
    max_bytes: usize,
}

#[derive(Default)]
struct Queue {
    deliveries: VecDeque<Delivery>,
    bytes: usize,
    /// Threads that wait here: without one, a delivery costs no system call.
    waiting: usize,
    /// Counts the streams opened on this mailbox; only the newest reads.
    reader: u64,
    /// Whether that stream is still there.
    is_read: bool,
    /// Nobody will come for what is put here.
    closed: bool,
}

impl Mailbox {
    pub(super) fn new(max_bytes: usize) -> Mailbox {
        Mailbox { queue: Mutex::default(), arrived: Condvar::new(), max_bytes }
    }

    /// Leaves something. What does not fit ends the stream that reads here: its client has not kept up.
    pub(super) fn put(&self, delivery: Delivery) {
        let mut queue = self.queue();
        if queue.closed {
            return;
        }
        let bytes = match &delivery {
            Delivery::Message(text) => text.len(),
            Delivery::Answer(_) | Delivery::Failed(_) => 0,
        };
        if bytes > 0 && queue.bytes > 0 && queue.bytes + bytes > self.max_bytes {
            queue.overflow();
        }
        queue.bytes += bytes;
        queue.deliveries.push_back(delivery);
        let waiting = queue.waiting;
        drop(queue);
        if waiting > 0 {
            self.arrived.notify_all();
        }
    }

    /// Leaves a message unless the same one is waiting already (`list_changed` says nothing more the second time).
    pub(super) fn put_once(&self, message: &[u8]) {
        let waits =
            self.queue().deliveries.iter().any(|d| matches!(d, Delivery::Message(text) if text == message));
        if !waits {
            self.put(Delivery::Message(message.to_vec()));
        }
    }

    /// The oldest delivery, waiting at most `patience` for one.
    pub(super) fn next(&self, patience: Duration) -> Option<Delivery> {
        let deadline = Instant::now() + patience;
        let mut queue = self.queue();
        loop {
            if let Some(delivery) = queue.take() {
                return Some(delivery);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            queue = self.wait(queue, left);
        }
    }

    /// Nobody will come any more: what waits is dropped, and so is what still comes.
    pub(super) fn close(&self) {
        let mut queue = self.queue();
        queue.closed = true;
        queue.deliveries.clear();
        queue.bytes = 0;
    }

    /// Whether it was closed.
    pub(super) fn is_closed(&self) -> bool {
        self.queue().closed
    }

    /// Opens a stream on this mailbox and ends the one before. What it returns goes into [`Mailbox::read`].
    pub(super) fn attach(&self) -> u64 {
        let mut queue = self.queue();
        queue.reader += 1;
        queue.is_read = true;
        self.arrived.notify_all();
        queue.reader
    }

    /// Ends the stream that reads here.
    pub(super) fn detach(&self) {
        self.queue().is_read = false;
        self.arrived.notify_all();
    }

    /// The oldest delivery for the stream `reader`.
    pub(super) fn read(&self, reader: u64, patience: Duration) -> Next {
        let deadline = Instant::now() + patience;
        let mut queue = self.queue();
        loop {
            if queue.reader != reader || !queue.is_read {
                return Next::Ended;
            }
            if let Some(delivery) = queue.take() {
                return Next::Delivery(delivery);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Nothing;
            }
            queue = self.wait(queue, left);
        }
    }

    fn wait<'q>(&self, mut queue: MutexGuard<'q, Queue>, left: Duration) -> MutexGuard<'q, Queue> {
        queue.waiting += 1;
        let mut queue = self.arrived.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        queue.waiting -= 1;
        queue
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn take(&mut self) -> Option<Delivery> {
        let delivery = self.deliveries.pop_front()?;
        if let Delivery::Message(text) = &delivery {
            self.bytes -= text.len();
        }
        Some(delivery)
    }

    fn overflow(&mut self) {
        self.deliveries.retain(|delivery| !matches!(delivery, Delivery::Message(_)));
        self.bytes = 0;
        self.is_read = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    fn message(text: &str) -> Delivery {
        Delivery::Message(text.as_bytes().to_vec())
    }

    #[test]
    fn the_newest_stream_reads() {
        let mailbox = Mailbox::new(100);
        mailbox.put_once(b"before anybody reads");
        mailbox.put_once(b"before anybody reads");
        let (old, new) = (mailbox.attach(), mailbox.attach());
        assert_eq!(mailbox.read(old, SOON), Next::Ended);
        assert_eq!(mailbox.read(new, SOON), Next::Delivery(message("before anybody reads")));
        assert_eq!(mailbox.read(new, SOON), Next::Nothing);
    }

    #[test]
    fn a_reader_that_does_not_keep_up_loses_its_stream_but_not_its_answer() {
        let mailbox = Mailbox::new(10);
        let reader = mailbox.attach();
        mailbox.put(message("longer than the bound, alone"));
        mailbox.put(Delivery::Answer(vec![0; 100]));
        mailbox.put(message("one more"));
        assert_eq!(mailbox.read(reader, SOON), Next::Ended);
        assert_eq!(mailbox.next(SOON), Some(Delivery::Answer(vec![0; 100])));
    }
}
