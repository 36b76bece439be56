//! Which numbers make sense, by the unit in the key's name. Far too large ones would overflow a clock or a
//! 32-bit size long after the start, where nobody connects them with the configuration.

use toml::Value;

const A_YEAR_IN_SECONDS: i64 = 365 * 24 * 3600;
const A_DAY_IN_MS: i64 = 24 * 3600 * 1000;
const LARGEST_BYTES: i64 = 2 * 1024 * 1024 * 1024 - 1;
/// Memory of others, which may be more than 32 bits can count.
const LARGEST_MEMORY: i64 = 1 << 50;
const LARGEST_COUNT: i64 = 1_000_000;

/// Keys for which 0 means "never", "not at all", "at once" or "no limit".
const MAY_BE_ZERO: [&str; 9] = [
    "stream_after_ms",
    "stream_close_after_ms",
    "idle_stop_seconds",
    "backoff_ms",
    "restart_wait_seconds",
    "stderr_lines",
    "memory_limit_bytes",
    "max_processes",
    "max_open_files",
];

/// Refuses a number out of the range its key allows; anything else passes.
pub(super) fn check(key: &str, value: &Value) -> Result<(), String> {
    let Value::Integer(number) = value else {
        return Ok(());
    };
    let least = i64::from(!MAY_BE_ZERO.contains(&key));
    let most = match key.rsplit('_').next() {
        _ if key == "memory_limit_bytes" => LARGEST_MEMORY,
        Some("seconds") => A_YEAR_IN_SECONDS,
        Some("ms") => A_DAY_IN_MS,
        Some("bytes") => LARGEST_BYTES,
        Some("port") => i64::from(u16::MAX),
        _ => LARGEST_COUNT,
    };
    if (least..=most).contains(number) {
        return Ok(());
    }
    Err(format!("{number} is out of range; use {least} to {most}"))
}
