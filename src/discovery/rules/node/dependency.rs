//! A server that was installed into the folder: `npm install some-mcp-server`.

use super::bin::{Bin, bin};
use super::{Candidate, Findings, Refusal, Scene, manager, parse, run, uses_sdk};
use serde_json::Value;

/// More than a folder has that is made for one server.
const MOST_DEPENDENCIES: usize = 40;

/// The one dependency with a `bin` that is a server.
pub(super) fn find(scene: &Scene<'_>, package: &Value) -> Findings {
    let names = package["dependencies"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let names: Vec<&str> = names.filter(|name| !name.contains("..")).take(MOST_DEPENDENCIES).collect();
    let mut servers: Vec<Candidate> = names.iter().filter_map(|name| server(scene, name)).collect();
    match servers.len() {
        1 => Findings::way(servers.remove(0)),
        0 => not_installed(scene, &names),
        _ => {
            let all: Vec<&str> = servers.iter().map(|server| server.declared_by.as_str()).collect();
            let reason = format!("several dependencies are servers ({})", all.join(", "));
            let remedy = format!("give each a folder, or name one in {}/server.toml", scene.shown);
            Findings::nothing_but("package.json dependencies", Refusal::new(reason, remedy))
        }
    }
}

fn server(scene: &Scene<'_>, name: &str) -> Option<Candidate> {
    let at = format!("node_modules/{name}");
    let package = parse(&scene.folder.read(&format!("{at}/package.json"))?.ok()?).ok()?;
    let Bin::File(file) = bin(&package, name.rsplit('/').next()?) else {
        return None;
    };
    let file = format!("{at}/{file}");
    if !(uses_sdk(&package) || name.contains("mcp"))
        || name == "@modelcontextprotocol/sdk"
        || !scene.folder.is_file(&file)
    {
        return None;
    }
    run(scene, &format!("bin of {name}"), &file).ok()
}

fn not_installed(scene: &Scene<'_>, names: &[&str]) -> Findings {
    let like_server = |name: &&&str| {
        let is_library = name.contains("sdk") || **name == "fastmcp" || **name == "mcp-framework";
        (name.contains("mcp") || name.starts_with("@modelcontextprotocol/server")) && !is_library
    };
    match names
        .iter()
        .find(like_server)
        .filter(|name| scene.folder.look(&format!("node_modules/{name}")).is_none())
    {
        Some(name) => Findings::nothing_but(
            "package.json dependencies",
            Refusal::new(
                format!("{name} is not installed"),
                format!("run {} install in {}", manager(scene), scene.shown),
            ),
        ),
        None => Findings::default(),
    }
}
