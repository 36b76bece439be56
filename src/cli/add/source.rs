//! What a new server is made of: a program, a package, or an address elsewhere.

use serde::Serialize;

/// Where a server comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    /// A program with its arguments.
    Program(Vec<String>),
    /// A package of npm: its name with its version, and arguments.
    Npm(String, Vec<String>),
    /// The same of PyPI.
    Pypi(String, Vec<String>),
    /// An MCP endpoint elsewhere.
    Remote(String),
}

/// The keys of its `server.toml`, in this order.
#[derive(Debug, Serialize)]
pub(super) struct Keys {
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    args: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl Source {
    /// The name, if one stands before the source, and the source.
    ///
    /// # Errors
    /// The words say nothing that could be started.
    pub(super) fn of(words: &[String]) -> Result<(Option<String>, Source), String> {
        let [first, rest @ ..] = words else { return Err("nothing is said of the server".into()) };
        if let Some(source) = Source::named(first, rest)? {
            return Ok((None, source));
        }
        let [program, arguments @ ..] = rest else {
            return Err(format!(
                "what is {first} to run? mcp-proxy add {first} -- COMMAND [ARGUMENTS], or npm:PACKAGE, pypi:PACKAGE, https://URL"
            ));
        };
        let source = Source::named(program, arguments)?;
        Ok((Some(first.clone()), source.unwrap_or_else(|| Source::Program(rest.to_vec()))))
    }

    /// What a word with a scheme stands for.
    fn named(word: &str, arguments: &[String]) -> Result<Option<Source>, String> {
        let arguments = arguments.to_vec();
        let source = match word.split_once(':') {
            Some(("npm", package)) => Source::Npm(package.to_string(), arguments),
            Some(("pypi", package)) => Source::Pypi(package.to_string(), arguments),
            Some(("http" | "https", _)) if arguments.is_empty() => Source::Remote(word.to_string()),
            Some(("http" | "https", _)) => return Err("a server elsewhere takes no arguments".into()),
            _ => return Ok(None),
        };
        match &source {
            Source::Npm(package, _) | Source::Pypi(package, _) if !is_package(package) => Err(format!(
                "`{package}` is no name of a package; write {word:.4}… like npm:@scope/name@1.2.3 or pypi:name@1.2.3"
            )),
            _ => Ok(Some(source)),
        }
    }

    /// What its `server.toml` says. `cwd` is for a program that names files there.
    pub(super) fn keys(&self, cwd: Option<String>) -> Keys {
        let keys = |command: &str, first: &[&str], arguments: &[String]| Keys {
            command: Some(command.to_string()),
            args: first.iter().map(ToString::to_string).chain(arguments.iter().cloned()).collect(),
            cwd,
            url: None,
        };
        match self {
            Source::Program(words) => {
                keys(words.first().map_or("", String::as_str), &[], words.get(1..).unwrap_or_default())
            }
            // Without -y it would ask, on a pipe where nobody answers.
            Source::Npm(package, arguments) => keys("npx", &["-y", package], arguments),
            Source::Pypi(package, arguments) => keys("uvx", &[&package.replace("==", "@")], arguments),
            Source::Remote(url) => {
                Keys { command: None, args: Vec::new(), cwd: None, url: Some(url.clone()) }
            }
        }
    }

    /// What it is called if nobody says so: of the package's or host's name what tells it from others.
    pub(super) fn usual_name(&self) -> Option<String> {
        match self {
            Source::Program(_) => None,
            Source::Npm(package, _) | Source::Pypi(package, _) => Some(match short(bare(package)) {
                name if SAY_NOTHING.contains(&name.as_str()) => scope(package).map_or(name, short),
                name => name,
            }),
            Source::Remote(url) => host_name(url),
        }
    }
}

/// What many packages are called.
const SAY_NOTHING: [&str; 3] = ["mcp", "server", "mcp-server"];

fn scope(package: &str) -> Option<&str> {
    package.strip_prefix('@')?.split_once('/').map(|(scope, _)| scope)
}

/// `@scope/name@1.2.3` and `name==1.2` without scope and version.
fn bare(package: &str) -> &str {
    let name = package.trim_start_matches('@');
    let name = name.split_once('/').map_or(name, |(_, name)| name);
    name.split(['@', '=', '[']).next().unwrap_or_default()
}

/// `mcp-server-time`, `server-filesystem`, `notes-mcp` without what all servers are called.
fn short(name: &str) -> String {
    let mut rest = name;
    for affix in ["mcp-", "server-"] {
        rest = rest.strip_prefix(affix).unwrap_or(rest);
    }
    for affix in ["-server", "-mcp"] {
        rest = rest.strip_suffix(affix).unwrap_or(rest);
    }
    if rest.is_empty() || SAY_NOTHING.contains(&rest) { name.to_string() } else { rest.to_string() }
}

/// `https://mcp.example.com/mcp` is `example`.
fn host_name(url: &str) -> Option<String> {
    let url: http::Uri = url.parse().ok()?;
    let labels: Vec<&str> = url.host()?.split('.').collect();
    let is_number = labels.last().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    let [.., name, _] = labels[..] else { return None };
    (!is_number).then(|| name.to_string())
}

/// Letters that names, scopes, versions and extras of packages have; none that a shell or an option begins with.
fn is_package(package: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "@/._-=[],+~^<>".contains(letter);
    !bare(package).is_empty() && !package.starts_with(['-', '/', '.']) && package.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<(Option<String>, Source), String> {
        Source::of(&line.split(' ').map(String::from).collect::<Vec<_>>())
    }

    fn toml(line: &str) -> String {
        toml::to_string(&of(line).unwrap().1.keys(None)).unwrap()
    }

    #[test]
    fn a_source_is_told_by_its_first_words() {
        assert_eq!(toml("notes node x.js"), "command = \"node\"\nargs = [\"x.js\"]\n");
        assert_eq!(toml("notes sh"), "command = \"sh\"\n");
        assert_eq!(toml("npm:@a/b@1 /data"), "command = \"npx\"\nargs = [\"-y\", \"@a/b@1\", \"/data\"]\n");
        assert_eq!(toml("time pypi:t==1.2"), "command = \"uvx\"\nargs = [\"t@1.2\"]\n");
        assert_eq!(toml("https://h.example/mcp"), "url = \"https://h.example/mcp\"\n");
        assert_eq!(of("far https://h.example/").unwrap().0.as_deref(), Some("far"));
        assert!(of("notes").unwrap_err().starts_with("what is notes to run?"));
        for wrong in ["npm:", "npm:-x", "pypi:a;b", "npm:../x", "npm:@a/", "https://h.example/ x"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_is_made_of_what_is_its_own() {
        for (source, name) in [
            ("npm:@modelcontextprotocol/server-filesystem@2025.1", "filesystem"),
            ("npm:mcp-server-kubernetes", "kubernetes"),
            ("npm:@playwright/mcp@latest", "playwright"),
            ("pypi:mcp-server-time==1.0", "time"),
            ("pypi:notes-mcp-server[extra]", "notes"),
            ("https://mcp.example.com/mcp", "example"),
            ("https://example.com", "example"),
        ] {
            assert_eq!(of(source).unwrap().1.usual_name().as_deref(), Some(name), "{source}");
        }
        assert_eq!(of("http://192.168.1.7:80/").unwrap().1.usual_name(), None);
        assert_eq!(of("http://localhost:80/").unwrap().1.usual_name(), None);
    }
}
