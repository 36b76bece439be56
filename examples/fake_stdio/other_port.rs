//! With `FAKE_OTHER_PORT=1` it also listens on a port that has nothing to do with MCP, as servers do for metrics or a
//! login page: whatever is asked there is answered with a page, and said on stderr.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

pub(crate) fn open() {
    if std::env::var_os("FAKE_OTHER_PORT").is_none() {
        return;
    }
    match TcpListener::bind("127.0.0.1:0") {
        Ok(listener) => drop(std::thread::spawn(move || listener.incoming().flatten().for_each(answer))),
        Err(error) => eprintln!("fake: no other port: {error}"),
    }
}

fn answer(mut stream: TcpStream) {
    let mut head = [0; 4096];
    let _ = stream.read(&mut head);
    eprintln!("other port: asked");
    let page = "<html>{\"jsonrpc\": \"2.0\"}</html>";
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
        page.len()
    );
}
