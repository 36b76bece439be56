//! `.env` files: nothing of the proxy's own environment comes out, a quoted value stays as it is, bounds hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_proxy::fuzzing::dotenv;
use std::collections::BTreeMap;

fuzz_target!(|bytes: &[u8]| {
    let Some(text) = mcp_proxy_fuzz::text(bytes) else { return };
    let known = BTreeMap::from([("HOME".to_string(), "/home/a".to_string())]);
    let path = std::env::var("PATH").unwrap();
    if let Ok(pairs) = dotenv(text, &known) {
        assert!(pairs.len() <= 1000);
        assert!(pairs.iter().map(|(_, value)| value.len()).sum::<usize>() <= 1024 * 1024);
        assert!(
            pairs
                .iter()
                .all(|(name, value)| !name.is_empty() && (text.contains(&path) || !value.contains(&path)))
        );
    }
    // A backslash before the end keeps the library from seeing that.
    if !text.contains(['\'', '\u{f8f0}', '\u{f8f1}']) && !text.ends_with('\\') {
        let pairs = dotenv(&format!("A=1\nB='{text}'\n"), &known).unwrap();
        assert_eq!(pairs[1], ("B".to_string(), text.to_string()));
    }
});
