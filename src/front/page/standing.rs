//! How a server stands, in words for a person: what is wrong with it, and what to do about that. Pure.

use serde_json::Value;

/// How a server stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// `well`, `busy`, `rests` or `ill`: how it looks.
    pub mark: &'static str,
    /// Its state in a word or two.
    pub word: String,
    /// What is wrong, if something is.
    pub trouble: Option<Trouble>,
}

/// What is wrong with a server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub what: String,
    pub cure: &'static str,
}

/// Of an entry of `/servers`.
pub(super) fn of(entry: &Value) -> Standing {
    let text = |key: &str| entry[key].as_str().unwrap_or_default();
    let (state, reason, health) = (text("state"), text("reason"), text("health"));
    let trouble = match (state, reason) {
        ("ready", _) => silence(health),
        (_, "" | "requested" | "asleep" | "other-era" | "not-modern") => None,
        (_, reason) => Some(trouble(reason)),
    };
    let (mark, word) = match (state, reason) {
        ("ready", _) if trouble.is_some() => ("ill", state.to_string()),
        ("ready", _) => ("well", state.to_string()),
        ("stopped", "asleep" | "not-modern") => ("rests", "asleep".to_string()),
        ("stopped", "requested" | "") => ("rests", state.to_string()),
        ("stopped", _) => ("ill", state.to_string()),
        _ if trouble.is_some() => ("ill", format!("{state} again")),
        _ => ("busy", state.to_string()),
    };
    Standing { mark, word, trouble }
}

fn silence(health: &str) -> Option<Trouble> {
    let what = match health {
        "degraded" => "It runs, but has not answered the last question whether it lives.",
        "unhealthy" => "It runs, but does not answer any more; it will be restarted.",
        _ => return None,
    };
    let cure = "If it does not come back by itself: look at its log, then restart it.";
    Some(Trouble { what: what.to_string(), cure })
}

const LOOK: &str = "Its log below usually says why. Mend that, then restart it.";

fn trouble(reason: &str) -> Trouble {
    let (kind, detail) = reason.split_once('(').unwrap_or((reason, ""));
    let detail = detail.trim_end_matches(')');
    let (what, cure) = match kind {
        "exited" => (format!("It ended, with exit status {detail}."), LOOK),
        "signalled" => (format!("It was ended by signal {detail}."), LOOK),
        "spawn-failed" => (
            format!("It could not be started ({detail})."),
            "Run “mcp-proxy check” on the computer that the proxy runs on: it says what is missing.",
        ),
        "start-timeout" => (
            "It was started and did not answer in time.".to_string(),
            "Look at its log. If it only needs longer, raise its start_timeout_seconds.",
        ),
        "crash-loop" => ("It ends again and again, and is now tried only now and then.".to_string(), LOOK),
        "unhealthy" => ("It did not answer any more, and was stopped.".to_string(), LOOK),
        "over-limit" => (
            format!("It took more than {detail} allows, and was stopped."),
            "If it needs that much, raise the limit in its server.toml, then restart it.",
        ),
        "disconnected" => (
            "The connection to it was lost.".to_string(),
            "Look whether the server runs and its url is right; then restart it.",
        ),
        _ => (format!("It is down: {reason}."), LOOK),
    };
    Trouble { what, cure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn stands(state: &str, reason: Option<&str>, health: &str) -> (&'static str, String, bool) {
        let standing = of(&json!({"state": state, "reason": reason, "health": health}));
        (standing.mark, standing.word, standing.trouble.is_some())
    }

    #[test]
    fn what_is_wrong_is_told_from_what_rests() {
        for (state, reason, health, mark, word, is_ill) in [
            ("ready", None, "healthy", "well", "ready", false),
            ("ready", None, "unknown", "well", "ready", false),
            ("ready", None, "degraded", "ill", "ready", true),
            ("ready", None, "unhealthy", "ill", "ready", true),
            ("starting", None, "unknown", "busy", "starting", false),
            ("starting", Some("exited(3)"), "unknown", "ill", "starting again", true),
            ("stopping", Some("requested"), "healthy", "busy", "stopping", false),
            ("stopped", Some("requested"), "unknown", "rests", "stopped", false),
            ("stopped", Some("asleep"), "unknown", "rests", "asleep", false),
            ("stopped", Some("crash-loop"), "unknown", "ill", "stopped", true),
            ("stopped", Some("spawn-failed(exec)"), "unknown", "ill", "stopped", true),
        ] {
            assert_eq!(stands(state, reason, health), (mark, word.to_string(), is_ill), "{state} {reason:?}");
        }
    }

    #[test]
    fn trouble_says_what_happened() {
        let what = |reason: &str| trouble(reason).what;
        assert_eq!(what("exited(3)"), "It ended, with exit status 3.");
        assert_eq!(
            what("over-limit(max_processes)"),
            "It took more than max_processes allows, and was stopped."
        );
        assert_eq!(what("something-new"), "It is down: something-new.");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_put_into_words(state in "\\PC*", reason in "\\PC*", health in "\\PC*") {
            let _ = of(&json!({"state": state, "reason": reason, "health": health}));
        }
    }
}
