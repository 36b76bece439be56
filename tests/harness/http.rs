//! HTTP as bytes on a socket: nothing is retried, followed, or put right.

use super::DEADLINE;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    pub fn is_stream(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"))
    }

    /// The JSON-RPC messages in it, whether it is JSON or a finished event stream.
    #[track_caller]
    pub fn messages(&self) -> Vec<Value> {
        if !self.is_stream() {
            return vec![self.json()];
        }
        let text = self.text();
        let data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
        data.filter(|data| !data.is_empty()).map(|data| serde_json::from_str(data).unwrap()).collect()
    }
}

/// One request on a connection of its own.
#[track_caller]
pub fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let mut connection = Connection::open(url);
    connection.send(method, url, &[headers, &[("Connection", "close")]].concat(), body);
    connection.response()
}

/// Sends these bytes and returns everything that comes back until the other side closes, or for five seconds.
pub fn raw(url: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(url);
    let _ = stream.write_all(bytes); // the other side may have heard enough
    let end = Instant::now() + Duration::from_secs(5);
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        stream.set_read_timeout(Some(left)).unwrap();
        match stream.read(&mut buffer) {
            Ok(bytes) if bytes > 0 => all.extend_from_slice(&buffer[..bytes]),
            _ => break,
        }
    }
    all
}

/// A connection for as many requests as it is good for.
pub struct Connection {
    pub reader: BufReader<TcpStream>,
}

impl Connection {
    #[track_caller]
    pub fn open(url: &str) -> Connection {
        let stream = connect(url);
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Connection { reader: BufReader::new(stream) }
    }

    #[track_caller]
    pub fn send(&mut self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) {
        let (host, path) = split(url);
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head += &format!("Host: {host}\r\n");
        }
        headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        if !body.is_empty() || method == "POST" {
            head += &format!("Content-Length: {}\r\n", body.len());
        }
        self.write(&[head.as_bytes(), b"\r\n", body].concat());
    }

    #[track_caller]
    pub fn write(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
    }

    /// A whole response.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        let mut response = self.head();
        response.body = self.body(&response);
        response
    }

    /// A response without its body, which is still to be read.
    #[track_caller]
    pub fn head(&mut self) -> Response {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).expect("no answer in time");
            match line.trim_end() {
                "" if line.is_empty() => panic!("closed without an answer, after {lines:?}"),
                "" => break,
                text => lines.push(text.to_string()),
            }
        }
        let status = lines[0].split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
        let pair =
            |line: &String| line.split_once(':').map(|(name, v)| (name.to_lowercase(), v.trim().to_string()));
        Response { status, headers: lines[1..].iter().filter_map(pair).collect(), body: Vec::new() }
    }

    /// The body behind this head.
    pub fn body(&mut self, head: &Response) -> Vec<u8> {
        let mut body = Vec::new();
        if head.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            while let Some(chunk) = self.chunk() {
                body.extend(chunk);
            }
        } else if let Some(length) = head.header("content-length") {
            body.resize(length.parse().unwrap(), 0);
            self.reader.read_exact(&mut body).expect("the whole body");
        } else if !matches!(head.status, 204 | 304) {
            let _ = self.reader.read_to_end(&mut body);
        }
        body
    }

    /// The next chunk as it was sent; none at the end of the body, or of the connection.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut line = String::new();
        self.reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim().split(';').next()?, 16).ok()?;
        let mut chunk = vec![0; size + 2];
        self.reader.read_exact(&mut chunk).ok()?;
        chunk.truncate(size);
        (size > 0).then_some(chunk)
    }
}

#[track_caller]
fn connect(url: &str) -> TcpStream {
    let stream = TcpStream::connect(split(url).0).unwrap_or_else(|error| panic!("{url}: {error}"));
    stream.set_nodelay(true).unwrap();
    stream
}

/// `http://HOST:PORT/PATH` into `HOST:PORT` and `/PATH`.
fn split(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("http://").expect("an http:// address");
    rest.split_at(rest.find('/').expect("a path"))
}
