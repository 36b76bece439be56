//! The environment twin of each key: `[limits] max_calls` is `MCP_PROXY_LIMITS_MAX_CALLS`.

use std::collections::BTreeMap;
use toml::{Table, Value};

/// The environment as a value, so that tests need not change the real one.
pub type Environment = BTreeMap<String, String>;

/// Names the configuration file.
pub(super) const CONFIG: &str = "MCP_PROXY_CONFIG";
/// Twin of `--dev`.
pub(super) const DEV: &str = "MCP_PROXY_DEV";
/// All our variables begin so.
pub(super) const PREFIX: &str = "MCP_PROXY_";

/// The environment of this process. Variables that are not UTF-8 cannot be ours and are left out.
pub fn environment() -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The twin's name. `[proxy]` is left out of it.
pub(super) fn twin(section: &str, key: &str) -> String {
    let name = if section == "proxy" { key.to_string() } else { format!("{section}_{key}") };
    format!("{PREFIX}{}", name.to_uppercase())
}

/// Every key there is, as (section, key, default).
pub(super) fn keys(known: &Table) -> impl Iterator<Item = (&str, &str, &Value)> {
    known.iter().filter_map(|(section, table)| Some((section.as_str(), table.as_table()?))).flat_map(
        move |(section, table)| table.iter().map(move |(key, value)| (section, key.as_str(), value)),
    )
}

/// Reads a variable as the type its key's default has; a list is separated by commas.
pub(super) fn typed(text: &str, default: &Value) -> Result<Value, String> {
    let text = text.trim();
    Ok(match default {
        Value::Integer(_) => {
            Value::Integer(text.parse().map_err(|_| "a whole number is expected here".to_string())?)
        }
        Value::Boolean(_) => Value::Boolean(truth(text)?),
        Value::Array(_) => text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(Value::from)
            .collect::<Vec<_>>()
            .into(),
        _ => Value::from(text),
    })
}

/// Reads `true`, `1`, `false` or `0`.
pub(super) fn truth(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("true or false is expected here".to_string()),
    }
}
