//! Files that hold one secret, and who can read them.

use super::open_regular;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A larger one is no secret but a mistake; the system takes 128 KiB for one variable.
const MAX_BYTES: u64 = 64 * 1024;

/// What stands in the file, without the end of its last line.
///
/// # Errors
/// Why it cannot be a value, with its path.
pub fn read(file: &Path) -> Result<String, String> {
    let fault = |fault: String| format!("{}: {fault}", file.display());
    let text = read_text(file).map_err(|error| fault(format!("cannot be read: {error}")))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(fault(format!("is larger than {MAX_BYTES} bytes, too large for a variable")));
    }
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.contains('\0') {
        return Err(fault("holds a NUL byte, which no variable can".to_string()));
    }
    Ok(text.to_string())
}

fn read_text(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    open_regular(file)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Whether its group or everybody can read it. What is not there can be read by nobody.
pub fn is_open_to_others(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o044 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_text_without_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let with = |text: &str| {
            fs::write(&file, text).unwrap();
            read(&file)
        };
        assert_eq!(with("value\n").unwrap(), "value");
        assert_eq!(with("two\nlines\r\n").unwrap(), "two\nlines");
        assert_eq!(with("a\n\n").unwrap(), "a\n");
        assert!(with("a\0b").unwrap_err().contains("NUL"));
        assert!(with(&"x".repeat(65 * 1024)).unwrap_err().contains("larger than 65536 bytes"));
        assert!(read(folder.path()).unwrap_err().ends_with("cannot be read: not a regular file"));
    }

    #[test]
    fn who_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(".env");
        fs::write(&file, "").unwrap();
        for (mode, open) in [(0o600, false), (0o640, true), (0o604, true), (0o611, false)] {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_open_to_others(&file), open, "{mode:o}");
        }
        assert!(!is_open_to_others(&folder.path().join("none")));
    }
}
