//! What a message is about that is too long to be kept: its `id` and whether it asks, found while it flows by.

/// What is known of a message over the limit, which was passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Oversize {
    /// Raw text of its top-level `id`.
    pub id: Option<String>,
    /// Whether it had a top-level `method`: then the id is the sender's own, and no call's.
    pub asks: bool,
    /// Its length, without the line end.
    pub bytes: u64,
}

/// Finds the top-level `"id"` and `"method"` of an object. Servers print them first or last.
#[derive(Debug, Default)]
pub struct Skim {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// The text of the member being read at depth 1 (bounded): `"id":7`.
    member: Vec<u8>,
    found: Oversize,
}

/// `"id"`, a colon, white space and a reasonable id.
const MEMBER_BYTES: usize = 512;

impl Skim {
    /// Reads on.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.found.bytes += bytes.len() as u64;
        bytes.iter().for_each(|byte| self.push(*byte));
    }

    /// What was found, at the end of the message.
    pub fn finish(self) -> Oversize {
        self.found
    }

    fn push(&mut self, byte: u8) {
        if self.in_string {
            self.keep(byte);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return;
        }
        match byte {
            b',' if self.depth == 1 => self.end_member(),
            b'}' | b']' => {
                if self.depth == 1 {
                    self.end_member();
                }
                self.depth = self.depth.saturating_sub(1);
            }
            b'{' | b'[' => self.depth += 1,
            b'"' => {
                self.in_string = true;
                self.keep(byte);
            }
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.member.len() < MEMBER_BYTES {
            self.member.push(byte);
        }
    }

    fn end_member(&mut self) {
        let text = String::from_utf8_lossy(&self.member);
        match text.split_once(':').map(|(key, value)| (key.trim(), value.trim())) {
            Some(("\"id\"", id)) => self.found.id = Some(id.to_string()),
            Some(("\"method\"", _)) => self.found.asks = true,
            _ => {}
        }
        self.member.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::any_json;
    use super::*;
    use proptest::prelude::*;

    fn skim(text: &str) -> Oversize {
        let mut skim = Skim::default();
        text.as_bytes().chunks(3).for_each(|chunk| skim.feed(chunk));
        skim.finish()
    }

    #[test]
    fn an_id_is_found_wherever_it_stands() {
        let long = "x,{\\\"".repeat(2_000);
        for (text, asks) in [
            (format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"id":1,"t":"{long}"}}}}"#), false),
            (format!(r#"{{"result":{{"id":1,"t":["{long}"]}},"jsonrpc":"2.0", "id" : 7 }}"#), false),
            (format!(r#"{{"id":7,"params":["{long}"],"method":"ping"}}"#), true),
        ] {
            let bytes = text.len() as u64;
            assert_eq!(skim(&text), Oversize { id: Some("7".into()), asks, bytes });
        }
        assert_eq!(skim("xxxx"), Oversize { bytes: 4, ..Oversize::default() });
    }

    proptest! {
        #[test]
        fn only_members_of_the_message_itself_count(before in any_json(3), after in any_json(3)) {
            let text = format!(r#"{{"a":{before}, "id": "}}\\" ,"z":{after}}}"#);
            prop_assert_eq!(skim(&text).id, Some(r#""}\\""#.to_string()));
            let found = skim(&format!("[{before},{after}]"));
            prop_assert_eq!(found, Oversize { bytes: (before.len() + after.len() + 3) as u64, ..Oversize::default() });
        }

        #[test]
        fn any_bytes_are_counted(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut skim = Skim::default();
            skim.feed(&bytes);
            prop_assert_eq!(skim.finish().bytes, bytes.len() as u64);
        }
    }
}
