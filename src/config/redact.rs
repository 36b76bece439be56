//! What is a secret, and command lines and addresses without those that people put into them: what is printed and
//! logged gets into bug reports.
//!
//! Secrets are: every value of `.env`, `env_from_files`, credentials and header fields; of variables and arguments those
//! that are named like one; passwords inside URLs. What is none, wherever it stands: see [`may_be_secret`].

use super::Environment;
use super::spec::{Launch, ServerSpec};
use crate::secrets::MASK;
use std::net::IpAddr;
use std::path::Path;

const SECRET: [&str; 6] = ["key", "token", "secret", "pass", "auth", "credential"];

/// The arguments, with the values of `--api-key VALUE`, `TOKEN=VALUE` and `Authorization: VALUE` masked.
pub(crate) fn arguments(arguments: &[String]) -> Vec<String> {
    let mut after_secret_flag = false;
    let mut masked = Vec::new();
    for argument in arguments {
        masked.push(if after_secret_flag { MASK.to_string() } else { one(argument) });
        after_secret_flag = argument.starts_with('-') && is_secret(argument) && !argument.contains('=');
    }
    masked
}

fn one(argument: &str) -> String {
    if argument.contains("://") {
        return url(argument);
    }
    match argument.find(['=', ':']) {
        Some(at) if is_secret(&argument[..at]) => format!("{}{MASK}", &argument[..=at]),
        _ => argument.to_string(),
    }
}

/// Whether a variable, flag or field of that name is likely to hold a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}

/// A URL without user, password and query.
pub(crate) fn url(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let (rest, query) = rest.split_once(['?', '#']).map_or((rest, ""), |(rest, _)| (rest, "?***"));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}{query}")
}

/// Whether masking a value makes sense: not that of an existing path, an address or a word that stands in every second
/// `.env`, which are no secrets and would make log lines unreadable.
pub(crate) fn may_be_secret(value: &str) -> bool {
    let is_path = || value.starts_with('/') && Path::new(value).exists();
    let is_address = || value.parse::<IpAddr>().is_ok();
    !matches!(value, "localhost" | "production" | "development") && !is_address() && !is_path()
}

/// Of variables, the values that are secrets by their name or by what they hold.
pub(crate) fn secret_values(variables: &Environment) -> impl Iterator<Item = String> {
    let values = variables.iter().flat_map(|(name, value)| {
        let whole = Some(value.clone()).filter(|_| is_secret(name));
        whole.into_iter().chain(passwords(value))
    });
    values.filter(|value| may_be_secret(value))
}

/// The secrets in the specification of a server itself: in its arguments, its variables, its URL and header fields.
pub(crate) fn secrets_of(spec: &ServerSpec) -> Vec<String> {
    let mut all = Vec::new();
    match &spec.launch {
        Launch::Child(child) => {
            all.extend(secret_values(&child.env));
            for way in &child.ways {
                all.extend(secret_values(&way.env));
                all.extend(secret_arguments(&way.args));
            }
        }
        Launch::Remote(remote) => {
            all.extend(passwords(&remote.url.to_string()));
            for value in remote.headers.values() {
                // `Bearer TOKEN` is a secret, and so is TOKEN.
                all.push(value.clone());
                all.extend(value.split_once(' ').map(|(_, token)| token.to_string()));
            }
        }
    }
    all.retain(|value| may_be_secret(value));
    all
}

/// The values that [`arguments`] masks, and passwords in URLs.
fn secret_arguments(arguments: &[String]) -> Vec<String> {
    let mut after_secret_flag = false;
    let mut found = Vec::new();
    for argument in arguments {
        match argument.find(['=', ':']) {
            _ if after_secret_flag => found.push(argument.clone()),
            _ if argument.contains("://") => {}
            Some(at) if is_secret(&argument[..at]) => found.push(argument[at + 1..].trim().to_string()),
            _ => {}
        }
        found.extend(passwords(argument));
        after_secret_flag = argument.starts_with('-') && is_secret(argument) && !argument.contains('=');
    }
    found
}

/// What a URL holds of secrets: the password of its user, and what its query says under a secret's name.
fn passwords(text: &str) -> Vec<String> {
    let Some((_, rest)) = text.split_once("://") else { return Vec::new() };
    let (rest, query) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    let authority = rest.split('/').next().unwrap_or_default();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    let password = user.map(|user| user.split_once(':').map_or(user, |(_, password)| password));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let named = pairs.filter(|(name, _)| is_secret(name)).map(|(_, value)| value);
    password.into_iter().chain(named).map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ServerTable;
    use crate::config::spec::RemoteSpec;

    fn masked(line: &str) -> String {
        arguments(&line.split(' ').map(str::to_string).collect::<Vec<_>>()).join(" ")
    }

    #[test]
    fn secrets_are_masked_and_the_rest_stays() {
        assert_eq!(masked("x.js --port 1 --api-key s3 --dir /a"), "x.js --port 1 --api-key *** --dir /a");
        assert_eq!(masked("--token=s3 STEAM_KEY=s3 A=b"), "--token=*** STEAM_KEY=*** A=b");
        assert_eq!(arguments(&["Authorization: Bearer s3".to_string()]), ["Authorization:***"]);
        assert_eq!(masked("postgres://u:s3@h/db"), "postgres://h/db");
    }

    #[test]
    fn urls_keep_host_and_path() {
        assert_eq!(url("https://u:p@h:1/mcp?apiKey=s3"), "https://h:1/mcp?***");
        assert_eq!(url("http://h/mcp"), "http://h/mcp");
        assert_eq!(url("http://h?k=s3@x"), "http://h?***");
    }

    #[test]
    fn secrets_of_arguments_are_known_by_their_names() {
        let line =
            "x.js --api-key s1 --dir a --token=s2 STEAM_KEY=s3 postgres://u:s4@h/db http://h/?a=b&apiKey=s5";
        let arguments: Vec<String> = line.split(' ').map(str::to_string).collect();
        assert_eq!(secret_arguments(&arguments), ["s1", "s2", "s3", "s4", "s5"]);
        assert_eq!(secret_arguments(&["Authorization: Bearer s".to_string()]), ["Bearer s"]);
    }

    #[test]
    fn secrets_of_variables_are_known_by_their_names() {
        let pairs =
            [("API_KEY", "s1"), ("KEYS", "/etc"), ("DIR", "x"), ("DB", "pg://u:s2@h"), ("PASS", "::1")];
        let variables = pairs.map(|(name, value)| (name.to_string(), value.to_string())).into();
        assert_eq!(secret_values(&variables).collect::<Vec<_>>(), ["s1", "s2"]);
    }

    #[test]
    fn all_that_is_sent_to_a_server_elsewhere_is_secret() {
        let remote = RemoteSpec {
            url: "https://h/mcp?a=b&token=s1".parse().unwrap(),
            headers: [("Authorization".to_string(), "Bearer s2".to_string())].into(),
        };
        let options = ServerTable::default().options(&Default::default());
        let (name, origin) = ("far".to_string(), String::new());
        let spec = ServerSpec { name, origin, launch: Launch::Remote(remote), options };
        assert_eq!(secrets_of(&spec), ["s1", "Bearer s2", "s2"]);
    }
}
