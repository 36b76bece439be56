//! An HTTP server that does what a test says, byte by byte, and a link to it.

use crate::config::spec::Options;
use crate::config::{Defaults, ServerTable};
use crate::forward::Target;
use crate::forward::courier::Courier;
use crate::forward::link::peer::Peer;
use crate::forward::link::{Ear, Flavour, Link, Place};
use crate::limits::Limits;
use crate::server::{Outlet, Oversize};
use ::http::{HeaderMap, HeaderName, HeaderValue};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use serde_json::Value;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// For what must happen.
pub const DEADLINE: Duration = Duration::from_secs(10);
/// For what must not.
pub const QUIET: Duration = Duration::from_millis(100);

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    headers: Vec<(String, String)>,
    pub body: Value,
}

impl Asked {
    /// The header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// `POST initialize`, or `GET`.
    pub fn what(&self) -> String {
        let method = self.body["method"].as_str().unwrap_or_default();
        format!("{} {method}", self.method).trim_end().to_string()
    }
}

/// The way to answer.
pub struct Out {
    socket: TcpStream,
}

impl Out {
    pub fn raw(&mut self, text: &str) {
        let _ = self.socket.write_all(text.as_bytes());
    }

    pub fn answer(&mut self, status: u16, headers: &str, body: &str) {
        let length = body.len();
        self.raw(&format!("HTTP/1.1 {status} X\r\n{headers}Content-Length: {length}\r\n\r\n{body}"));
    }

    pub fn json(&mut self, status: u16, body: &Value) {
        self.answer(status, "Content-Type: application/json\r\n", &body.to_string());
    }

    pub fn empty(&mut self, status: u16) {
        self.answer(status, "", "");
    }

    /// Opens an event stream, in chunks.
    pub fn events(&mut self) {
        self.raw("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    }

    /// One chunk of it.
    pub fn chunk(&mut self, text: &str) {
        self.raw(&format!("{:x}\r\n{text}\r\n", text.len()));
    }

    /// One event of it.
    pub fn event(&mut self, data: &Value) {
        self.chunk(&format!("data: {data}\n\n"));
    }

    pub fn end(&mut self) {
        self.raw("0\r\n\r\n");
    }

    /// Ends the connection in the middle.
    pub fn hang_up(&mut self) {
        let _ = self.socket.shutdown(Shutdown::Both);
    }

    /// Waits until the client has closed the connection.
    pub fn wait_closed(&mut self) {
        let end = self.socket.read(&mut [0]);
        assert!(!matches!(end, Ok(1)), "the client sends more");
        assert!(
            !matches!(end, Err(error) if error.kind() == ErrorKind::WouldBlock),
            "the client keeps it open"
        );
    }
}

/// The server.
pub struct Site {
    addr: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stopping: Arc<AtomicBool>,
    sockets: Arc<Mutex<Vec<TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    /// `script` answers each request, on the thread of its connection.
    pub fn new(script: impl Fn(&Asked, &mut Out) + Send + Sync + 'static) -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (asked, stopping, sockets) = (Arc::default(), Arc::<AtomicBool>::default(), Arc::default());
        let script: Script = Arc::new(script);
        let site = (Arc::clone(&asked), Arc::clone(&stopping), Arc::clone(&sockets));
        let thread = crate::thread::spawn("site", move || accept(&listener, &script, site)).unwrap();
        Site { addr, asked, stopping, sockets, thread: Some(thread) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.sockets.lock().unwrap().len()
    }

    /// What came so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// In words, in the order of arrival.
    pub fn whats(&self) -> Vec<String> {
        self.asked().iter().map(Asked::what).collect()
    }

    /// The first request that is this one, once it has come.
    #[track_caller]
    pub fn wait_for(&self, what: &str) -> Asked {
        self.wait_for_nth(what, 0)
    }

    #[track_caller]
    pub fn wait_for_nth(&self, what: &str, nth: usize) -> Asked {
        let mut found = None;
        eventually(DEADLINE, what, || {
            found = self.asked().into_iter().filter(|asked| asked.what() == what).nth(nth);
            found.is_some()
        });
        found.unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.addr));
        self.thread.take().map(JoinHandle::join);
        self.sockets.lock().unwrap().iter().for_each(|socket| drop(socket.shutdown(Shutdown::Both)));
    }
}

type Script = Arc<dyn Fn(&Asked, &mut Out) + Send + Sync>;
type Shared = (Arc<Mutex<Vec<Asked>>>, Arc<AtomicBool>, Arc<Mutex<Vec<TcpStream>>>);

fn accept(listener: &TcpListener, script: &Script, (asked, stopping, sockets): Shared) {
    for socket in listener.incoming() {
        if stopping.load(Ordering::SeqCst) {
            return;
        }
        let socket = socket.unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        sockets.lock().unwrap().push(socket.try_clone().unwrap());
        let (script, asked) = (Arc::clone(script), Arc::clone(&asked));
        crate::thread::spawn("site-conn", move || serve(socket, &script, &asked)).unwrap();
    }
}

fn serve(socket: TcpStream, script: &Script, log: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(socket.try_clone().unwrap());
    while let Some(asked) = read(&mut reader) {
        log.lock().unwrap().push(asked.clone());
        script(&asked, &mut Out { socket: socket.try_clone().unwrap() });
    }
    let _ = socket.shutdown(Shutdown::Both);
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut lines = reader.by_ref().lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ').map(str::to_string);
    let (method, path) = (words.next()?, words.next()?);
    let headers = lines.take_while(|line| !line.is_empty()).filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_string()))
    });
    let mut asked = Asked { method, path, headers: headers.collect(), body: Value::Null };
    let length = asked.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    asked.body = serde_json::from_slice(&body).unwrap_or_default();
    Some(asked)
}

/// What came out of a link.
#[derive(Debug, PartialEq)]
pub enum Came {
    Line(Value),
    Oversize(Option<String>, bool, u64),
    Ended(String),
}

struct Sink(Sender<Came>);

impl Ear for Sink {
    fn line(&self, line: Vec<u8>) {
        assert!(!line.contains(&b'\n') && !line.contains(&b'\r'), "a message stands on one line");
        let value = serde_json::from_slice(&line).unwrap_or(Value::Null);
        let _ = self.0.send(Came::Line(value));
    }

    fn oversize(&self, line: &Oversize) {
        let _ = self.0.send(Came::Oversize(line.id.clone(), line.asks, line.bytes));
    }

    fn undelivered(&self, _line: &[u8]) -> bool {
        false
    }

    fn ended(&self, why: &str) {
        let _ = self.0.send(Came::Ended(why.to_string()));
    }
}

/// An open link.
pub struct Opened {
    name: String,
    pub outlet: Arc<dyn Outlet>,
    came: Receiver<Came>,
}

impl Opened {
    /// A link to this URL; `name` (at most 10 bytes) tells its threads from those of other tests.
    pub fn new(name: &str, url: &str, flavour: Flavour) -> Opened {
        Opened::with(name, url, flavour, Limits::default())
    }

    pub fn with(name: &str, url: &str, flavour: Flavour, limits: Limits) -> Opened {
        let Peer { courier, target } = peer(url);
        let (sender, came) = unbounded();
        let link = Link::new(name, courier, Place::Fixed(target), flavour, limits);
        let outlet = link.open(Box::new(Sink(sender))).unwrap();
        Opened { name: name.to_string(), outlet, came }
    }

    #[track_caller]
    pub fn send(&self, message: &Value) {
        self.outlet.send(format!("{message}\n").into_bytes()).unwrap();
    }

    /// The next that comes.
    #[track_caller]
    pub fn came(&self) -> Came {
        self.came.recv_timeout(DEADLINE).expect("nothing came")
    }

    /// The next that comes, a message.
    #[track_caller]
    pub fn line(&self) -> Value {
        match self.came() {
            Came::Line(line) => line,
            other => panic!("no message: {other:?}"),
        }
    }

    /// The error in the next message, which must answer request `id`.
    #[track_caller]
    pub fn error(&self, id: i64) -> String {
        let line = self.line();
        assert_eq!(line["id"], id, "{line}");
        line["error"]["message"].as_str().unwrap_or_else(|| panic!("no error: {line}")).to_string()
    }

    #[track_caller]
    pub fn nothing_came(&self) {
        assert_eq!(self.came.recv_timeout(QUIET), Err(RecvTimeoutError::Timeout));
    }

    /// Closes the link; its threads must end soon.
    #[track_caller]
    pub fn close(self) {
        let started = Instant::now();
        self.outlet.close();
        assert!(started.elapsed() < Duration::from_millis(100), "close() waited");
        self.threads_end();
    }

    #[track_caller]
    pub fn threads_end(&self) {
        eventually(Duration::from_secs(1), "all threads end", || threads_of(&self.name) == 0);
    }
}

#[cfg(target_os = "linux")]
pub fn threads_of(name: &str) -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|comm| comm.trim().split_once(':').is_some_and(|(_, rest)| rest == name)).count()
}

#[cfg(not(target_os = "linux"))]
pub fn threads_of(_name: &str) -> usize {
    0
}

pub fn peer(url: &str) -> Peer {
    let usual = ServerTable::default().options(&Defaults::default());
    let options = Options { call_timeout: DEADLINE, ..usual };
    let headers = [(HeaderName::from_static("authorization"), HeaderValue::from_static("Bearer s3"))];
    let target = Target::new(url.parse().unwrap(), headers.into_iter().collect::<HeaderMap>());
    Peer { courier: Courier::new(&options), target }
}

/// The only place here that sleeps.
#[track_caller]
pub fn eventually(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + deadline;
    while !condition() {
        assert!(Instant::now() < end, "not within {deadline:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
