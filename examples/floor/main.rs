//! The least that a bridge can be, to measure what is left over the work itself: a thread for each connection, each
//! call's line to the child, each answer to the connection whose number it has. No limits, no sessions, no safety.
//!
//!     floor CHILD
//!
//! Prints `listening on http://ADDRESS` on stderr, as the proxy does.

mod wire;

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use wire::Requests;

/// The child, and who waits for it: a connection has one call in flight, so its number is the call's id.
struct Bridge {
    stdin: Mutex<ChildStdin>,
    waiting: Mutex<HashMap<u64, Sender<String>>>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let program = std::env::args().nth(1).ok_or("usage: floor CHILD")?;
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let stdin = Mutex::new(child.stdin.take().ok_or("no stdin")?);
    let stdout = child.stdout.take().ok_or("no stdout")?;
    let bridge = Arc::new(Bridge { stdin, waiting: Mutex::default() });
    let listener = TcpListener::bind("127.0.0.1:0")?;
    eprintln!("listening on http://{}", listener.local_addr()?);
    let reading = bridge.clone();
    std::thread::spawn(move || reading.read(stdout));
    for (number, stream) in (0..).zip(listener.incoming()) {
        let (bridge, stream) = (bridge.clone(), stream?);
        std::thread::spawn(move || bridge.serve(number, stream));
    }
    Ok(())
}

impl Bridge {
    /// A connection, to its end.
    fn serve(&self, number: u64, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let (sender, answers) = channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(number, sender);
        let mut requests = Requests::of(stream);
        while let Some(message) = requests.next()? {
            let answer = self.call(number, &message, &answers)?;
            requests.answer(&answer)?;
        }
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&number);
        Ok(())
    }

    /// The child's answer, under the client's own id; nothing for a notification.
    fn call(&self, number: u64, message: &str, answers: &Receiver<String>) -> io::Result<String> {
        let Some((before, id, after)) = wire::cut(message) else {
            return self.write(&format!("{message}\n")).map(|()| String::new());
        };
        self.write(&format!("{before}{number}{after}\n"))?;
        let answer = answers.recv().map_err(io::Error::other)?;
        let (before, _, after) = wire::cut(&answer).ok_or(io::ErrorKind::InvalidData)?;
        Ok(format!("{before}{id}{after}"))
    }

    fn write(&self, line: &str) -> io::Result<()> {
        self.stdin.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())
    }

    /// What the child says, to those who wait for it.
    fn read(&self, stdout: ChildStdout) {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let number = wire::cut(&line).and_then(|(_, id, _)| id.parse().ok());
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let sender = number.and_then(|number: u64| waiting.get(&number).cloned());
            drop(waiting);
            let _ = sender.map(|sender| sender.send(line));
        }
    }
}
