//! Projects below a folder: the members of a workspace, each a server, or the one sub-folder that is the project.

use super::super::folder::{Folder, Kind};
use super::{Findings, Refusal, Scene, declared, here, node, server_json, unrecognised};
use serde_json::Value;

/// Where members lie when nobody says so.
const CONVENTIONAL: [&str; 2] = ["packages/*", "src/*"];
/// Sub-folders that are beside the project.
const BESIDE: [&str; 13] = [
    "node_modules",
    "docs",
    "doc",
    "test",
    "tests",
    "example",
    "examples",
    "scripts",
    "assets",
    "dist",
    "build",
    "target",
    "venv",
];
/// Where a project says what it needs.
const MANIFEST_FILES: [&str; 6] =
    ["package.json", "pyproject.toml", "requirements.txt", "Cargo.toml", "go.mod", "manifest.json"];
/// More than a workspace of servers has.
const MOST_FOLDERS: usize = 64;

/// What a folder turned out to be.
pub(in crate::discovery) enum Find {
    /// One server, or none if there is no way.
    One(Below),
    /// Several.
    Members(Vec<Below>),
}

/// Something found at or below a folder.
pub(in crate::discovery) struct Below {
    /// Path from the folder; empty: the folder itself.
    pub(in crate::discovery) sub: String,
    /// What was found there.
    pub(in crate::discovery) found: Findings,
}

/// Asks the rules about a folder, and if it is none itself, about those below it.
pub(in crate::discovery) fn find(scene: &Scene<'_>) -> Find {
    let by_manifest = declared(scene);
    let declares = !by_manifest.is_empty();
    let mut found = here(scene, by_manifest);
    if found.ways.is_empty() {
        let patterns = patterns(scene.folder);
        let members =
            if declares || !patterns.is_empty() { patterns } else { CONVENTIONAL.map(str::to_string).into() };
        let members = members_of(scene, &members);
        if !members.is_empty() {
            return Find::Members(members);
        }
    }
    if found.ways.is_empty() && !declares {
        match one_level_down(scene) {
            Ok(Some(below)) => return Find::One(below),
            Ok(None) => {}
            Err(refusal) => found.pass_over("sub-folders", refusal),
        }
    }
    if found.is_empty() {
        found.pass_over("folder", unrecognised(scene));
    }
    Find::One(Below { sub: String::new(), found })
}

/// A folder within another one.
struct Sub<'a> {
    folder: &'a dyn Folder,
    sub: &'a str,
}

impl Sub<'_> {
    fn path(&self, path: &str) -> String {
        if path.is_empty() { self.sub.to_string() } else { format!("{}/{path}", self.sub) }
    }
}

impl Folder for Sub<'_> {
    fn list(&self, sub: &str) -> Vec<(String, Kind)> {
        self.folder.list(&self.path(sub))
    }

    fn look(&self, path: &str) -> Option<Kind> {
        self.folder.look(&self.path(path))
    }

    fn start(&self, path: &str) -> Vec<u8> {
        self.folder.start(&self.path(path))
    }

    fn read(&self, path: &str) -> Option<Result<String, String>> {
        self.folder.read(&self.path(path))
    }
}

/// What a sub-folder's manifests say.
fn below(scene: &Scene<'_>, sub: &str) -> Below {
    let folder = Sub { folder: scene.folder, sub };
    let name = sub.rsplit('/').next().unwrap_or(sub).to_lowercase();
    let (root, shown) = (scene.root.join(sub), format!("{}/{sub}", scene.shown));
    let above = Some(scene.folder);
    let scene =
        Scene { folder: &folder, above, root: &root, name: &name, shown: &shown, machine: scene.machine };
    let mut found = declared(&scene);
    found.required.extend(server_json::required(&scene));
    Below { sub: sub.to_string(), found }
}

/// The members that are servers. A workspace holds libraries and tools too.
fn members_of(scene: &Scene<'_>, patterns: &[String]) -> Vec<Below> {
    let folders = patterns.iter().flat_map(|pattern| spell_out(scene.folder, pattern)).take(MOST_FOLDERS);
    let mut folders: Vec<String> = folders.collect();
    folders.sort();
    folders.dedup();
    let is_said = |sub: &str| scene.folder.is_file(&format!("{sub}/server.toml"));
    folders.retain(|sub| is_server(scene.folder, sub) || is_said(sub));
    let members = folders.iter().map(|sub| below(scene, sub));
    members.filter(|member| !member.found.is_empty() || is_said(&member.sub)).collect()
}

/// `packages/*` as the folders there.
fn spell_out(folder: &dyn Folder, pattern: &str) -> Vec<String> {
    let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
    if pattern.starts_with('!') || pattern.split('/').any(|part| part == "..") {
        return Vec::new();
    }
    match pattern.split_once("/*") {
        Some((parent, _)) => {
            let inside = folder.list(parent).into_iter().filter(|(name, kind)| may_be_project(name, *kind));
            inside.map(|(name, _)| format!("{parent}/{name}")).collect()
        }
        None if pattern.is_empty() || pattern.contains('*') => Vec::new(),
        None => vec![pattern.to_string()],
    }
}

fn may_be_project(name: &str, kind: Kind) -> bool {
    kind == Kind::Folder && !name.starts_with('.') && !BESIDE.contains(&name)
}

/// Whether a member is started, and for MCP. What merely speaks of MCP is its library, its client or its tests.
fn is_server(folder: &dyn Folder, sub: &str) -> bool {
    let Some(Ok(text)) = folder.read(&format!("{sub}/package.json")) else {
        return names_mcp(folder, sub);
    };
    let package: Value = serde_json::from_str(&text).unwrap_or_default();
    let is_started = !package["bin"].is_null() || package["scripts"]["start"].is_string();
    let is_named = package["name"].as_str().is_some_and(|name| {
        name.starts_with("@modelcontextprotocol/server") || (name.contains("mcp") && !name.contains("sdk"))
    });
    is_started && (node::uses_sdk(&package) || is_named)
}

fn names_mcp(folder: &dyn Folder, sub: &str) -> bool {
    let names = |text: &str| {
        let text = text.to_lowercase();
        text.contains("mcp") || text.contains("modelcontextprotocol")
    };
    MANIFEST_FILES
        .iter()
        .any(|file| matches!(folder.read(&format!("{sub}/{file}")), Some(Ok(text)) if names(&text)))
}

/// What the folder itself calls the members of its workspace.
fn patterns(folder: &dyn Folder) -> Vec<String> {
    let package = folder.read("package.json").and_then(Result::ok);
    let package: Value = package.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let list = package["workspaces"].as_array().or(package["workspaces"]["packages"].as_array());
    let of_node = list.into_iter().flatten().filter_map(|item| item.as_str().map(str::to_string));
    let of_pnpm =
        folder.read("pnpm-workspace.yaml").and_then(Result::ok).map(|text| pnpm(&text)).unwrap_or_default();
    let of_uv = folder.read("pyproject.toml").and_then(Result::ok).map(|text| uv(&text)).unwrap_or_default();
    of_node.chain(of_pnpm).chain(of_uv).collect()
}

/// The list `packages:` of a `pnpm-workspace.yaml`: a line each.
fn pnpm(text: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|line| line.trim_end() != "packages:").skip(1);
    let items = lines.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let items = items.map_while(|line| line.strip_prefix("- "));
    items.map(|item| item.trim().trim_matches(['"', '\'']).to_string()).collect()
}

/// `[tool.uv.workspace] members`
fn uv(text: &str) -> Vec<String> {
    let project: toml::Table = text.parse().unwrap_or_default();
    let workspace = || project.get("tool")?.get("uv")?.get("workspace")?.get("members")?.as_array();
    workspace().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_string)).collect()
}

/// The one sub-folder that is a project; of several the one that names MCP, then the one named a server.
fn one_level_down(scene: &Scene<'_>) -> Result<Option<Below>, Refusal> {
    let folders = scene.folder.list("").into_iter().filter(|(name, kind)| may_be_project(name, *kind));
    let mut found: Vec<Below> = folders.take(MOST_FOLDERS).map(|(name, _)| below(scene, &name)).collect();
    found.retain(|below| !below.found.is_empty());
    for test in [
        |scene: &Scene<'_>, sub: &str| names_mcp(scene.folder, sub),
        |_: &Scene<'_>, sub: &str| sub.contains("server"),
    ] {
        if found.len() > 1 && found.iter().any(|below| test(scene, &below.sub)) {
            found.retain(|below| test(scene, &below.sub));
        }
    }
    if found.len() > 1 {
        let names: Vec<&str> = found.iter().map(|below| below.sub.as_str()).collect();
        let reason = format!("several sub-folders may be the server ({})", names.join(", "));
        let remedy = format!("move the server's up, or say how it is started in {}/server.toml", scene.shown);
        return Err(Refusal::new(reason, remedy));
    }
    Ok(found.pop())
}

#[cfg(test)]
mod tests {
    use super::super::super::folder::memory::Memory;
    use super::super::super::machine::Machine;
    use super::super::tests::{notes, scene};
    use super::{Find, find, pnpm};
    use proptest::prelude::*;

    /// Each server as `folder: command`, or what was passed over.
    fn servers(folder: &Memory, programs: &'static [&'static str]) -> Vec<String> {
        let found = match find(&scene(folder, &Machine::with(programs))) {
            Find::One(below) => vec![below],
            Find::Members(members) => members,
        };
        let line = |below: &super::Below| match below.found.ways.first() {
            Some(way) => format!("{}: {}", below.sub, way.command.join(" ")),
            None => format!("{}: {}", below.sub, notes(&below.found)),
        };
        found.iter().map(line).collect()
    }

    fn node(folder: Memory, at: &str, name: &str) -> Memory {
        let text = format!(r#"{{"name": "{name}", "bin": "index.js"}}"#);
        folder.file(&format!("{at}/package.json"), &text).file(&format!("{at}/index.js"), "")
    }

    fn python(folder: Memory, at: &str, name: &str) -> Memory {
        folder.file(
            &format!("{at}/pyproject.toml"),
            &format!("[project]\nname = '{name}'\n[project.scripts]\n{name} = 'a:b'\n"),
        )
    }

    #[test]
    fn the_members_of_a_workspace_are_servers_each() {
        let root = Memory::default().file("package.json", r#"{"private": true, "workspaces": ["src/*"]}"#);
        let root = node(root, "src/everything", "@modelcontextprotocol/server-everything");
        let root = node(python(root, "src/fetch", "mcp-server-fetch"), "src/colours", "colours");
        assert_eq!(
            servers(&root, &["node", "uv"]),
            ["src/everything: node index.js", "src/fetch: uv run mcp-server-fetch"]
        );
        let root = root
            .file("src/lib/package.json", r#"{"name": "mcp-core", "main": "a.js"}"#)
            .file("src/lib/a.js", "");
        let root =
            root.file("src/cli/package.json", r#"{"name": "tool", "bin": "a.js", "keywords": ["mcp"]}"#);
        let unbuilt = root.file("src/git/package.json", r#"{"name": "x-mcp", "bin": "dist/a.js"}"#);
        assert!(servers(&unbuilt, &["node", "uv"])[2].contains("run npm install in servers/notes/src/git"));
    }

    #[test]
    fn every_tool_s_workspace_is_known() {
        let pnpm = Memory::default()
            .file("pnpm-workspace.yaml", "packages:\n  # ours\n  - 'apps/*'\n  - \"!apps/x\"\nother: 1\n");
        assert_eq!(servers(&node(pnpm, "apps/a", "a-mcp"), &[]), ["apps/a: node index.js"]);
        let uv = Memory::default().file("pyproject.toml", "[tool.uv.workspace]\nmembers = ['libs/*']\n");
        assert_eq!(servers(&python(uv, "libs/a", "a-mcp"), &["uv"]), ["libs/a: uv run a-mcp"]);
        assert_eq!(
            servers(&node(Memory::default(), "packages/a", "a-mcp"), &[]),
            ["packages/a: node index.js"]
        );
    }

    #[test]
    fn a_root_that_is_a_server_is_the_server() {
        let root = Memory::default().file("package.json", r#"{"bin": "x.js", "workspaces": ["packages/*"]}"#);
        assert_eq!(servers(&node(root.file("x.js", ""), "packages/a", "a-mcp"), &[]), [": node x.js"]);
        let unbuilt = Memory::default().file("package.json", r#"{"bin": "x.js"}"#);
        assert!(servers(&node(unbuilt, "helper", "a-mcp"), &[])[0].contains("bin x.js is not built"));
    }

    #[test]
    fn the_one_sub_folder_that_is_a_project_is_the_server() {
        let folder = python(Memory::default(), "whatsapp-mcp-server", "whatsapp-mcp-server");
        let folder = folder
            .file("whatsapp-bridge/go.mod", "module whatsapp-client\n")
            .file("whatsapp-bridge/main.go", "package main\n");
        assert_eq!(servers(&folder, &["uv", "go"]), ["whatsapp-mcp-server: uv run whatsapp-mcp-server"]);
        assert_eq!(
            servers(&node(Memory::default().file("README.md", ""), "app", "app"), &[]),
            ["app: node index.js"]
        );
        let two = node(node(Memory::default(), "a", "a-mcp"), "b", "b-mcp");
        assert!(servers(&two, &[])[0].contains("several sub-folders may be the server (a, b)"));
        assert!(servers(&node(Memory::default(), "examples", "a-mcp"), &[])[0].contains("not a server"));
    }

    #[test]
    fn a_folder_of_documents_is_not_a_server() {
        let said = servers(&Memory::default().file("README.md", "hello"), &[]);
        assert!(
            said[0].contains("not a server") && said[0].contains("servers/notes/server.toml"),
            "{said:?}"
        );
    }

    proptest! {
        #[test]
        fn no_workspace_panics(junk in "\\PC{0,60}", pattern in "[a*/!.]{0,8}") {
            pnpm(&junk);
            let text = serde_json::json!({"workspaces": [pattern]}).to_string();
            servers(&Memory::default().file("package.json", &text).file("pyproject.toml", &junk), &[]);
        }
    }
}
