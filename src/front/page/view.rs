//! The page as text: the template, and in its slots what `/servers` says. Pure. Whatever is shown has come from
//! outside once, so all of it is escaped.

use super::figures::{bytes, count, milliseconds, percent, uptime};
use super::server;
use super::standing::{self, Standing};
use crate::front::html::{Policy, escaped, strong};
use crate::log::printable;
use serde_json::Value;
use std::time::SystemTime;

/// One file: style, script and slots like `{{main}}`.
const TEMPLATE: &str = include_str!("page.html");

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Viewer<'v> {
    /// Has not signed in, and need not to look.
    Anyone,
    /// May look; the forms bring this word back.
    Guest(&'v str),
    /// May command as well.
    Owner(&'v str),
    /// Brings another credential with each request, which no form can.
    Program,
}

impl Viewer<'_> {
    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Viewer::Guest(word) | Viewer::Owner(word) => Some(word),
            Viewer::Anyone | Viewer::Program => None,
        }
    }
}

/// What is shown, and to whom.
pub(super) struct View<'v> {
    /// The body of `/servers`.
    pub report: &'v Value,
    pub viewer: Viewer<'v>,
    /// What stands before our paths.
    pub prefix: &'v str,
    /// Whether clients have to bring a token.
    pub with_token: bool,
    pub now: SystemTime,
}

/// What the browser may do with it.
pub(super) fn policy() -> Policy<'static> {
    let between = |open: &str, close: &str| {
        let (_, rest) = TEMPLATE.split_once(open).unwrap_or_default();
        rest.split_once(close).map_or("", |(inner, _)| inner)
    };
    let (style, script) = (between("<style>", "</style>"), between("<script>", "</script>"));
    Policy { style, script, form_action: "'self'" }
}

impl View<'_> {
    /// The whole page.
    pub(super) fn whole(&self) -> String {
        let main = self.main(true);
        fill(TEMPLATE, |slot| match slot {
            "base" => escaped(self.prefix),
            "title" => escaped(&self.title()),
            "version" => env!("CARGO_PKG_VERSION").to_string(),
            "account" => self.account(),
            "main" => main.clone(),
            _ => self.time(),
        })
    }

    /// What changes of it while somebody looks.
    pub(super) fn live(&self) -> String {
        let (title, main, time) = (escaped(&self.title()), self.main(false), self.time());
        format!("<title>{title}</title>\n<main id=\"main\">\n{main}\n</main>\n<p id=\"time\">{time}</p>\n")
    }

    fn entries(&self) -> &[Value] {
        self.report["servers"].as_array().map_or(&[], Vec::as_slice)
    }

    fn left_out(&self) -> &[Value] {
        self.report["left_out"].as_array().map_or(&[], Vec::as_slice)
    }

    fn title(&self) -> String {
        format!("{} – MCP Proxy", self.summary().trim_end_matches('.'))
    }

    /// How things are, in a sentence.
    fn summary(&self) -> String {
        let all = self.entries().len();
        let ill = self.entries().iter().filter(|entry| standing::of(entry).trouble.is_some()).count();
        match (all, ill, self.left_out().len()) {
            (0, _, 0) => "No server yet.".to_string(),
            (0, _, _) => "No server is served.".to_string(),
            (1, 0, 0) => "The server is well.".to_string(),
            (_, 0, 0) => format!("All {all} servers are well."),
            (_, 0, 1) => "One folder is left out.".to_string(),
            (_, 0, out) => format!("{out} folders are left out."),
            (1, ..) => "The server needs attention.".to_string(),
            (_, 1, _) => format!("1 of {all} servers needs attention."),
            _ => format!("{ill} of {all} servers need attention."),
        }
    }

    fn main(&self, is_whole: bool) -> String {
        let mut text = format!("<h2 id=\"summary\">{}</h2>\n", escaped(&self.summary()));
        text += &self.problems();
        if self.entries().is_empty() {
            text += FIRST;
        } else {
            text += &self.table(is_whole);
        }
        text
    }

    /// What is wrong comes first.
    fn problems(&self) -> String {
        let ill = self.entries().iter().filter_map(|entry| {
            let trouble = standing::of(entry).trouble?;
            let name = entry["name"].as_str().unwrap_or_default();
            let said = entry["said"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let lines: Vec<String> = entry["last_error"]
                .as_str()
                .into_iter()
                .chain(said)
                .map(|line| escaped(&printable(line)))
                .collect();
            let lines = match lines.is_empty() {
                true => String::new(),
                false => format!(
                    "\n<p>Last error, and what it said last:</p>\n<pre tabindex=\"0\">{}</pre>",
                    lines.join("\n")
                ),
            };
            let (name, what) = (strong(name), escaped(&trouble.what));
            Some(format!("<li>\n<p>{name}: {what}</p>{lines}\n<p>{}</p>\n</li>\n", escaped(trouble.cure)))
        });
        let out = self.left_out().iter().map(|out| {
            let text = |key: &str| escaped(&printable(out[key].as_str().unwrap_or_default()));
            let (name, place) = (strong(out["name"].as_str().unwrap_or_default()), text("place"));
            format!(
                "<li>\n<p>{name} (<code>{place}</code>) is left out: {}.</p>\n<p>What to do: {}.</p>\n</li>\n",
                text("reason"),
                text("remedy")
            )
        });
        let all: String = ill.chain(out).collect();
        match all.is_empty() {
            true => String::new(),
            false => format!(
                "<section id=\"problems\" aria-labelledby=\"attention\">\n<h2 id=\"attention\">Needs attention</h2>\n<ul>\n{all}</ul>\n</section>\n"
            ),
        }
    }

    fn table(&self, is_whole: bool) -> String {
        let heads = HEADS.map(|head| format!("<th scope=\"col\" role=\"columnheader\">{head}</th>")).concat();
        let rows: String = self.entries().iter().map(|entry| self.row(entry, is_whole)).collect();
        format!(
            "<table id=\"servers\" role=\"table\">\n<caption class=\"away\">Servers</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">{heads}</tr></thead>\n{rows}</table>\n"
        )
    }

    /// A server: its figures, and below them what belongs to it. The roles are said although a table has them: where the
    /// style makes a card of it, browsers forget them.
    fn row(&self, entry: &Value, is_whole: bool) -> String {
        let text = |key: &str| escaped(entry[key].as_str().unwrap_or_default());
        let (name, standing) = (text("name"), standing::of(entry));
        let (state, health) =
            (state_cell(&standing, entry), cell("Health", " class=\"health\"", &text("health")));
        let figures: String =
            self.figures(entry).iter().map(|(head, figure)| cell(head, "", figure)).collect();
        let more = server::more(self, entry, is_whole);
        format!(
            "<tbody id=\"server-{name}\" role=\"rowgroup\" class=\"{mark}\" data-says=\"{name} is {word}\">\n\
             <tr role=\"row\"><th scope=\"row\" role=\"rowheader\">{name}{kind}</th>{state}{health}{figures}</tr>\n\
             <tr role=\"row\" class=\"more\"><td role=\"cell\" colspan=\"{columns}\">{more}</td></tr>\n</tbody>\n",
            mark = standing.mark,
            word = escaped(&standing.word),
            kind = kind(entry),
            columns = HEADS.len(),
        )
    }

    fn figures(&self, entry: &Value) -> [(&'static str, String); 10] {
        let figures = &entry["figures"];
        let of_processes = |key: &str| if figures["processes"] == 0 { &Value::Null } else { &figures[key] };
        let children = entry["children"].as_array().map_or(0, Vec::len);
        [
            ("Uptime", uptime(entry, self.now)),
            ("Restarts", count(&entry["restarts"])),
            ("Memory", bytes(of_processes("memory_bytes"))),
            ("CPU", percent(of_processes("cpu_percent"))),
            ("Calls", count(&figures["calls"])),
            ("Errors", count(&figures["errors"])),
            ("p50", milliseconds(&figures["p50_ms"])),
            ("p99", milliseconds(&figures["p99_ms"])),
            ("Sessions", count(&entry["sessions"])),
            ("Children", children.to_string()),
        ]
    }

    /// Who is signed in, and the way in or out.
    fn account(&self) -> String {
        let prefix = escaped(self.prefix);
        let who = match self.viewer {
            Viewer::Anyone => {
                return format!(
                    "<a class=\"button\" href=\"{prefix}/login\">Sign in to start and stop servers</a>"
                );
            }
            Viewer::Program => return "<span></span>".to_string(),
            Viewer::Guest(_) => "You may look, not command",
            Viewer::Owner(_) => "Signed in",
        };
        let word = self.viewer.word().map(escaped).unwrap_or_default();
        format!(
            "<form method=\"post\" action=\"{prefix}/logout\"><input type=\"hidden\" name=\"word\" value=\"{word}\"><span class=\"soft\">{who}</span> <button>Sign out</button></form>"
        )
    }

    fn time(&self) -> String {
        format!("As of {}", humantime::format_rfc3339_seconds(self.now))
    }
}

const HEADS: [&str; 13] = [
    "Server", "State", "Health", "Uptime", "Restarts", "Memory", "CPU", "Calls", "Errors", "p50", "p99",
    "Sessions", "Children",
];

/// `stdio`, `http` or `remote`, once it is known.
fn kind(entry: &Value) -> String {
    let kind = entry["kind"].as_str().filter(|kind| *kind != "unknown");
    kind.map(|kind| format!(" <small>{}</small>", escaped(kind))).unwrap_or_default()
}

fn state_cell(standing: &Standing, entry: &Value) -> String {
    let reason = entry["reason"].as_str().filter(|_| standing.trouble.is_some());
    let reason = reason.map(|reason| format!(" <small>{}</small>", escaped(reason))).unwrap_or_default();
    cell("State", " class=\"state\"", &format!("<span>{}</span>{reason}", escaped(&standing.word)))
}

fn cell(head: &str, class: &str, inner: &str) -> String {
    format!("<td role=\"cell\"{class} data-label=\"{head}\">{inner}</td>")
}

/// Fills the slots in one pass: what stands in one is no slot again.
fn fill(template: &str, slot: impl Fn(&str) -> String) -> String {
    let mut parts = template.split("{{");
    let mut text = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or((part, ""));
        text += &slot(name);
        text += rest;
    }
    text
}

/// What an empty folder needs.
const FIRST: &str = "<section id=\"first\">
<h2>Add your first server</h2>
<p>A package of npm or PyPI, an address, or a command:</p>
<pre tabindex=\"0\"><code>mcp-proxy add npm:@modelcontextprotocol/server-memory
mcp-proxy reload</code></pre>
<p>Or put a server's folder into the servers folder (<code>servers/</code>, or what <code>--servers</code> says), then <code>mcp-proxy reload</code>. Its name becomes its path: <code>servers/notes</code> is served at <code>/notes</code>. Node, Python, Rust and Go projects and executables are recognised as they are; anything else is said in a <code>server.toml</code>.</p>
<p><code>mcp-proxy check</code> says what was found, how it would start, and what is missing.</p>
</section>
";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn view<'v>(report: &'v Value, viewer: Viewer<'v>) -> View<'v> {
        View { report, viewer, prefix: "", with_token: true, now: SystemTime::UNIX_EPOCH }
    }

    #[test]
    fn a_slot_is_filled_once() {
        let text = fill("a {{x}} b {{y}} c", |slot| match slot {
            "x" => "{{y}}".to_string(),
            _ => "Y".to_string(),
        });
        assert_eq!(text, "a {{y}} b Y c");
    }

    #[test]
    fn style_and_script_are_those_of_the_template() {
        let policy = policy();
        assert!(policy.style.contains("color-scheme") && policy.script.contains("'use strict'"));
        assert!(!policy.style.contains("{{") && !policy.script.contains("{{"));
        assert!(TEMPLATE.len() <= 40 * 1024, "{}", TEMPLATE.len());
        assert!(
            !TEMPLATE.contains("http://") && !TEMPLATE.contains("https://"),
            "nothing comes from elsewhere"
        );
    }

    #[test]
    fn a_sentence_says_how_things_are() {
        let entry = |reason: Option<&str>| json!({"name": "a", "state": if reason.is_some() { "stopped" } else { "ready" }, "reason": reason});
        let say = |servers: Vec<Value>, out: usize| {
            view(&json!({"servers": servers, "left_out": vec![json!({}); out]}), Viewer::Anyone).summary()
        };
        assert_eq!(say(vec![], 0), "No server yet.");
        assert_eq!(say(vec![entry(None)], 0), "The server is well.");
        assert_eq!(say(vec![entry(None), entry(Some("asleep"))], 0), "All 2 servers are well.");
        assert_eq!(say(vec![entry(None), entry(Some("exited(3)"))], 1), "1 of 2 servers needs attention.");
        assert_eq!(say(vec![entry(None)], 2), "2 folders are left out.");
    }

    proptest! {
        /// Whatever stands in a report: the page has the tags that it has with plain letters there.
        #[test]
        fn nothing_of_a_report_becomes_markup(text in "\\PC*|[<>\"'&={}a-z /-]*") {
            let tags = |text: &str| {
                let entry = json!({
                    "name": text, "kind": text, "url": text, "state": "stopped", "reason": format!("x{text}"),
                    "health": text, "since": text, "restarts": 1, "last_error": text, "sessions": 1, "said": [text],
                    "children": [{"pid": 1, "era": text, "session": text}],
                });
                let out = json!({"name": text, "place": text, "reason": text, "remedy": text});
                let report = json!({"servers": [entry], "left_out": [out]});
                let page = view(&report, Viewer::Owner("word")).whole();
                page.matches('<').count()
            };
            prop_assert_eq!(tags(&text), tags("x"));
        }
    }
}
