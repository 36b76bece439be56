//! Files that are servers by their place: `main`, `dist/index.js`, `server.js`.

use super::{Findings, Scene, plain_path, run};
use serde_json::Value;

const USUAL: [&str; 5] = ["dist/index.js", "build/index.js", "index.js", "server.js", "src/index.js"];
const TYPESCRIPT: [&str; 3] = ["src/index.ts", "index.ts", "server.ts"];
/// Without a `package.json`, of these only one that speaks MCP.
const LONE: [&str; 8] = [
    "dist/index.js",
    "build/index.js",
    "server.js",
    "index.js",
    "server.mjs",
    "index.mjs",
    "server.ts",
    "index.ts",
];

/// `main`, unless it is a library: those say so with types or exports.
pub(super) fn main(scene: &Scene<'_>, package: &Value) -> Findings {
    let is_library = ["types", "typings", "exports"].iter().any(|key| !package[*key].is_null());
    match package["main"].as_str().filter(|_| !is_library).map(plain_path) {
        Some(file) if scene.folder.is_file(&file) => take(scene, "package.json main", &file),
        _ => Findings::default(),
    }
}

/// Where a server lies when nobody says where it lies.
pub(super) fn usual(scene: &Scene<'_>, _: &Value) -> Findings {
    let mut files = USUAL.iter().chain(&TYPESCRIPT);
    files.find(|file| scene.folder.is_file(file)).map(|file| take(scene, file, file)).unwrap_or_default()
}

/// Without a `package.json`.
pub(super) fn that_speak_mcp(scene: &Scene<'_>) -> Findings {
    let mut files = LONE.iter().filter(|file| scene.folder.speaks_mcp(file));
    files.next().map(|file| take(scene, file, file)).unwrap_or_default()
}

fn take(scene: &Scene<'_>, what: &str, file: &str) -> Findings {
    run(scene, what, file).map_or_else(|refusal| Findings::nothing_but(what, refusal), Findings::way)
}
