//! A folder as somebody put it together: its manifests, client files, scripts. Each file of the input begins with a
//! line `== PATH`. Nothing found leads out of the folder, none of the proxy's secrets is given away, and what is not
//! taken has a reason and a remedy.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_proxy::fuzzing::look;
use std::collections::BTreeMap;

const SECRET: &str = "S3CRET-of-the-proxy";

fn files(text: &str) -> Vec<(&str, &str)> {
    let parts = text.strip_prefix("== ").unwrap_or(text).split("\n== ");
    let named = parts.map(|part| part.split_once('\n').unwrap_or((part, "")));
    let is_path =
        |path: &str| !path.is_empty() && path.split('/').all(|step| !matches!(step, "" | "." | ".."));
    named.filter(|(path, _)| is_path(path)).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let Some(text) = mcp_proxy_fuzz::text(bytes) else { return };
    let files = files(text);
    let own = [("HOME", "/home/a"), ("PATH", "/usr/bin"), ("TOKEN", SECRET), ("GITHUB_TOKEN", SECRET)];
    let own = own.map(|(name, value)| (name.to_string(), value.to_string()));
    let found = look(&files, &BTreeMap::from(own.clone()));
    assert_eq!(found, look(&files, &BTreeMap::from(own)));
    for look in found {
        assert!(!look.sub.starts_with('/') && look.sub.split('/').all(|step| step != ".."), "{look:?}");
        for (command, env) in &look.ways {
            assert!(command.first().is_some_and(|program| !program.is_empty()), "{look:?}");
            let said = command.iter().chain(env.values());
            assert!(text.contains(SECRET) || said.into_iter().all(|word| !word.contains(SECRET)), "{look:?}");
        }
        for note in &look.passed_over {
            assert!(!note.what.is_empty() && !note.reason.is_empty() && !note.remedy.is_empty(), "{note:?}");
            assert!(text.contains(SECRET) || !note.reason.contains(SECRET) && !note.remedy.contains(SECRET));
        }
    }
});
