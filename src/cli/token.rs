//! `mcp-proxy token`: what clients prove themselves by. Works on the state folder, whether a proxy runs or not.

use super::arguments::{NewToken, TokenCommand};
use super::base_url;
use crate::auth::oauth::{Grant, Grants, Resource};
use crate::auth::{Book, Scope, TokenEntry};
use crate::config::{Loaded, Pattern, environment, state_dir};
use crate::ledger::now;
use serde_json::json;
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is printed on stdout; of a new token only that.
///
/// # Errors
/// It cannot be done; the text says why.
pub(super) fn carry_out(loaded: &Loaded, command: TokenCommand, as_json: bool) -> Result<String, String> {
    let folder = state_dir(&loaded.config, &loaded.dir, &environment()).map_err(|error| error.to_string())?;
    let book = Book::of(&folder);
    match command {
        TokenCommand::New(new) => make(&book, loaded, &new, as_json),
        TokenCommand::List => list(&book, &Grants::open(&folder)?, as_json),
        TokenCommand::Revoke(name) => {
            // What OAuth clients were allowed goes by the beginning of its id.
            if let Err(unknown) = book.revoke(&name)
                && !Grants::open(&folder)?.revoke(&name, now())?
            {
                return Err(unknown);
            }
            Ok(match as_json {
                true => format!("{:#}\n", json!({ "ok": true, "name": name })),
                false => format!("{name} is revoked; a running proxy refuses it within a second\n"),
            })
        }
    }
}

fn make(book: &Book, loaded: &Loaded, new: &NewToken, as_json: bool) -> Result<String, String> {
    let (servers, tools) = (patterns("--servers", &new.servers)?, patterns("--tools", &new.tools)?);
    let expires = new.expires.as_deref().map(end).transpose()?;
    let scope = Scope { servers, tools };
    let (name, token) = book.add(new.name.as_deref(), scope, expires, loaded.config.limits.max_tokens)?;
    if as_json {
        return Ok(format!("{:#}\n", json!({ "name": name, "token": *token })));
    }
    let text = explanation(&name, &base_url(loaded), book);
    let _ = io::stderr().write_all(text.as_bytes()); // nobody reads: the token is what counts
    Ok(format!("{}\n", *token))
}

fn explanation(name: &str, url: &str, book: &Book) -> String {
    format!(
        "This is the token {name}. It is shown only now; {} keeps no more than its hash.
Give it to a client, SERVER being a name of `mcp-proxy list`:

  claude mcp add --transport http SERVER {url}/SERVER --header \"Authorization: Bearer TOKEN\"

  {{ \"mcpServers\": {{ \"SERVER\": {{ \"type\": \"http\", \"url\": \"{url}/SERVER\",
      \"headers\": {{ \"Authorization\": \"Bearer TOKEN\" }} }} }} }}

From now on every client has to bring one. TOKEN is:
",
        book.file().display()
    )
}

fn patterns(option: &str, text: &Option<String>) -> Result<Vec<Pattern>, String> {
    let Some(text) = text else { return Ok(vec![Pattern::any()]) };
    let patterns: Vec<Pattern> =
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(Pattern::from).collect();
    match patterns.is_empty() {
        true => Err(format!("{option} names nothing; leave it out for all")),
        false => Ok(patterns),
    }
}

/// The end of a time that begins now, in seconds since 1970.
fn end(text: &str) -> Result<u64, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("--expires `{text}` is no time ({error}); write it like 90d or 12h"))?;
    let end = SystemTime::now().checked_add(time).and_then(|end| end.duration_since(UNIX_EPOCH).ok());
    end.filter(|_| time.as_secs() < 100 * 366 * 24 * 3600)
        .map(|end| end.as_secs())
        .ok_or_else(|| format!("--expires `{text}` is too long; leave it out for a token that never expires"))
}

fn list(book: &Book, grants: &Grants, as_json: bool) -> Result<String, String> {
    let tokens = book.read()?.unwrap_or_default();
    let grants = grants.all(now())?;
    if as_json {
        let all: Vec<_> = tokens.iter().map(|token| entry(book, token)).collect();
        let text = serde_json::to_string_pretty(
            &json!({ "tokens": all, "oauth": grants.iter().map(grant).collect::<Vec<_>>() }),
        );
        return text.map(|text| text + "\n").map_err(|error| error.to_string());
    }
    if tokens.is_empty() && grants.is_empty() {
        return Ok("there is no token; make one with: mcp-proxy token new\n".to_string());
    }
    Ok(table(book, &tokens) + &granted(&grants))
}

/// Access that clients were given by OAuth; nothing if there is none.
fn granted(grants: &[Grant]) -> String {
    let mut text = String::new();
    for grant in grants {
        let used = humantime::format_rfc3339_seconds(at(grant.used)).to_string();
        let line = format!(
            "{}  {} ({}), by OAuth, for {}, last used {}",
            grant.label(),
            grant.name,
            grant.place,
            servers(grant),
            &used[..10]
        );
        text += &(crate::log::printable(&line) + "\n");
    }
    text
}

fn servers(grant: &Grant) -> &str {
    match &grant.resource {
        Resource::All => "*",
        Resource::Server(name) => name,
    }
}

fn grant(grant: &Grant) -> serde_json::Value {
    let time = |seconds| humantime::format_rfc3339_seconds(at(seconds)).to_string();
    json!({
        "id": grant.id,
        "client": grant.name,
        "at": grant.place,
        "servers": [servers(grant)],
        "created": time(grant.issued),
        "last_used": time(grant.used),
    })
}

fn table(book: &Book, tokens: &[TokenEntry]) -> String {
    if tokens.is_empty() {
        return String::new();
    }
    let mut text = row(["NAME", "SERVERS", "TOOLS", "CREATED", "EXPIRES", "LAST USED"].map(String::from));
    for token in tokens {
        let day = |time: SystemTime| humantime::format_rfc3339_seconds(time).to_string()[..10].to_string();
        let expires = token.expires.map_or("never".to_string(), |end| match at(end) <= SystemTime::now() {
            true => format!("{} (over)", day(at(end))),
            false => day(at(end)),
        });
        let used = book.last_used(&token.name).map_or("never".to_string(), day);
        let names = [token.name.clone(), joined(&token.servers), joined(&token.tools)];
        let [name, servers, tools] = names;
        text += &row([name, servers, tools, day(at(token.created)), expires, used]);
    }
    text
}

fn entry(book: &Book, token: &TokenEntry) -> serde_json::Value {
    let time = |time: SystemTime| humantime::format_rfc3339_seconds(time).to_string();
    json!({
        "name": token.name,
        "servers": token.servers,
        "tools": token.tools,
        "created": time(at(token.created)),
        "expires": token.expires.map(|end| time(at(end))),
        "last_used": book.last_used(&token.name).map(time),
    })
}

/// Times of the file are not ours alone: one that no calendar has becomes the first there is.
fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(if seconds < 1 << 37 { seconds } else { 0 })
}

fn joined(patterns: &[Pattern]) -> String {
    patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join(",")
}

fn row([name, servers, tools, created, expires, used]: [String; 6]) -> String {
    let text = format!("{name:16}  {servers:16}  {tools:16}  {created:10}  {expires:17}  {used}");
    crate::log::printable(text.trim_end()) + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_times_are_read() {
        let read = |text: &str| patterns("--servers", &Some(text.to_string())).map(|all| joined(&all));
        assert_eq!(read(" a, b-*,"), Ok("a,b-*".to_string()));
        assert_eq!(patterns("--servers", &None).map(|all| joined(&all)), Ok("*".to_string()));
        assert!(read(" , ").is_err());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!((now + 90 * 86400..now + 90 * 86400 + 60).contains(&end("90d").unwrap()));
        for wrong in ["", "90", "soon", "1000y", "99999999999999999999d", "-1d"] {
            assert!(end(wrong).is_err(), "{wrong}");
        }
    }
}
