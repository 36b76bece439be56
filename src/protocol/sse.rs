//! Server-sent events (WHATWG HTML, 9.2): how a message is written as one.

/// Keeps a silent stream open: a comment line.
pub const KEEP_ALIVE: &[u8] = b":\n\n";

/// The parts of the event that carries `message`, to be written one after the other.
/// A line end would end the data for the reader; it can only be white space between JSON tokens.
pub fn event(message: &mut [u8]) -> [&[u8]; 3] {
    let ends = |byte: &u8| matches!(byte, b'\r' | b'\n');
    message.iter_mut().filter(|byte| ends(byte)).for_each(|byte| *byte = b' ');
    [b"event: message\ndata: ", message, b"\n\n"]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_data_line() {
        let mut message = b"{\"a\":1,\r\"b\":2}".to_vec();
        assert_eq!(event(&mut message).concat(), b"event: message\ndata: {\"a\":1, \"b\":2}\n\n");
    }
}
