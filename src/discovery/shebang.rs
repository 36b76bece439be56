//! The `#!` line and the magic numbers of executables.

/// Whether a file that begins so can be executed: a script, ELF or Mach-O.
pub(super) fn is_program(start: &[u8]) -> bool {
    start.starts_with(b"#!") || is_binary(start)
}

/// Whether a file begins as ELF or Mach-O (either byte order, or universal) does.
pub(super) fn is_binary(start: &[u8]) -> bool {
    const MAGIC: [[u8; 4]; 6] = [
        *b"\x7fELF",
        [0xfe, 0xed, 0xfa, 0xce],
        [0xfe, 0xed, 0xfa, 0xcf],
        [0xce, 0xfa, 0xed, 0xfe],
        [0xcf, 0xfa, 0xed, 0xfe],
        [0xca, 0xfe, 0xba, 0xbe],
    ];
    MAGIC.iter().any(|magic| start.starts_with(magic))
}

/// Interpreter and arguments of a script, with `/usr/bin/env` seen through: `#!/usr/bin/env -S uv run` is `uv run`.
pub(super) fn interpreter(start: &[u8]) -> Option<Vec<String>> {
    let line = start.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = String::from_utf8_lossy(line);
    let mut words: Vec<String> = line.split_whitespace().map(str::to_string).collect();
    if words.first()?.ends_with("/env") {
        words.remove(0);
        words.drain(..words.iter().take_while(|word| word.starts_with('-') || word.contains('=')).count());
    }
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::{interpreter, is_program};

    fn words(line: &str) -> String {
        interpreter(line.as_bytes()).unwrap_or_default().join(" ")
    }

    #[test]
    fn interpreters() {
        assert_eq!(words("#!/usr/bin/env node\r\nx"), "node");
        assert_eq!(words("#! /bin/sh -e\n"), "/bin/sh -e");
        assert_eq!(words("#!/usr/bin/env -S uv run --script\n"), "uv run --script");
        assert_eq!(words("#!/usr/bin/env -S A=b deno\n"), "deno");
        assert_eq!(words("#!/usr/bin/env\n") + &words("#!\n") + &words("print()"), "");
    }

    #[test]
    fn programs() {
        assert!(is_program(b"\x7fELF\x02") && is_program(b"#!/bin/sh") && is_program(b"\xcf\xfa\xed\xfe"));
        assert!(!is_program(b"") && !is_program(b"# Readme"));
    }
}
