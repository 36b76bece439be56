//! Layouts of servers that people publish, as a checkout or as they lie after their usual build, with the first way
//! each is to be started.

use super::super::folder::memory::Memory;
use super::super::machine::Machine;
use super::super::rules::{Below, Find, Scene, find};
use std::path::Path;

const ALL: &[&str] =
    &["node", "npm", "npx", "uv", "uvx", "go", "cargo", "python3", "bash", "/bin/bash", "/bin/sh", "docker"];
const SDK: &str = r#""dependencies": {"@modelcontextprotocol/sdk": "1"}"#;
const MCP: &str = "from mcp.server.fastmcp import FastMCP\n";

/// A folder `name` and what comes of it: `command` of the only server, or `member: command` of each.
fn first(name: &str, programs: &'static [&'static str], files: &[(&str, &str)]) -> String {
    let machine = Machine::with(programs);
    let folder = files.iter().fold(Memory::default(), |folder, (path, content)| {
        let is_program = content.starts_with("#!") || content.starts_with('\x7f');
        if is_program { folder.executable(path, content) } else { folder.file(path, content) }
    });
    let (root, shown) = (format!("/srv/{name}"), format!("servers/{name}"));
    let scene = Scene {
        folder: &folder,
        above: None,
        root: Path::new(&root),
        name,
        shown: &shown,
        machine: &machine,
    };
    let command = |below: &Below| match below.found.ways.first() {
        Some(way) => way.command.join(" "),
        None => below
            .found
            .passed_over
            .iter()
            .map(|note| format!("no: {}", note.reason))
            .next()
            .unwrap_or_default(),
    };
    match find(&scene) {
        Find::One(below) if below.sub.is_empty() => command(&below),
        Find::One(below) => format!("{}: {}", below.sub, command(&below)),
        Find::Members(all) => all
            .iter()
            .map(|below| format!("{}: {}", below.sub, command(below)))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// name, files, expected
type Layout = (&'static str, &'static [(&'static str, &'static str)], &'static str);

#[track_caller]
fn check(programs: &'static [&'static str], layouts: &[Layout]) {
    for (name, files, expected) in layouts {
        assert_eq!(first(name, programs, files), *expected, "{name}");
    }
}

#[test]
fn node() {
    check(
        ALL,
        &[
            (
                "steam-mcp",
                &[
                    ("package.json", r#"{"bin": {"steam-mcp": "dist/index.js"}, "main": "dist/index.js"}"#),
                    ("dist/index.js", ""),
                ],
                "node dist/index.js",
            ),
            (
                "steam-mcp-server",
                &[
                    (
                        "package.json",
                        r#"{"name": "steam-mcp-server", "bin": {"steam-mcp-server": "dist/index.js", "steam-mcp-http": "dist/http.js"},
                        "scripts": {"start": "node dist/index.js", "start:http": "node dist/http.js"}}"#,
                    ),
                    ("dist/index.js", ""),
                    ("dist/http.js", ""),
                ],
                "node dist/index.js",
            ),
            (
                "exa-mcp-server",
                &[
                    (
                        "package.json",
                        r#"{"bin": "./.smithery/stdio/index.cjs", "scripts": {"start": "npm run dev"}}"#,
                    ),
                    (".smithery/stdio/index.cjs", ""),
                ],
                "node .smithery/stdio/index.cjs",
            ),
            (
                "notion-mcp-server",
                &[
                    ("package.json", r#"{"bin": {"notion-mcp-server": "bin/cli.mjs"}, "main": "index.js"}"#),
                    ("bin/cli.mjs", "#!/usr/bin/env node\n"),
                    ("Dockerfile", "FROM node\nENTRYPOINT [\"notion-mcp-server\"]"),
                ],
                "node bin/cli.mjs",
            ),
            (
                "desktop-commander",
                &[
                    (
                        "package.json",
                        r#"{"name": "@w/desktop-commander", "bin": {"desktop-commander": "dist/index.js", "setup": "dist/setup.js", "remove": "dist/remove.js"}}"#,
                    ),
                    (
                        ".mcp.json",
                        r#"{"mcpServers": {"d": {"command": "npx", "args": ["-y", "@w/desktop-commander"]}}}"#,
                    ),
                    ("dist/index.js", ""),
                ],
                "node dist/index.js",
            ),
            (
                "git-mcp-server",
                &[(
                    "package.json",
                    r#"{"bin": {"git-mcp-server": "dist/index.js"}, "scripts": {"start:stdio": "bun x"}}"#,
                )],
                "no: bin dist/index.js is not built",
            ),
            (
                "markdownify-mcp",
                &[
                    ("package.json", r#"{"bin": {"mcp-markdownify-server": "dist/index.js"}}"#),
                    ("dist/index.js", ""),
                    ("pyproject.toml", "[project]\nname = 'm'\n"),
                    ("setup.sh", "#!/bin/bash\n"),
                ],
                "node dist/index.js",
            ),
            (
                "apify-mcp-server",
                &[
                    (
                        ".mcp.json",
                        r#"{"mcpServers": {"remote": {"url": "https://mcp.apify.com"}, "apify-mcp-server": {"command": "node", "args": ["dist/stdio.js"]}}}"#,
                    ),
                    (
                        "package.json",
                        r#"{"bin": {"actors-mcp-server": "dist/stdio.js"}, "scripts": {"start": "tsx src/dev_server.ts"}}"#,
                    ),
                    ("dist/stdio.js", ""),
                ],
                "node dist/stdio.js",
            ),
            (
                "installed",
                &[
                    ("package.json", r#"{"dependencies": {"@modelcontextprotocol/server-memory": "1"}}"#),
                    (
                        "node_modules/@modelcontextprotocol/server-memory/package.json",
                        r#"{"bin": {"mcp-server-memory": "dist/index.js"}, "dependencies": {"@modelcontextprotocol/sdk": "1"}}"#,
                    ),
                    ("node_modules/@modelcontextprotocol/server-memory/dist/index.js", ""),
                ],
                "node node_modules/@modelcontextprotocol/server-memory/dist/index.js",
            ),
        ],
    );
}

#[test]
fn node_monorepos() {
    let member = format!(r#"{{"name": "x-mcp", "bin": "dist/index.js", {SDK}}}"#);
    let files: &[(&str, &str)] = &[
        ("package.json", r#"{"private": true, "scripts": {"build": "pnpm -r build"}}"#),
        ("pnpm-workspace.yaml", "packages:\n  - \"packages/*\"\n"),
        ("packages/mcp/package.json", &member),
        ("packages/mcp/dist/index.js", ""),
        (
            "packages/sdk/package.json",
            r#"{"name": "@upstash/context7-sdk", "main": "x.js", "types": "x.d.ts"}"#,
        ),
    ];
    assert_eq!(first("context7", ALL, files), "packages/mcp: node dist/index.js");
    let fetch = "[project]\nname = 'mcp-server-fetch'\n[project.scripts]\nmcp-server-fetch = 'f:main'\n";
    let files: &[(&str, &str)] = &[
        (
            "package.json",
            r#"{"private": true, "workspaces": ["src/*"], "dependencies": {"@modelcontextprotocol/server-everything": "*"}}"#,
        ),
        (
            ".mcp.json",
            r#"{"mcpServers": {"docs": {"type": "http", "url": "https://modelcontextprotocol.io/mcp"}}}"#,
        ),
        ("src/everything/package.json", &member),
        ("src/fetch/pyproject.toml", fetch),
        ("src/fetch/uv.lock", ""),
    ];
    let said = first("servers", ALL, files);
    assert_eq!(
        said,
        "src/everything: no: bin dist/index.js is not built, src/fetch: uv run --frozen mcp-server-fetch"
    );
}

#[test]
fn python() {
    const SCRIPTS: &str =
        "[project]\nname = 'mcp-atlassian'\n[project.scripts]\nmcp-atlassian = 'mcp_atlassian:main'\n";
    check(
        ALL,
        &[
            (
                "mcp-atlassian",
                &[("pyproject.toml", SCRIPTS), ("uv.lock", "")],
                "uv run --frozen mcp-atlassian",
            ),
            (
                "mcp-atlassian",
                &[("pyproject.toml", SCRIPTS), (".venv/bin/mcp-atlassian", "#!/bin/sh\n")],
                "./.venv/bin/mcp-atlassian",
            ),
            (
                "simple-steam-mcp",
                &[("requirements.txt", "mcp"), ("mcp_server.py", MCP)],
                "uv run --no-project --with-requirements requirements.txt python mcp_server.py",
            ),
            (
                "simple-steam-mcp",
                &[("requirements.txt", "mcp"), ("mcp_server.py", MCP), ("venv/bin/python", "")],
                "./venv/bin/python mcp_server.py",
            ),
            (
                "google-workspace",
                &[
                    ("pyproject.toml", "[project]\nname = 'w'\n"),
                    ("main.py", "import core.server"),
                    ("uv.lock", ""),
                ],
                "uv run --frozen python main.py",
            ),
            (
                "serena",
                &[(
                    "pyproject.toml",
                    "[project]\nname = 'serena-agent'\n[project.scripts]\nserena = 's:top_level'\nindex-project = 's:i'\nserena-mcp-server = 's:m'\n",
                )],
                "uv run serena-mcp-server",
            ),
            (
                "telegram-mcp",
                &[
                    ("pyproject.toml", "[project]\nname = 'telegram-mcp'\n"),
                    ("main.py", MCP),
                    ("session_string_generator.py", "import telethon"),
                ],
                "uv run python main.py",
            ),
            (
                "zen-mcp-server",
                &[
                    (
                        "pyproject.toml",
                        "[project]\nname = 'zen-mcp-server'\n[project.scripts]\nzen-mcp-server = 'server:run'\n",
                    ),
                    ("server.py", MCP),
                    ("run-server.sh", "#!/bin/bash\n"),
                ],
                "uv run zen-mcp-server",
            ),
            (
                "arxiv-mcp-server",
                &[
                    (
                        "manifest.json",
                        r#"{"dxt_version": "0.1", "server": {"type": "python", "entry_point": "server/arxiv_mcp_server/server.py", "mcp_config": {"command": "python", "args": ["${__dirname}/server/arxiv_mcp_server/server.py"]}}}"#,
                    ),
                    (
                        ".mcp.json",
                        r#"{"mcpServers": {"arxiv": {"command": "uvx", "args": ["arxiv-mcp-server"]}}}"#,
                    ),
                    (
                        "pyproject.toml",
                        "[project]\nname = 'arxiv-mcp-server'\n[project.scripts]\narxiv-mcp-server = 'a:main'\n",
                    ),
                ],
                "uv run arxiv-mcp-server",
            ),
            (
                "whatsapp-mcp",
                &[
                    ("README.md", ""),
                    ("whatsapp-bridge/go.mod", "module whatsapp-client\n"),
                    ("whatsapp-bridge/main.go", "package main\n"),
                    (
                        "whatsapp-mcp-server/pyproject.toml",
                        "[project]\nname = 'whatsapp-mcp-server'\ndependencies = ['mcp']\n",
                    ),
                    ("whatsapp-mcp-server/main.py", MCP),
                ],
                "whatsapp-mcp-server: uv run python main.py",
            ),
            ("weather", &[("weather.py", MCP)], "uv run --no-project --with mcp python weather.py"),
            (
                "one-file",
                &[("tool.py", "# /// script\n# dependencies = [\"mcp\"]\n# ///\nimport mcp\n")],
                "uv run --script tool.py",
            ),
            (
                "linkedin",
                &[
                    (
                        ".mcp.json",
                        r#"{"mcpServers": {"linear": {"type": "http", "url": "https://mcp.linear.app"}}}"#,
                    ),
                    (
                        "pyproject.toml",
                        "[project]\nname = 'linkedin-mcp-server'\n[project.scripts]\nlinkedin-mcp-server = 'l:main'\n",
                    ),
                ],
                "uv run linkedin-mcp-server",
            ),
        ],
    );
}

#[test]
fn go_and_rust() {
    const MAIN: &str = "package main\n";
    check(
        ALL,
        &[
            (
                "github-mcp-server",
                &[
                    ("go.mod", "module github.com/github/github-mcp-server\n"),
                    ("cmd/github-mcp-server/main.go", MAIN),
                    ("cmd/mcpcurl/main.go", MAIN),
                ],
                "go run ./cmd/github-mcp-server",
            ),
            (
                "github-mcp-server",
                &[
                    ("go.mod", "module github.com/github/github-mcp-server\n"),
                    ("cmd/github-mcp-server/main.go", MAIN),
                    ("github-mcp-server", "\x7fELF"),
                ],
                "./github-mcp-server",
            ),
            (
                "filesystem",
                &[("go.mod", "module github.com/mark3labs/mcp-filesystem-server\n"), ("main.go", MAIN)],
                "go run .",
            ),
            (
                "grafana",
                &[
                    ("go.mod", "module github.com/grafana/mcp-grafana\n"),
                    ("cmd/linters/jsonschema/main.go", MAIN),
                    ("cmd/mcp-grafana/main.go", MAIN),
                    ("dist/mcp-grafana", "\x7fELF"),
                ],
                "./dist/mcp-grafana",
            ),
            (
                "kubernetes",
                &[
                    ("go.mod", "module github.com/containers/kubernetes-mcp-server\n"),
                    ("cmd/kubernetes-mcp-server/main.go", MAIN),
                    (
                        "manifest.json",
                        r#"{"manifest_version": "0.2", "server": {"type": "binary", "entry_point": "kubernetes-mcp-server", "mcp_config": {"command": "${__dirname}/kubernetes-mcp-server"}}}"#,
                    ),
                ],
                "go run ./cmd/kubernetes-mcp-server",
            ),
            (
                "elastic",
                &[
                    (
                        "Cargo.toml",
                        "[package]\nname = 'elasticsearch-core-mcp-server'\ndefault-run = 'elasticsearch-core-mcp-server'\n",
                    ),
                    ("src/bin/elasticsearch-core-mcp-server.rs", ""),
                    ("src/bin/other.rs", ""),
                    ("target/release/elasticsearch-core-mcp-server", ""),
                ],
                "./target/release/elasticsearch-core-mcp-server",
            ),
            (
                "rust-fs",
                &[("Cargo.toml", "[package]\nname = 'rust-mcp-filesystem'\n"), ("src/main.rs", "")],
                "sh -c cargo build --release --bin rust-mcp-filesystem && exec ./target/release/rust-mcp-filesystem \"$@\" sh",
            ),
            (
                "backlog",
                &[
                    ("Cargo.toml", "[workspace]\nmembers = ['backlog-core', 'mcp-backlog-server', 'blg']\n"),
                    ("backlog-core/Cargo.toml", "[package]\nname = 'backlog-core'\n"),
                    ("backlog-core/src/lib.rs", ""),
                    ("mcp-backlog-server/Cargo.toml", "[package]\nname = 'mcp-backlog-server'\n"),
                    ("mcp-backlog-server/src/main.rs", ""),
                    ("blg/Cargo.toml", "[package]\nname = 'blg'\n"),
                    ("blg/src/main.rs", ""),
                    ("target/release/mcp-backlog-server", ""),
                ],
                "./target/release/mcp-backlog-server",
            ),
        ],
    );
}

#[test]
fn shells_bundles_and_others() {
    check(
        ALL,
        &[
            (
                "moviemcp",
                &[
                    ("moviemcpserver.sh", "#!/bin/bash\n"),
                    ("test_core.sh", "#!/bin/bash\n"),
                    ("test_all.sh", "#!/bin/bash\n"),
                ],
                "./moviemcpserver.sh",
            ),
            (
                "bash-framework",
                &[("bin/mcp-bash", "#!/bin/bash\n"), ("install.sh", "#!/bin/bash\n")],
                "./bin/mcp-bash",
            ),
            (
                "bundle",
                &[
                    (
                        "manifest.json",
                        r#"{"manifest_version": "0.3", "server": {"type": "node", "entry_point": "server/index.js", "mcp_config": {"command": "node", "args": ["${__dirname}/server/index.js"]}}}"#,
                    ),
                    ("server/index.js", ""),
                    ("package.json", r#"{"main": "server/index.js"}"#),
                ],
                "node /srv/bundle/server/index.js",
            ),
            ("released", &[("server", "\x7fELF"), ("LICENSE", "")], "./server"),
            (
                "only-npx",
                &[("mcp.json", r#"{"mcpServers": {"a": {"command": "npx", "args": ["-y", "a-mcp"]}}}"#)],
                "npx -y a-mcp",
            ),
        ],
    );
    for (name, files) in [
        ("kovan", &[("deps.edn", "{}")][..]),
        ("docs", &[("README.md", "")]),
        ("site", &[("manifest.json", "{\"manifest_version\": 3}")]),
    ] {
        assert!(first(name, ALL, files).starts_with("no: not a server"), "{name}");
    }
}

#[test]
fn a_bare_machine_is_told_what_to_install() {
    let said = first("a", &[], &[("go.mod", "module x/a\n"), ("main.go", "package main\n")]);
    assert_eq!(said, "no: . is not built, and go is not on PATH");
    let said =
        first("a", &[], &[("pyproject.toml", "[project]\nname = 'a'\n[project.scripts]\na = 'a:main'\n")]);
    assert_eq!(said, "no: script a is not installed: there is no .venv/bin/a, and uv is not on PATH");
}
