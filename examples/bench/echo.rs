//! The HTTP server behind both in `--mode forwarded`: it costs them nothing but their own work, for it runs here.

#[path = "../floor/wire.rs"]
mod wire;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use wire::Requests;

/// Serves until the program ends.
pub(crate) fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream));
        }
    });
    Ok(address)
}

fn serve(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut requests = Requests::of(stream);
    while let Some(message) = requests.next()? {
        requests.answer(&answer(&message))?;
    }
    Ok(())
}

/// A greeting, the text of a call, or an empty result; nothing to a notification.
fn answer(message: &str) -> String {
    let Some((_, id, _)) = wire::cut(message) else { return String::new() };
    let result = if message.contains(r#""initialize""#) {
        r#""protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"echo","version":"1"}"#.into()
    } else if let Some((text, _)) =
        message.split_once(r#""text":""#).and_then(|(_, rest)| rest.split_once('"'))
    {
        format!(r#""content":[{{"type":"text","text":"{text}"}}]"#)
    } else {
        String::new()
    };
    format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{{result}}}}}"#)
}
