//! What belongs to one server on the page: its buttons, how a client gets to it, its tools, its log.

use super::snippets::{self, Snippet};
use super::view::{View, Viewer};
use crate::front::html::escaped;
use serde_json::Value;

/// Buttons, and behind a fold the rest; one log is open at a time, for browsers keep few connections to one place. Where only what changes is asked for, that is left out.
pub(super) fn more(view: &View<'_>, entry: &Value, is_whole: bool) -> String {
    let name = escaped(entry["name"].as_str().unwrap_or_default());
    let inside = if is_whole { inside(view, entry, &name) } else { String::new() };
    format!(
        "{}<details><summary>Connect, tools, log<span class=\"away\"> of {name}</span></summary>\n<div class=\"inside\" data-keep>{inside}</div></details>",
        buttons(view, entry, &name)
    )
}

/// Those that make sense now.
fn buttons(view: &View<'_>, entry: &Value, name: &str) -> String {
    let Viewer::Owner(word) = view.viewer else { return String::new() };
    let is_down = matches!(entry["state"].as_str(), Some("stopped" | "stopping"));
    let rests = is_down && entry["reason"] == "asleep";
    let button = |action: &str, label: &str, is_shown: bool| {
        let hidden = if is_shown { "" } else { " hidden" };
        format!(
            "<button formaction=\"{}/api/servers/{name}/{action}\" data-action=\"{action} {name}\"{hidden}>{label}<span class=\"away\"> {name}</span></button>",
            escaped(view.prefix)
        )
    };
    format!(
        "<form method=\"post\"><input type=\"hidden\" name=\"word\" value=\"{}\">{}{}{}</form>",
        escaped(word),
        button(
            "restart",
            "Restart",
            !is_down || !matches!(entry["reason"].as_str(), Some("requested" | "asleep"))
        ),
        button("start", "Start", is_down),
        button("stop", "Stop", !is_down || rests || entry["reason"] != "requested"),
    )
}

fn inside(view: &View<'_>, entry: &Value, name: &str) -> String {
    let url = entry["url"].as_str().unwrap_or_default();
    let prefix = escaped(view.prefix);
    let plain = entry["name"].as_str().unwrap_or_default();
    let snippets: String =
        snippets::of(plain, url, view.with_token).iter().map(|snippet| shown(snippet, name)).collect();
    format!(
        "<p>URL <code>{}</code> {COPY}</p>\n{snippets}\
         <details data-load=\"tools\" data-url=\"{prefix}/api/{name}/tools\"><summary>Tools</summary>\n\
         <div class=\"out\"><p><a href=\"{prefix}/api/{name}/tools\">as JSON</a></p></div></details>\n\
         <details name=\"log\" data-load=\"log\" data-url=\"{prefix}/{name}/logs\"><summary>Log</summary>\n\
         <pre class=\"out\" tabindex=\"0\" role=\"log\" aria-live=\"off\" aria-label=\"Log of {name}\"></pre>\
         <p><a href=\"{prefix}/{name}/logs\">as text</a></p></details>\n{}",
        escaped(url),
        processes(entry)
    )
}

const COPY: &str = "<button type=\"button\" class=\"copy\">Copy</button>";

fn shown(snippet: &Snippet, name: &str) -> String {
    format!(
        "<details name=\"client-{name}\"><summary>{}</summary>\n<div><p class=\"soft\">{}</p>\n<pre tabindex=\"0\"><code>{}</code></pre>{COPY}</div></details>\n",
        snippet.client,
        snippet.place,
        escaped(&snippet.text)
    )
}

/// Its children, one by one.
fn processes(entry: &Value) -> String {
    let child = |child: &Value| {
        let era = child["era"].as_str().map(|era| format!(" {era}")).unwrap_or_default();
        let session = child["session"].as_str().map(|session| format!(", session {session}…"));
        escaped(&format!("{}{era}{}", child["pid"], session.unwrap_or_default()))
    };
    let all: Vec<String> = entry["children"].as_array().into_iter().flatten().map(child).collect();
    match all.is_empty() {
        true => String::new(),
        false => format!("<p class=\"soft\">Processes when this page was loaded: {}</p>\n", all.join("; ")),
    }
}
