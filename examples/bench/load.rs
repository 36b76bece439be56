//! The load: `tools/call echo` on keep-alive connections, each answer checked.

use crate::call::Call;
use rustix::event::{PollFd, PollFlags, poll};
use std::error::Error;
use std::io::{self, Read, Write};
use std::iter::Sum;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// Threads that drive the connections. More would only take the processor from the proxy.
const DRIVERS: usize = 2;
const TEXT_BYTES: usize = 100;

#[derive(Default)]
pub(crate) struct Round {
    pub(crate) calls: u64,
    pub(crate) wrong: u64,
    pub(crate) elapsed: Duration,
    /// Microseconds, sorted.
    latencies: Vec<u32>,
}

impl Round {
    pub(crate) fn percentile(&self, percent: usize) -> u32 {
        let at = self.latencies.len() * percent / 100;
        self.latencies.get(at.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or(0)
    }
}

impl Sum for Round {
    fn sum<I: Iterator<Item = Round>>(parts: I) -> Round {
        parts.fold(Round::default(), |mut sum, part| {
            sum.calls += part.calls;
            sum.wrong += part.wrong;
            sum.latencies.extend(part.latencies);
            sum
        })
    }
}

/// These calls in turn on all connections, each from another one on; `watch` runs on this thread meanwhile.
pub(crate) fn run(
    address: &str,
    kinds: &[Call],
    connections: usize,
    time: Duration,
    watch: impl FnOnce(&dyn Fn() -> bool),
) -> Result<Round, Box<dyn Error>> {
    let open = |n| Connection::open(address, kinds, n);
    let mut all = (0..connections).map(open).collect::<io::Result<Vec<_>>>()?;
    let start = Instant::now();
    let share = connections.div_ceil(DRIVERS);
    let mut round = thread::scope(|scope| {
        let drivers = all.chunks_mut(share).map(|own| scope.spawn(move || drive(own, start + time)));
        let drivers: Vec<_> = drivers.collect();
        watch(&|| drivers.iter().any(|driver| !driver.is_finished()));
        let parts =
            drivers.into_iter().map(|driver| driver.join().unwrap_or(Err(io::ErrorKind::Other.into())));
        parts.sum::<io::Result<Round>>()
    })?;
    round.elapsed = start.elapsed();
    round.latencies.sort_unstable();
    Ok(round)
}

/// Keeps every connection busy until the time is up and the last answers are in.
fn drive(connections: &mut [Connection<'_>], end: Instant) -> io::Result<Round> {
    let mut round = Round::default();
    for connection in connections.iter_mut() {
        connection.ask()?;
    }
    let mut busy = connections.len();
    while busy > 0 {
        let mut fds: Vec<_> = connections.iter().map(|it| PollFd::new(&it.stream, PollFlags::IN)).collect();
        poll(&mut fds, None)?;
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        for (connection, _) in connections.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
            if !connection.read()? {
                continue;
            }
            connection.count(&mut round);
            if Instant::now() < end { connection.ask()? } else { busy -= 1 }
        }
    }
    Ok(round)
}

struct Connection<'c> {
    stream: TcpStream,
    kinds: &'c [Call],
    /// Of the kind that comes next.
    turn: usize,
    name: String,
    calls: u64,
    asked: Instant,
    expected: String,
    answer: Vec<u8>,
}

impl<'c> Connection<'c> {
    fn open(address: &str, kinds: &'c [Call], number: usize) -> io::Result<Connection<'c>> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            kinds,
            turn: number * 37, // apart, so that they do not go round together
            name: format!("c{number}"),
            calls: 0,
            asked: Instant::now(),
            expected: String::new(),
            answer: Vec::new(),
        })
    }

    /// An id and a text never used before, so that no other answer can pass for this one.
    fn ask(&mut self) -> io::Result<()> {
        self.calls += 1;
        let id = format!("{}-{}", self.name, self.calls);
        self.expected = format!("{id}-{:x<TEXT_BYTES$}", "");
        self.turn = (self.turn + 1) % self.kinds.len();
        let request = self.kinds[self.turn].request(&id, &self.expected);
        self.answer.clear();
        self.asked = Instant::now();
        self.stream.write_all(request.as_bytes())
    }

    /// Reads once; true when the answer is whole.
    fn read(&mut self) -> io::Result<bool> {
        read_some(&mut self.stream, &mut self.answer)?;
        Ok(is_whole(&self.answer))
    }

    fn count(&self, round: &mut Round) {
        let micros = self.asked.elapsed().as_micros();
        round.latencies.push(u32::try_from(micros).unwrap_or(u32::MAX));
        round.calls += 1;
        let answer = String::from_utf8_lossy(&self.answer);
        let id = format!("\"{}-{}\"", self.name, self.calls);
        let right =
            answer.starts_with("HTTP/1.1 200 ") && answer.contains(&self.expected) && answer.contains(&id);
        if !right {
            round.wrong += 1;
            eprintln!("wrong answer to {id}: {answer}");
        }
    }
}

pub(crate) fn read_some(stream: &mut TcpStream, answer: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    match stream.read(&mut buffer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        bytes => {
            answer.extend_from_slice(&buffer[..bytes]);
            Ok(())
        }
    }
}

/// Enough HTTP for the answers to our own requests.
pub(crate) fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let body = &answer[end + 4..];
    match head.split("content-length:").nth(1).and_then(|rest| rest.lines().next()) {
        Some(length) => length.trim().parse().is_ok_and(|length: usize| body.len() >= length),
        None => body.ends_with(b"0\r\n\r\n") || !head.contains("transfer-encoding"),
    }
}
