//! What a server is called: its route, its label, its key in `proxy.toml`.

use super::rules::Refusal;

/// Longest name, as DNS labels have it: a name may become one.
const LONGEST: usize = 63;

/// Routes of the proxy itself.
const RESERVED: [&str; 13] = [
    ".well-known",
    "authorize",
    "token",
    "register",
    "login",
    "logout",
    "health",
    "ready",
    "servers",
    "metrics",
    "mcp",
    "api",
    "openapi.json",
];

/// The name of a server found as `raw`: lower case, with `-` for what is not `a-z 0-9 . _ -`, at most 63 letters.
pub fn server_name(raw: &str) -> String {
    raw.chars().flat_map(char::to_lowercase).map(allowed_or_dash).take(LONGEST).collect()
}

/// The name of a workspace's member: `notes` and `search` make `notes-search`.
pub(super) fn member(folder: &str, member: &str) -> String {
    format!("{folder}-{member}")
}

fn allowed_or_dash(letter: char) -> char {
    match letter {
        'a'..='z' | '0'..='9' | '.' | '_' | '-' => letter,
        _ => '-',
    }
}

/// Refuses a name that cannot be a route.
pub(super) fn check(name: &str) -> Result<(), Refusal> {
    if RESERVED.contains(&name) {
        return Err(Refusal::new(format!("/{name} is a path of the proxy itself"), "give it another name"));
    }
    if name.chars().all(|letter| letter == '.') {
        return Err(Refusal::new("its name cannot be a path", "give it a name with letters"));
    }
    Ok(())
}

/// Refuses a name that a folder's server would not have, letter by letter, or under which it would not be found.
///
/// # Errors
/// Why, and what would do.
pub fn check_folder_name(name: &str) -> Result<(), String> {
    let own = server_name(name);
    if own != name {
        return Err(format!("`{name}` cannot be a server's name; it would be called {own}"));
    }
    if name.starts_with('.') || name == "node_modules" {
        return Err(format!("a folder `{name}` is not looked at; choose another name"));
    }
    check(name).map_err(|Refusal { reason, remedy }| format!("{reason}; {remedy}"))
}

#[cfg(test)]
mod tests {
    use super::{check, check_folder_name, server_name};
    use proptest::prelude::*;

    #[test]
    fn names_are_lower_case_and_plain() {
        assert_eq!(server_name("My Server"), "my-server");
        assert_eq!(server_name("gdrive_2.0"), "gdrive_2.0");
        assert_eq!(server_name("Über"), "-ber");
        assert_eq!(server_name(&"x".repeat(80)).len(), 63);
    }

    #[test]
    fn a_folder_has_the_name_of_its_server() {
        assert!(check_folder_name("notes-2.0").is_ok());
        assert_eq!(
            check_folder_name("My Notes").unwrap_err(),
            "`My Notes` cannot be a server's name; it would be called my-notes"
        );
        for name in ["", ".notes", "node_modules", "health", "a/b"] {
            assert!(check_folder_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn our_own_paths_are_reserved() {
        assert!(check("health").is_err() && check("..").is_err() && check("").is_err());
        assert!(check("healthy").is_ok());
    }

    proptest! {
        #[test]
        fn a_name_is_always_valid(raw in "\\PC{0,100}") {
            let name = server_name(&raw);
            prop_assert!(name.len() <= 63);
            prop_assert!(name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-')));
            prop_assert_eq!(server_name(&name), name);
        }
    }
}
