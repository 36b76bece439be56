//! The clock: tokens and sessions have times, certificates too.

use super::{Finding, Patient};
use std::time::{Duration, SystemTime};

const SUBJECT: &str = "clock";
const CURE: &str = "set it, and have it kept: timedatectl set-ntp true, or chrony; a board without a battery needs that at every start";

pub(super) fn look(_: &Patient) -> Vec<Finding> {
    let now = SystemTime::now();
    let built = std::env::current_exe().and_then(|program| program.metadata()?.modified());
    let shown = humantime::format_rfc3339_seconds(now);
    // A day: the file may come from another time zone's idea of now.
    match built {
        Ok(built) if built > now + Duration::from_secs(24 * 3600) => {
            let built = humantime::format_rfc3339_seconds(built);
            vec![Finding::wrong(
                SUBJECT,
                format!("it is {shown}, before this program was written ({built})"),
                CURE,
            )]
        }
        _ => vec![Finding::ok(SUBJECT, shown.to_string())],
    }
}

/// Beside the clock of a server that has just answered with this `Date`.
pub(super) fn beside(date: SystemTime, host: &str) -> Option<Finding> {
    const TOLERANCE: Duration = Duration::from_secs(60);
    let now = SystemTime::now();
    let drift = now.duration_since(date).unwrap_or_else(|error| error.duration());
    let direction = if now > date { "ahead of" } else { "behind" };
    (drift > TOLERANCE).then(|| {
        Finding::warning(SUBJECT, format!("it is {} s {direction} that of {host}", drift.as_secs()), CURE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::State;

    #[test]
    fn a_minute_is_nothing_and_an_hour_is_said() {
        let ago = |seconds| SystemTime::now() - Duration::from_secs(seconds);
        assert_eq!(beside(ago(30), "h"), None);
        let late = beside(ago(3600), "h").unwrap();
        assert_eq!(late.state, State::Warning);
        assert!(late.found.contains("ahead of that of h"), "{late:?}");
        assert!(beside(ago(0) + Duration::from_secs(3600), "h").unwrap().found.contains("behind"));
    }
}
