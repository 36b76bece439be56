//! Protocol revisions and the two eras.

/// The two shapes of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Era {
    /// Up to 2025-11-25: `initialize`, then a session.
    Legacy,
    /// From 2026-07-28 on: no session, every request says what it needs.
    Modern,
}

/// The newest revision we know, of the modern era.
pub const MODERN: &str = "2026-07-28";

/// The revisions that begin with `initialize`, oldest first. Session ids hold their places: add at the end only.
const LEGACY: [&str; 5] = ["2024-10-07", "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

/// The newest revision that begins with `initialize`.
pub const NEWEST_LEGACY: Revision = Revision(LEGACY.len() - 1);

/// What a request without `MCP-Protocol-Version` is taken to speak (2025-11-25, transports, Protocol Version Header).
pub const ASSUMED: Revision = Revision(2);

/// A known legacy revision; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(usize);

impl Revision {
    /// The revision of that name, if it is a known legacy one.
    pub fn parse(name: &str) -> Option<Revision> {
        LEGACY.iter().position(|known| *known == name).map(Revision)
    }

    /// Its name, as on the wire.
    pub fn as_str(self) -> &'static str {
        LEGACY[self.0]
    }

    /// Its place among the known ones.
    pub fn index(self) -> u8 {
        self.0 as u8
    }

    /// The one at that place.
    pub fn at(index: u8) -> Option<Revision> {
        let index = usize::from(index);
        (index < LEGACY.len()).then_some(Revision(index))
    }

    /// The revisions an HTTP client may name.
    pub fn known() -> String {
        LEGACY.join(", ")
    }
}

/// Whether a name is that of a modern revision: a date later than the last one that began with `initialize`.
pub fn names_modern(version: &str) -> bool {
    let digits =
        version.split('-').map(|part| part.bytes().all(|byte| byte.is_ascii_digit()).then_some(part.len()));
    digits.eq([Some(4), Some(2), Some(2)]) && version > NEWEST_LEGACY.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_ordered_by_date() {
        assert!(Revision::parse("2025-03-26") == Some(ASSUMED) && ASSUMED < NEWEST_LEGACY);
        assert_eq!(NEWEST_LEGACY.as_str(), "2025-11-25");
        assert_eq!(Revision::parse("2026-07-28"), None);
    }

    #[test]
    fn modern_names_are_later_dates() {
        for name in ["2026-07-28", "2025-11-26", "9999-12-31"] {
            assert!(names_modern(name), "{name}");
        }
        for name in
            ["2025-11-25", "2024-10-07", "2026-7-28", "v999.0.0", "draft", "", "2026-07-28-rc", "٢٠٢٦-07-28"]
        {
            assert!(!names_modern(name), "{name}");
        }
    }
}
