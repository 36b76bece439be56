//! `mcp-proxy man`: the manual page, in the man(7) macros. `docs/mcp-proxy.1` is the same.

use super::help::capital;
use super::table::{COMMANDS, Entry, GLOBAL, Opt};

/// When its text was changed last.
const DATE: &str = "2026-11-29";

const HEAD: &str = r#".SH NAME
mcp\-proxy \- serves every MCP server of a folder on one HTTP port
.SH SYNOPSIS
.B mcp\-proxy
[\fICOMMAND\fR]
[\fIOPTIONS\fR]
.SH DESCRIPTION
Finds every MCP server in the folder
.IR servers ,
keeps each alive, bridges those that speak on their pipes to HTTP, and serves them all on one port, each under its name:
.I servers/notes
becomes
.IR http://127.0.0.1:3000/notes .
Without a command it serves.
.PP
An option wins over the environment, that over
.IR proxy.toml ,
that over the default.
The file has many more keys; key
.I k
of section
.I [s]
is
.B MCP_PROXY_S_K
in the environment.
"#;

const TAIL: &str = r#".SH EXIT STATUS
.TP
.B 0
All is well.
.TP
.B 1
Something is wrong or not running.
.TP
.B 2
The command line or the configuration cannot be used.
.PP
With
.B \-\-json
a fault is
.B {"error": TEXT}
on stdout, and stderr is silent.
.SH ENVIRONMENT
.TP
.B NO_COLOR
No colours, also on a terminal.
.TP
.B RUST_LOG
Sets the log level, as a whole or by target.
.SH FILES
.TP
.I proxy.toml
Configuration; needed only to change a default.
.TP
.I servers/NAME/
A server. Its own files say how it is started, or its
.IR server.toml ;
its variables stand in its
.IR .env .
.TP
.I servers/*.json
Servers of another client's configuration.
.TP
.I ~/.local/state/mcp\-proxy/
Keys, sessions and tokens, and
.I run\-PORT.json
while a proxy runs.
.SH SIGNALS
.B SIGTERM
and
.B SIGINT
end the proxy; a second one at once.
.B SIGHUP
has it look at configuration and folders again.
"#;

/// The page.
pub(super) fn page() -> String {
    let mut page = format!(
        ".\\\" Made by `mcp-proxy man` of its table of commands.\n.TH MCP\\-PROXY 1 {DATE} \"mcp-proxy {}\" \"User Commands\"\n",
        env!("CARGO_PKG_VERSION")
    );
    page += HEAD;
    page += ".SH COMMANDS\n";
    COMMANDS.iter().for_each(|entry| page += &command(entry));
    page += ".SH OPTIONS\nBefore or after any command.\n";
    GLOBAL.iter().for_each(|option| page += &global(option));
    page + TAIL
}

fn command(entry: &Entry) -> String {
    let arguments = match entry.arguments {
        "" => String::new(),
        arguments => format!(" \\fI{}\\fR", escaped(arguments)),
    };
    let mut text = format!(".SS \"{}{arguments}\"\n", escaped(entry.name));
    text += &format!("{}.\n", escaped(&capital(entry.what)));
    for paragraph in entry.more.split("\n\n") {
        text += &format!(".PP\n{}\n", escaped(paragraph));
    }
    entry.options.iter().for_each(|option| text += &item(option, option.what));
    text
}

fn global(option: &Opt) -> String {
    match option.otherwise {
        Some((variable, default)) => item(option, &format!("{} ({variable}; {default})", option.what)),
        None => item(option, option.what),
    }
}

fn item(option: &Opt, what: &str) -> String {
    let names = match option.short {
        Some(letter) => format!("\\-{letter}, \\-\\-{}", escaped(option.long)),
        None => format!("\\-\\-{}", escaped(option.long)),
    };
    let value = option.value.map(|value| format!(" \\fI{}\\fR", escaped(value))).unwrap_or_default();
    format!(".TP\n\\fB{names}\\fR{value}\n{}.\n", escaped(&capital(what)))
}

/// No letter of it is an instruction to roff.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('"', "\\(dq");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_an_instruction_by_chance() {
        assert_eq!(escaped(".env it's a-b \"x\" \\"), "\\&.env it's a\\-b \\(dqx\\(dq \\e");
        assert_eq!(escaped("'read_*'"), "\\&'read_*'");
    }
}
