//! A TOML file that remembers the line of each key.

use super::ConfigError;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table};

/// The largest file that is read: configuration, manifests, `server.toml`.
pub const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Parsed text and where it came from.
pub struct Document {
    name: String,
    text: String,
    table: Table,
}

impl Document {
    /// Parses `text`; `name` is the file as the user knows it.
    ///
    /// # Errors
    /// The text is not TOML; the message names file and line.
    pub fn parse(name: &str, text: String) -> Result<Self, ConfigError> {
        match text.parse() {
            Ok(table) => Ok(Document { name: name.to_string(), text, table }),
            Err(error) => {
                let line = line_of(&text, error.span().map_or(0, |span| span.start));
                Err(ConfigError::one(format!("{name}:{line}: {}", error.message())))
            }
        }
    }

    /// What it says.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// `proxy.toml:12` for a key given by its path; the file alone if there is no such key.
    pub fn place(&self, path: &[&str]) -> String {
        match DeTable::parse(&self.text).ok().and_then(|root| offset(root.get_ref(), path)) {
            Some(start) => format!("{}:{}", self.name, line_of(&self.text, start)),
            None => self.name.clone(),
        }
    }
}

fn offset(table: &DeTable<'_>, path: &[&str]) -> Option<usize> {
    let (first, rest) = path.split_first()?;
    let (key, value): (_, &Spanned<DeValue<'_>>) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    match value.get_ref().as_table() {
        Some(inner) if !rest.is_empty() => offset(inner, rest),
        _ => Some(key.span().start),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Opens a file to be read, if it is one.
///
/// # Errors
/// It is none, or cannot be read.
pub fn open_regular(path: &Path) -> io::Result<File> {
    // Asked first: opening a named pipe would wait for its writer.
    match fs::metadata(path)?.is_file() {
        true => File::open(path),
        false => Err(io::Error::other("not a regular file")),
    }
}

/// Reads a small regular file as text; a byte order mark is dropped.
///
/// # Errors
/// It cannot be read, is no regular file, is larger than [`MAX_FILE_BYTES`] or is not UTF-8.
pub fn read_small(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open_regular(path)?.take(MAX_FILE_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other("larger than 1 MiB"));
    }
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::Document;

    #[test]
    fn keys_have_lines() {
        let text = "# comment\n[proxy]\nlisten = 1\n\n[server.a]\ncommand = 'x'\nenv = { A = 1 }\n";
        let document = Document::parse("proxy.toml", text.to_string()).unwrap();
        assert_eq!(document.place(&["proxy", "listen"]), "proxy.toml:3");
        assert_eq!(document.place(&["server", "a"]), "proxy.toml:5");
        assert_eq!(document.place(&["server", "a", "env", "A"]), "proxy.toml:7");
        assert_eq!(document.place(&["nothing"]), "proxy.toml");
    }

    #[test]
    fn a_syntax_error_names_the_line() {
        let error = Document::parse("proxy.toml", "[proxy]\nlisten = \n".to_string()).err().unwrap();
        assert!(error.to_string().starts_with("proxy.toml:2: "), "{error}");
    }

    #[test]
    fn a_key_given_twice_names_the_line() {
        let error = Document::parse("p", "a = 1\nb = 2\na = 3\n".to_string()).err().unwrap();
        assert!(error.to_string().starts_with("p:3: "), "{error}");
    }
}
