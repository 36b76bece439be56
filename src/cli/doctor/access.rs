//! Who may call, and what is spoken with them.

use super::{Finding, Patient};
use crate::app;
use crate::auth::{Tokens, admit};
use crate::config::{AuthMode, read_small};
use crate::http::certificate_ends;
use std::time::{Duration, SystemTime};

const CERTIFICATE: &str = "certificate";
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    let mut all = vec![callers(patient)];
    all.extend(certificate(patient));
    all
}

fn callers(patient: &Patient) -> Finding {
    const SUBJECT: &str = "access";
    let (loaded, config) = (&patient.loaded, &patient.loaded.config);
    let file = (!config.auth.token_file.is_empty()).then(|| loaded.dir.join(&config.auth.token_file));
    let tokens = match Tokens::open(&patient.state_dir, file) {
        Ok(tokens) => tokens,
        Err(problem) => return Finding::wrong(SUBJECT, problem, "correct the file, or leave it out"),
    };
    let (listen, url) = (config.proxy.listen, &config.proxy.public_url);
    let reachable = match listen.ip().to_canonical().is_loopback() {
        false => Some(listen.to_string()),
        true => (!url.is_empty()).then(|| format!("{url} (public_url)")),
    };
    let cure = "mcp-proxy token new, then mode = \"auto\" in [auth]";
    match (admit(&config.auth, &tokens, reachable.as_deref()), &reachable) {
        (Err(problem), _) => Finding::wrong(SUBJECT, problem, cure),
        (Ok(()), Some(place)) if config.auth.mode == AuthMode::None => {
            Finding::warning(SUBJECT, format!("everyone who can reach {place} can call all tools"), cure)
        }
        (Ok(()), Some(place)) => Finding::ok(SUBJECT, format!("{place} asks everyone for a token or OAuth")),
        (Ok(()), None) if tokens.are_in_use() => Finding::ok(SUBJECT, "only this machine, with a token"),
        (Ok(()), None) => Finding::ok(SUBJECT, "only programs on this machine, without a token"),
    }
}

fn certificate(patient: &Patient) -> Option<Finding> {
    let (tls, dir) = (&patient.loaded.config.tls, &patient.loaded.dir);
    match app::check_certificate(tls, dir) {
        Ok(false) => None,
        Ok(true) => {
            let pem = read_small(&dir.join(&tls.cert)).unwrap_or_default();
            Some(certificate_ends(pem.as_bytes()).map_or_else(well, |end| lasting(end, SystemTime::now())))
        }
        Err(problem) => Some(Finding::wrong(CERTIFICATE, problem, "correct [tls] or the files it names")),
    }
}

fn well() -> Finding {
    Finding::ok(CERTIFICATE, "certificate and key belong together")
}

/// Who renews them does so a month before; two weeks before the end nobody has.
fn lasting(end: SystemTime, now: SystemTime) -> Finding {
    let cure = "renew it (certbot renew, or whoever issued it); the proxy takes up the new files by itself";
    let day = humantime::format_rfc3339_seconds(end).to_string();
    let day = day.split('T').next().unwrap_or_default();
    match end.duration_since(now) {
        Err(_) => Finding::wrong(CERTIFICATE, format!("it has expired on {day}"), cure),
        Ok(left) if left < SOON => Finding::warning(CERTIFICATE, format!("it expires on {day}"), cure),
        Ok(_) => Finding::ok(CERTIFICATE, format!("it holds until {day}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::doctor::State;

    #[test]
    fn an_end_that_is_near_is_said() {
        let now = SystemTime::now();
        let state = |end| lasting(end, now).state;
        assert_eq!(state(now + 2 * SOON), State::Ok);
        assert_eq!(state(now + SOON / 2), State::Warning);
        assert_eq!(state(now - SOON), State::Wrong);
    }
}
