//! Servers that no one should have installed. This same program, started with [`COMMAND`] and the kind.

mod child;
mod server;

/// The argument that makes a server of this program.
pub(crate) const COMMAND: &str = "__imposter";

/// Does what that kind does until its stdin ends or it is killed.
pub(crate) fn run(arguments: &[String]) {
    let kind = arguments.first().map(String::as_str).unwrap_or_default();
    if kind == "http-server" { server::run() } else { child::run(kind) }
}

/// A `server.toml` for that kind, and further lines.
pub(crate) fn table(kind: &str, more: &str) -> String {
    let program = std::env::current_exe().expect("our own name");
    format!("command = {program:?}\nargs = [{COMMAND:?}, {kind:?}]\n{more}\n")
}

/// A gzip stream of about so many bytes that holds 160 times as much: one zero byte, and matches of 258 bytes each
/// (RFC 1951, section 3.2.6). Whoever decodes it and keeps what comes out runs out of memory.
pub(crate) fn bomb(bytes: usize) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut bits, mut count) = (0_u32, 0);
    let mut put = |out: &mut Vec<u8>, value: u32, length: u32| {
        bits |= value << count;
        count += length;
        while count >= 8 {
            out.push(bits as u8);
            bits >>= 8;
            count -= 8;
        }
    };
    put(&mut out, 0b011, 3); // the last block, fixed codes
    put(&mut out, 0b0000_1100, 8); // literal 0, its code 00110000 from the high end
    while out.len() < bytes {
        put(&mut out, 0b1010_0011, 8); // length 258: 11000101
        put(&mut out, 0, 5); // distance 1
    }
    put(&mut out, 0, 7); // the end
    put(&mut out, 0, 7);
    out.extend([0; 8]);
    out
}
