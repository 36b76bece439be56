//! `${VAR}` and `${VAR:-default}` in the files of other clients.

use crate::config::Environment;

/// Replaces every reference; a bare `$VAR` stays, as it does elsewhere.
///
/// # Errors
/// The name of a variable that is not set and has no default.
pub(super) fn expand(text: &str, variables: &Environment) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((reference, tail)) = after.split_once('}') else {
            break;
        };
        out.push_str(before);
        out.push_str(&value(reference, variables)?);
        rest = tail;
    }
    Ok(out + rest)
}

fn value(reference: &str, variables: &Environment) -> Result<String, String> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (reference, None),
    };
    // Some editors write `${env:VAR}`.
    let name = name.strip_prefix("env:").unwrap_or(name);
    let set = variables.get(name).filter(|value| default.is_none() || !value.is_empty());
    set.map(String::as_str).or(default).map(str::to_string).ok_or_else(|| name.to_string())
}

#[cfg(test)]
mod tests {
    use super::expand;
    use crate::config::Environment;

    #[test]
    fn references_are_replaced_where_named() {
        let variables =
            Environment::from([("A".to_string(), "1".to_string()), ("E".to_string(), String::new())]);
        let expand = |text| expand(text, &variables);
        assert_eq!(expand("x${A}y${env:A}").unwrap(), "x1y1");
        assert_eq!(expand("${B:-d}${A:-d}${E:-d}${E}").unwrap(), "d1d");
        assert_eq!(expand("$A ${A").unwrap(), "$A ${A");
        assert_eq!(expand("${NO}").unwrap_err(), "NO");
    }
}
