//! JSON as people write it, and the client files in it: JSON proper is read as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_proxy::fuzzing::{jsonc, servers};
use serde_json::Value;
use std::collections::BTreeMap;

fuzz_target!(|bytes: &[u8]| {
    let Some(text) = mcp_proxy_fuzz::text(bytes) else { return };
    if let Ok(strict) = serde_json::from_str::<Value>(text) {
        assert_eq!(jsonc(text), Ok(strict));
    }
    let variables = BTreeMap::from([("KEY".to_string(), "k".to_string())]);
    if let Ok(Some(names)) = servers(text, &variables) {
        // Only a file that says it has servers may have none.
        assert!(!names.is_empty() || text.contains("mcpServers") || text.contains('\\'));
    }
});
