//! A bounded queue between the child's reading thread, which never waits, and one thread that serves a client.

use super::kept::{Kept, Share};
use crate::protocol::error::{INTERNAL_ERROR, RpcError};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What waits here needs no room in what all mailboxes share, up to so many bytes.
const FREE_BYTES: usize = 16 * 1024;

/// What is put into a mailbox. Texts are as the child wrote them: who takes them out knows how its client wants them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// A notification.
    Message(Letter),
    /// The child asks the client; `number` is the id under which the client sees it.
    Question { number: u64, text: String, id: Range<usize> },
    /// The client has answered one of our own questions (raw JSON).
    Reply { number: u64, reply: Result<String, String> },
    /// The answer to the call; without a result it is an error.
    Answer { text: String, id: Range<usize>, result: Option<Range<usize>> },
    /// The request itself, worded for a child that cannot have got it.
    Returned { text: String },
    /// The call is over without an answer of the child: what the client is told.
    Failed(RpcError),
}

/// A notification, and what in it belongs to the client it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) text: String,
    /// What is to be replaced, and by what.
    pub(crate) mark: Option<(Range<usize>, Mark)>,
}

/// What stands in a letter in the place of the child's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The client's progress token.
    Token,
    /// The client's id of the request.
    Id,
    /// The number of a question that the child takes back.
    Number(u64),
}

impl Letter {
    /// One that passes as it is.
    pub(crate) fn plain(text: impl Into<String>) -> Letter {
        Letter { text: text.into(), mark: None }
    }

    /// As the client sees it whose stream belongs to no call.
    pub(crate) fn numbered(mut self) -> String {
        if let Some((cut, Mark::Number(number))) = self.mark {
            self.text.replace_range(cut, &number.to_string());
        }
        self.text
    }
}

impl Delivery {
    /// What counts against the bound of a mailbox: an answer is always taken.
    fn weight(&self) -> usize {
        match self {
            Delivery::Message(letter) => letter.text.len(),
            Delivery::Question { text, .. } => text.len(),
            Delivery::Reply { .. }
            | Delivery::Answer { .. }
            | Delivery::Returned { .. }
            | Delivery::Failed(_) => 0,
        }
    }

    /// Whether nothing more comes of the call, so that somebody has to hear of it.
    fn ends_call(&self) -> bool {
        matches!(self, Delivery::Answer { .. } | Delivery::Returned { .. } | Delivery::Failed(_))
    }

    /// Bytes of text in it.
    fn size(&self) -> usize {
        match self {
            Delivery::Answer { text, .. } | Delivery::Returned { text } => text.len(),
            other => other.weight(),
        }
    }

    /// What counts against the bound on what is kept for clients that are away.
    fn kept_bytes(&self) -> Option<usize> {
        match self {
            Delivery::Answer { text, .. } | Delivery::Returned { text } => Some(text.len()),
            Delivery::Message(_) | Delivery::Question { .. } => Some(self.weight()),
            Delivery::Reply { .. } | Delivery::Failed(_) => None,
        }
    }
}

/// What a reader of a stream finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// The oldest delivery.
    Delivery(Delivery),
    /// Nothing came in time.
    Nothing,
    /// The stream is over: replaced by a newer one, closed, or its client did not keep up.
    Ended,
}

/// Deliveries for one reader. Its size is bounded in bytes; an answer is always taken.
pub(crate) struct Mailbox {
    queue: Mutex<Queue>,
    arrived: Condvar,
    max_bytes: usize,
}

#[derive(Default)]
struct Queue {
    deliveries: VecDeque<Delivery>,
    bytes: usize,
    /// Bytes of everything in it, and what of that counts against the bound on all mailboxes together.
    size: usize,
    share: Option<Share>,
    /// Threads that wait here: without one, a delivery costs no system call.
    waiting: usize,
    /// Counts the streams opened on this mailbox; only the newest reads.
    reader: u64,
    /// Whether that stream is still there.
    is_read: bool,
    /// Nobody will come for what is put here.
    closed: bool,
    /// The client is away and may come back: the bound on what is kept for it, and its share of that.
    away: Option<(Arc<Kept>, Vec<Share>)>,
}

impl Mailbox {
    pub(crate) fn new(max_bytes: usize) -> Mailbox {
        Mailbox { queue: Mutex::default(), arrived: Condvar::new(), max_bytes }
    }

    /// The same, where all such mailboxes together hold no more than `room`.
    pub(crate) fn within(room: &Arc<Kept>, max_bytes: usize) -> Mailbox {
        let queue = Queue { share: Kept::take(room, 0), ..Queue::default() };
        Mailbox { queue: Mutex::new(queue), arrived: Condvar::new(), max_bytes }
    }

    /// Leaves something. What does not fit ends the stream that reads here: its client has not kept up.
    pub(crate) fn put(&self, delivery: Delivery) {
        let mut queue = self.queue();
        if queue.closed {
            return;
        }
        let Some(delivery) = queue.keep(delivery) else { return };
        let bytes = delivery.weight();
        if bytes > 0 && queue.bytes > 0 && queue.bytes + bytes > self.max_bytes {
            queue.overflow();
        }
        let Some(delivery) = queue.find_room(delivery) else { return };
        queue.push(delivery);
        let waiting = queue.waiting;
        drop(queue);
        if waiting > 0 {
            self.arrived.notify_all();
        }
    }

    /// Leaves something that the reader itself made of what it was sent: it is always taken.
    pub(crate) fn put_own(&self, delivery: Delivery) {
        self.queue().push(delivery);
    }

    /// Leaves a message unless the same one is waiting already (`list_changed` says nothing more the second time).
    pub(crate) fn put_once(&self, message: &str) {
        let same =
            |delivery: &Delivery| matches!(delivery, Delivery::Message(letter) if letter.text == message);
        if !self.queue().deliveries.iter().any(same) {
            self.put(Delivery::Message(Letter::plain(message)));
        }
    }

    /// The oldest delivery, waiting at most `patience` for one.
    pub(crate) fn next(&self, patience: Duration) -> Option<Delivery> {
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

    /// The oldest delivery for `reader`, waiting at most `patience` for one; [`Next::Ended`] if a newer one reads here.
    pub(crate) fn next_for(&self, reader: u64, patience: Duration) -> Next {
        let deadline = Instant::now() + patience;
        let mut queue = self.queue();
        loop {
            if queue.reader != reader {
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

    /// The next delivery, waiting at most `patience`, if it is a question.
    pub(crate) fn next_question(&self, patience: Duration) -> Option<Delivery> {
        let delivery = self.next(patience)?;
        if matches!(delivery, Delivery::Question { .. }) {
            return Some(delivery);
        }
        let mut queue = self.queue();
        queue.bytes += delivery.weight();
        queue.size += delivery.size();
        queue.deliveries.push_front(delivery);
        None
    }

    /// Nobody will come any more: what waits is dropped, and so is what still comes.
    pub(crate) fn close(&self) {
        let mut queue = self.queue();
        queue.closed = true;
        queue.away = None;
        queue.deliveries.clear();
        queue.bytes = 0;
        queue.settle();
    }

    /// The client has left and may come back: from now on all needs room in what is kept for all such.
    pub(crate) fn leave(&self, kept: &Arc<Kept>) {
        let mut queue = self.queue();
        queue.away = Some((Arc::clone(kept), Vec::new()));
        let waiting = std::mem::take(&mut queue.deliveries);
        let waiting: VecDeque<Delivery> = waiting.into_iter().filter_map(|it| queue.keep(it)).collect();
        queue.bytes = waiting.iter().map(Delivery::weight).sum();
        queue.deliveries = waiting;
        queue.settle();
    }

    /// The client is back.
    pub(crate) fn come_back(&self) {
        self.queue().away = None;
    }

    /// Whether it was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.queue().closed
    }

    /// Opens a stream on this mailbox and ends the one before. What it returns goes into [`Mailbox::read`].
    pub(crate) fn attach(&self) -> u64 {
        let mut queue = self.queue();
        queue.reader += 1;
        queue.is_read = true;
        self.arrived.notify_all();
        queue.reader
    }

    /// Ends the stream that reads here.
    pub(crate) fn detach(&self) {
        self.queue().is_read = false;
        self.arrived.notify_all();
    }

    /// The stream `reader` is over; false if a newer one reads here.
    pub(crate) fn let_go(&self, reader: u64) -> bool {
        let mut queue = self.queue();
        queue.is_read &= queue.reader != reader;
        queue.reader == reader
    }

    /// Whether a stream reads here.
    pub(crate) fn is_read(&self) -> bool {
        self.queue().is_read
    }

    /// The oldest delivery for the stream `reader`.
    pub(crate) fn read(&self, reader: u64, patience: Duration) -> Next {
        let deadline = Instant::now() + patience;
        let mut queue = self.queue();
        loop {
            if queue.reader != reader || !queue.is_read || queue.closed {
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
    /// For a client that is away: what finds no room is lost, but an answer becomes an error that says so.
    fn keep(&mut self, delivery: Delivery) -> Option<Delivery> {
        let Some((kept, shares)) = &mut self.away else { return Some(delivery) };
        let Some(bytes) = delivery.kept_bytes() else { return Some(delivery) };
        if let Some(share) = Kept::take(kept, bytes) {
            shares.push(share);
            return Some(delivery);
        }
        kept.count_loss();
        let message = "the answer came while the client was away and was too long to keep; call again";
        delivery.ends_call().then(|| Delivery::Failed(RpcError::new(INTERNAL_ERROR, message)))
    }

    /// What is left of a delivery when all mailboxes together are full: nothing of a message, whose stream ends; an
    /// error of an answer.
    fn find_room(&mut self, delivery: Delivery) -> Option<Delivery> {
        let size = delivery.size();
        if self.reserve(self.size + size) {
            return Some(delivery);
        }
        self.overflow();
        if self.reserve(self.size + size) {
            return Some(delivery);
        }
        let message = "too many answers wait for clients that do not read; try again later";
        delivery.ends_call().then(|| Delivery::Failed(RpcError::new(INTERNAL_ERROR, message)))
    }

    fn reserve(&mut self, size: usize) -> bool {
        let more = size.saturating_sub(FREE_BYTES);
        self.share.as_mut().is_none_or(|share| share.resize(more))
    }

    fn push(&mut self, delivery: Delivery) {
        self.bytes += delivery.weight();
        self.size += delivery.size();
        self.deliveries.push_back(delivery);
    }

    fn take(&mut self) -> Option<Delivery> {
        let delivery = self.deliveries.pop_front()?;
        self.bytes -= delivery.weight();
        self.size -= delivery.size();
        self.reserve(self.size);
        Some(delivery)
    }

    /// Some of it was dropped.
    fn settle(&mut self) {
        self.size = self.deliveries.iter().map(Delivery::size).sum();
        self.reserve(self.size);
    }

    fn overflow(&mut self) {
        self.share.iter().for_each(Share::count_loss);
        self.deliveries.retain(|delivery| delivery.weight() == 0);
        self.bytes = 0;
        self.is_read = false;
        self.settle();
        if let Some((_, shares)) = &mut self.away {
            shares.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    fn message(text: &str) -> Delivery {
        Delivery::Message(Letter::plain(text))
    }

    fn answer() -> Delivery {
        Delivery::Answer { text: "an answer of any length".into(), id: 0..0, result: None }
    }

    #[test]
    fn the_newest_stream_reads() {
        let mailbox = Mailbox::new(100);
        mailbox.put_once("before anybody reads");
        mailbox.put_once("before anybody reads");
        let (old, new) = (mailbox.attach(), mailbox.attach());
        assert_eq!(mailbox.read(old, SOON), Next::Ended);
        assert_eq!(mailbox.read(new, SOON), Next::Delivery(message("before anybody reads")));
        assert_eq!(mailbox.read(new, SOON), Next::Nothing);
    }

    #[test]
    fn nobody_reads_what_is_closed() {
        let mailbox = Mailbox::new(100);
        mailbox.close();
        let late = mailbox.attach();
        assert_eq!(mailbox.read(late, SOON), Next::Ended);
    }

    #[test]
    fn only_the_newest_stream_lets_go() {
        let mailbox = Mailbox::new(100);
        let (old, new) = (mailbox.attach(), mailbox.attach());
        mailbox.let_go(old);
        assert!(mailbox.is_read());
        mailbox.let_go(new);
        assert!(!mailbox.is_read());
    }

    #[test]
    fn all_that_waits_for_clients_that_are_away_is_bounded_together() {
        let kept = Kept::new(30);
        let [one, two] = [0, 1].map(|_| Mailbox::new(100));
        one.put(message("twenty bytes of text"));
        one.leave(&kept);
        two.leave(&kept);
        two.put(message("twenty more of them."));
        two.put(answer());
        assert_eq!(one.next(SOON), Some(message("twenty bytes of text")));
        assert!(matches!(two.next(SOON), Some(Delivery::Failed(_))), "the message is lost, the call is not");
        one.come_back();
        two.put(message("now there is room"));
        assert_eq!(two.next(SOON), Some(message("now there is room")));
    }

    #[test]
    fn all_mailboxes_together_are_bounded() {
        let room = Kept::new(100_000);
        let [one, two, small] = [0, 1, 2].map(|_| Mailbox::within(&room, 1_000_000));
        let long = |bytes| "x".repeat(FREE_BYTES + bytes);
        let answer = |text: String| Delivery::Answer { text, id: 0..0, result: None };
        let reader = two.attach();
        one.put(message(&long(90_000)));
        two.put(message(&long(20_000)));
        assert_eq!(two.read(reader, SOON), Next::Ended, "its client does not read");
        two.put(answer(long(20_000)));
        assert!(matches!(two.next(SOON), Some(Delivery::Failed(_))));
        small.put(message("short ones always fit"));
        assert_eq!(small.next(SOON), Some(message("short ones always fit")));
        assert_eq!(one.next(SOON), Some(message(&long(90_000))));
        two.put(answer(long(90_000)));
        assert_eq!(two.next(SOON), Some(answer(long(90_000))), "there is room again");
    }

    #[test]
    fn a_reader_that_does_not_keep_up_loses_its_stream_but_not_its_answer() {
        let mailbox = Mailbox::new(10);
        let reader = mailbox.attach();
        mailbox.put(message("longer than the bound, alone"));
        mailbox.put(answer());
        mailbox.put(message("one more"));
        assert_eq!(mailbox.read(reader, SOON), Next::Ended);
        assert_eq!(mailbox.next(SOON), Some(answer()));
    }
}
