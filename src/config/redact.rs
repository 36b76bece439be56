//! Command lines and addresses without the secrets people put into them: what is printed and logged gets into bug
//! reports.

/// What stands in a secret's place.
const MASK: &str = "***";
/// Shorter values are words like `true` and numbers.
const SHORTEST: usize = 8;
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

/// The text with these values masked; shorter ones than a secret has are left alone.
pub(crate) fn values(text: &str, secrets: &[String]) -> String {
    let long = secrets.iter().filter(|secret| secret.len() >= SHORTEST);
    long.fold(text.to_string(), |text, secret| text.replace(secret.as_str(), MASK))
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

#[cfg(test)]
mod tests {
    use super::{arguments, url, values};

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
    fn values_are_masked_wherever_they_stand() {
        let secrets = ["12345678".to_string(), "1".to_string()];
        assert_eq!(values("a=12345678,1", &secrets), "a=***,1");
    }

    #[test]
    fn urls_keep_host_and_path() {
        assert_eq!(url("https://u:p@h:1/mcp?apiKey=s3"), "https://h:1/mcp?***");
        assert_eq!(url("http://h/mcp"), "http://h/mcp");
        assert_eq!(url("http://h?k=s3@x"), "http://h?***");
    }
}
