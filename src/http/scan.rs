//! Finds the end of a request head in bytes that come piece by piece, and refuses at once what no
//! strict reader may see: bare LF, bare CR, NUL, folded lines, heads that are too large.
//!
//! It runs before httparse, which accepts a bare LF as the end of a line. Pure, no I/O.

use super::refusal::Refusal;
use super::request_line;
use ::http::StatusCode;

/// Empty lines allowed before a request line (RFC 9112 section 2.2 asks for at least one).
const MAX_EMPTY_LINES: usize = 4;

/// Where a complete head lies in the scanned bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// First byte of the request line.
    pub start: usize,
    /// One past the empty line that ends the head.
    pub end: usize,
    /// Header lines between the two.
    pub headers: usize,
}

/// Looks at each byte of a head once, however many pieces it comes in.
#[derive(Debug)]
pub struct HeadScanner {
    max_bytes: usize,
    max_headers: usize,
    at: usize,
    start: usize,
    line: usize,
    lines: usize,
    empty: usize,
}

impl HeadScanner {
    /// A scanner for one head of at most `max_bytes` and `max_headers` header lines.
    pub fn new(max_bytes: usize, max_headers: usize) -> HeadScanner {
        HeadScanner { max_bytes, max_headers, at: 0, start: 0, line: 0, lines: 0, empty: 0 }
    }

    /// Goes on where the last call stopped. `bytes` begins with what earlier calls were given.
    /// `None` means that more bytes are needed.
    ///
    /// # Errors
    /// 400 for bytes that may not stand in a head, 414 or 431 for a head over its limits, 505 for
    /// another version of HTTP. The connection cannot be used after that.
    pub fn scan(&mut self, bytes: &[u8]) -> Result<Option<Extent>, Refusal> {
        loop {
            self.pass_plain(bytes);
            let Some(&byte) = bytes.get(self.at) else { return Ok(None) };
            self.check(byte, bytes)?;
            self.at += 1;
            if byte == b'\n' && self.end_line(bytes)? {
                let headers = self.lines - 1;
                return Ok(Some(Extent { start: self.start, end: self.at, headers }));
            }
            if self.at - self.start > self.max_bytes {
                return Err(self.too_large());
            }
        }
    }

    /// Passes what neither ends a line nor can be wrong: nearly every byte of a head.
    fn pass_plain(&mut self, bytes: &[u8]) {
        let most = bytes.len().min(self.start.saturating_add(self.max_bytes));
        if self.at > self.line && self.at < most && bytes[self.at - 1] != b'\r' {
            self.at += bytes[self.at..most].iter().take_while(|byte| **byte > b'\r').count();
        }
    }

    fn check(&self, byte: u8, bytes: &[u8]) -> Result<(), Refusal> {
        let after_cr = self.at > self.line && bytes[self.at - 1] == b'\r';
        match byte {
            b'\n' if !after_cr => {
                Err(Refusal::malformed("a line of the request ends in LF alone; send CR LF"))
            }
            b'\n' => Ok(()),
            _ if after_cr => Err(Refusal::malformed("the request holds a CR without LF; lines end in CR LF")),
            0 => Err(Refusal::malformed("the request holds a NUL byte; this port speaks plain HTTP/1.1")),
            b' ' | b'\t' if self.at == self.line => Err(Refusal::malformed(
                "a line of the request begins with white space; folded header lines are not accepted",
            )),
            _ => Ok(()),
        }
    }

    /// Takes note of a line that just ended; true at the end of the head.
    fn end_line(&mut self, bytes: &[u8]) -> Result<bool, Refusal> {
        let line = &bytes[self.line..self.at - 2];
        self.line = self.at;
        match (line.is_empty(), self.lines) {
            (true, 0) => self.leading_line().map(|()| false),
            (true, _) => Ok(true),
            (false, 0) => {
                request_line::parse(line)?;
                self.lines = 1;
                Ok(false)
            }
            (false, lines) if lines > self.max_headers => Err(too_many_headers()),
            (false, _) => {
                self.lines += 1;
                Ok(false)
            }
        }
    }

    fn leading_line(&mut self) -> Result<(), Refusal> {
        self.empty += 1;
        self.start = self.at;
        if self.empty > MAX_EMPTY_LINES {
            return Err(Refusal::malformed("too many empty lines before the request line"));
        }
        Ok(())
    }

    fn too_large(&self) -> Refusal {
        if self.lines == 0 {
            return Refusal::new(
                StatusCode::URI_TOO_LONG,
                "the request line is longer than this proxy accepts; shorten the URL or raise max_head_bytes",
            );
        }
        Refusal::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "the request head is larger than this proxy accepts; send fewer or shorter headers or raise max_head_bytes",
        )
    }
}

fn too_many_headers() -> Refusal {
    Refusal::new(
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "the request has more header fields than this proxy accepts; send fewer or raise max_headers",
    )
}
