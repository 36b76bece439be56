//! Client files that a server brings along: `.mcp.json` and its kin. What they say is taken where it starts the folder
//! itself; often they name something else (10 of 57 have one: 3 name servers elsewhere, 3 published packages, 3 hold
//! somebody's placeholders).

use super::super::client_file::{self, Context, Said, Unset};
use super::super::downloads::{self, Source};
use super::super::expand::Bare;
use super::{Candidate, Findings, Refusal, Scene};
use crate::config::{Environment, ServerTable};
use std::collections::BTreeMap;
use std::path::Path;

const FILES: [&str; 6] = [
    ".mcp.json",
    "mcp.json",
    ".vscode/mcp.json",
    ".cursor/mcp.json",
    "claude_desktop_config.json",
    "mcp-config.json",
];
/// What samples say in place of a path or a key.
const PLACEHOLDERS: [&str; 6] = ["/path/to", "path-to", "your_", "your-", "<", "/absolute/"];
/// A checked-in file may name these of our variables, and what its folder's `.env` sets; any other may be a secret.
const SHARED: [&str; 4] = ["HOME", "USER", "PATH", "TMPDIR"];
/// Programs that work on the folder they stand in.
const OF_THE_FOLDER: [&str; 14] = [
    "npm run",
    "npm start",
    "pnpm run",
    "pnpm start",
    "pnpm dev",
    "yarn run",
    "yarn start",
    "bun run",
    "uv run",
    "poetry run",
    "go run",
    "cargo run",
    "make",
    "dotnet run",
];

/// The rule, and beside it the published packages that the files name: for a folder that has nothing else.
pub(super) fn rule(scene: &Scene<'_>) -> (Findings, Findings) {
    let (mut local, mut published) = (Findings::default(), Findings::default());
    for file in FILES {
        match scene.folder.read(file).map(|text| client_file::entries(&text?, &context(scene))) {
            None | Some(Ok(None)) => {}
            Some(Ok(Some(entries))) => sort(scene, file, entries, &mut local, &mut published),
            Some(Err(fault)) => local.pass_over(file, Refusal::unreadable(scene, file, &fault)),
        }
    }
    (local, published)
}

pub(super) fn published_elsewhere() -> Refusal {
    Refusal::new(
        "it downloads a published package, and the folder has code of its own",
        "start the folder's own, or say this command in its server.toml",
    )
}

/// Takes the entry of a file that starts the folder: the one named like it, else the first.
fn sort(
    scene: &Scene<'_>,
    file: &str,
    entries: Vec<client_file::Entry>,
    local: &mut Findings,
    published: &mut Findings,
) {
    let mut usable = Vec::new();
    for (name, said) in entries {
        let what = format!("{file} entry {name}");
        match said.and_then(|said| entry(scene, &what, said)) {
            Ok(Some(found)) => usable.push((name, found)),
            Ok(None) => {}
            Err(refusal) => local.pass_over(&what, refusal),
        }
    }
    let (of_folder, of_others): (Vec<_>, Vec<_>) =
        usable.into_iter().partition(|(_, (source, _))| *source == Source::Here);
    if published.is_empty() {
        published.add(of_others.into_iter().next().map(|(_, (_, found))| found).unwrap_or_default());
    }
    let like = of_folder.iter().position(|(name, _)| name.to_lowercase() == scene.name).unwrap_or(0);
    for (at, (_, (_, found))) in of_folder.into_iter().enumerate() {
        if at == like {
            local.add(found);
        } else if let Some(way) = found.ways.first() {
            local.pass_over(&way.declared_by, one_of_several(scene));
        }
    }
}

fn one_of_several(scene: &Scene<'_>) -> Refusal {
    Refusal::new(
        "the file has several entries, and a folder is one server",
        format!("to serve it too, name it as a [server.NAME] of proxy.toml with cwd = \"{}\"", scene.shown),
    )
}

fn entry(scene: &Scene<'_>, what: &str, said: Said) -> Result<Option<(Source, Findings)>, Refusal> {
    let Said { table, mut required } = said;
    if table.enabled == Some(false) {
        return Ok(None);
    }
    let Some(program) = table.command.clone() else {
        return Err(Refusal::new(
            "it is a server elsewhere",
            "to serve it too, put the entry into a servers/*.json",
        ));
    };
    let mut words = vec![program];
    words.extend(table.args.clone().unwrap_or_default());
    if let Some(word) = placeholder(&words) {
        let remedy = format!("write the true value, or say the command in {}/server.toml", scene.shown);
        return Err(Refusal::new(format!("it holds the placeholder {word}"), remedy));
    }
    let source = source(scene, &table, &words)?;
    words[0] = scene.machine.stand_in(&words[0]);
    let command = in_its_folder(scene, &table, words)?;
    let (sample, env): (BTreeMap<_, _>, BTreeMap<_, _>) =
        table.env.into_iter().partition(|(_, value)| placeholder(std::slice::from_ref(value)).is_some());
    required.extend(sample.into_keys());
    let way = Candidate { declared_by: what.to_string(), command, env, ..Candidate::default() };
    Ok(Some((source, Findings { required, ..Findings::way(way) })))
}

fn placeholder(words: &[String]) -> Option<&str> {
    let holds = |word: &&String| {
        let lower = word.to_lowercase();
        PLACEHOLDERS.iter().any(|mark| lower.contains(mark))
    };
    words.iter().find(holds).map(String::as_str)
}

/// Whether the words start the folder's own code or a published package; an error if they do neither.
fn source(scene: &Scene<'_>, table: &ServerTable, words: &[String]) -> Result<Source, Refusal> {
    let line = words.join(" ");
    let cwd = table.cwd.as_deref();
    let inside: Vec<String> = words.iter().filter_map(|word| within(scene, cwd, word)).collect();
    let is_there = |path: &String| {
        scene.folder.is_file(path) || (path.contains('/') && scene.folder.look(path).is_some())
    };
    let is_of_folder = |command: &&str| line == **command || line.starts_with(&format!("{command} "));
    if inside.iter().any(is_there) || names_module(scene, words) || OF_THE_FOLDER.iter().any(is_of_folder) {
        return Ok(Source::Here);
    }
    if downloads::source(words) == Source::Published {
        return Ok(Source::Published);
    }
    Err(match inside.iter().find(|path| path.contains(['/', '.'])) {
        Some(path) => Refusal::new(
            format!("it names {path}, which does not exist here"),
            "build it, or correct the entry",
        ),
        None => Refusal::new(
            "its command starts nothing in this folder",
            "say it in server.toml, if it is wanted",
        ),
    })
}

/// Whether `python -m NAME` is one of the folder's modules.
fn names_module(scene: &Scene<'_>, words: &[String]) -> bool {
    let module = words.iter().skip_while(|word| *word != "-m").nth(1).map(|name| name.replace('.', "/"));
    let places =
        |name: String| [name.clone(), format!("{name}.py"), format!("src/{name}"), format!("src/{name}.py")];
    module.is_some_and(|name| places(name).iter().any(|path| scene.folder.look(path).is_some()))
}

/// A word as a path inside the folder, if it may be one.
fn within(scene: &Scene<'_>, cwd: Option<&str>, word: &str) -> Option<String> {
    let path = word.rsplit_once('=').map_or(word, |(_, path)| path);
    if path.is_empty() || path.starts_with(['-', '@']) || path.contains("://") {
        return None;
    }
    let path = Path::new(path.trim_start_matches("./"));
    let path = scene.root.join(cwd.unwrap_or_default()).join(path);
    let inside = path.strip_prefix(scene.root).ok()?.to_str()?;
    (!inside.is_empty() && !inside.split('/').any(|part| part == "..")).then(|| inside.to_string())
}

/// All ways of a server share its folder; another one is entered by a shell.
fn in_its_folder(scene: &Scene<'_>, table: &ServerTable, words: Vec<String>) -> Result<Vec<String>, Refusal> {
    let is_root = |cwd: &&str| scene.root.join(cwd).components().eq(scene.root.components());
    let Some(cwd) = table.cwd.as_deref().filter(|cwd| !is_root(cwd)) else {
        return Ok(words);
    };
    let inside = within(scene, None, cwd).filter(|sub| scene.folder.look(sub).is_some());
    let sub = inside.ok_or_else(|| {
        Refusal::new("its cwd is not in this folder", "correct the entry, or say it in server.toml")
    })?;
    let shell = ["sh", "-c", "cd \"$0\" && exec \"$@\"", &sub].map(str::to_string);
    Ok(shell.into_iter().chain(words).collect())
}

fn context<'a>(scene: &'a Scene<'a>) -> Context<'a> {
    let ours = scene.machine.variables.iter().filter(|(name, _)| SHARED.contains(&name.as_str()));
    let mut own: Environment = ours.map(|(name, value)| (name.clone(), value.clone())).collect();
    own.extend(scene.dotenv());
    Context {
        variables: client_file::variables(&own, scene.root),
        bare: Bare::Stays,
        unset: Unset::Require,
        read: Box::new(|file| scene.folder.read(&within(scene, None, file)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::folder::memory::Memory;
    use super::super::tests::{ask, here, notes, passed, taken};
    use super::super::{Findings, Scene};
    use super::rule;
    use proptest::prelude::*;

    fn local(scene: &Scene<'_>) -> Findings {
        rule(scene).0
    }

    fn mcp(entries: &str) -> Memory {
        Memory::default().file(".mcp.json", &format!("{{\"mcpServers\": {entries}}}"))
    }

    #[test]
    fn an_entry_that_starts_the_folder_is_taken() {
        for (entry, command) in [
            (r#"{"command": "node", "args": ["dist/x.js", "--a"]}"#, "node dist/x.js --a"),
            (r#"{"command": "./run.sh"}"#, "./run.sh"),
            (
                r#"{"command": "node", "args": ["${workspaceFolder}/dist/x.js"]}"#,
                "node /srv/servers/notes/dist/x.js",
            ),
            (r#"{"command": "npx", "args": ["tsx", "src/a.ts"]}"#, "npx tsx src/a.ts"),
            (r#"{"command": "uv", "args": ["run", "notes"]}"#, "uv run notes"),
            (r#"{"command": "python", "args": ["-m", "pkg.main"]}"#, "python3 -m pkg.main"),
            (
                r#"{"command": "npm", "args": ["start"], "cwd": "src"}"#,
                "sh -c cd \"$0\" && exec \"$@\" src npm start",
            ),
            (r#"{"command": "npm", "args": ["start"], "cwd": "${workspaceFolder}"}"#, "npm start"),
        ] {
            let folder = mcp(&format!("{{\"a\": {entry}}}"))
                .file("dist/x.js", "")
                .file("run.sh", "")
                .file("src/a.ts", "");
            let folder = folder.file("src/pkg/main.py", "");
            assert_eq!(taken(local, &folder, &["python3"]), command);
        }
    }

    #[test]
    fn the_one_named_like_the_folder_else_the_first_is_taken() {
        let of = |names: [&str; 2]| {
            let entry = |name: &str| format!("\"{name}\": {{\"command\": \"./{name}.sh\"}}");
            let folder = mcp(&format!("{{{}, {}}}", entry(names[0]), entry(names[1])));
            names.iter().fold(folder, |folder, name| folder.file(&format!("{name}.sh"), ""))
        };
        assert_eq!(taken(local, &of(["z", "Notes"]), &[]), "./Notes.sh");
        assert_eq!(taken(local, &of(["z", "a"]), &[]), "./z.sh");
        let found = ask(local, &of(["z", "a"]), &[]);
        assert!(notes(&found).starts_with(".mcp.json entry a: the file has several entries"), "{found:?}");
    }

    #[test]
    fn placeholders_and_what_is_not_there_are_passed_over() {
        for (entry, said) in [
            (r#"{"command": "/PATH-TO/uv", "args": ["run", "x"]}"#, "placeholder /PATH-TO/uv"),
            (r#"{"command": "node", "args": ["/path/to/x.js"]}"#, "placeholder /path/to/x.js"),
            (r#"{"command": "npx", "args": ["-y", "x", "YOUR_KEY"]}"#, "placeholder YOUR_KEY"),
            (
                r#"{"command": "node", "args": ["dist/x.js"]}"#,
                "it names dist/x.js, which does not exist here",
            ),
            (r#"{"command": "node", "args": ["../x.js"]}"#, "starts nothing in this folder"),
            (r#"{"command": "npm", "args": ["start"], "cwd": "../.."}"#, "its cwd is not in this folder"),
            (r#"{"command": "x", "args": ["${KEY}"]}"#, "it names s3cret.long, which does not exist here"),
            (r#"{"command": "node", "args": ["${DIR}/x.js"]}"#, "variable DIR"),
            (r#"{"url": "https://x/mcp?${NO}"}"#, "a server elsewhere"),
        ] {
            let folder = mcp(&format!("{{\"a\": {entry}}}")).file(".env", "KEY=s3cret.long\n");
            let found = passed(local, &folder, &[]);
            assert!(found.contains(said), "{found}");
        }
        assert!(
            passed(local, &Memory::default().file("mcp.json", "{"), &[])
                .starts_with("mcp.json: mcp.json cannot be read")
        );
        assert!(ask(local, &mcp(r#"{"a": {"command": "${X}", "disabled": true}}"#), &[]).is_empty());
    }

    #[test]
    fn a_published_package_is_for_a_folder_with_nothing_else() {
        let npx = mcp(
            r#"{"a": {"command": "npx", "args": ["-y", "some-mcp"]}, "b": {"command": "uvx", "args": ["x"]}}"#,
        );
        assert_eq!(taken(here, &npx, &["npx", "uvx"]), "npx -y some-mcp");
        let unbuilt = npx.file("package.json", r#"{"bin": "dist/index.js"}"#);
        let said = passed(here, &unbuilt, &["npx", "uvx"]);
        assert!(said.contains(".mcp.json entry a: it downloads a published package"), "{said}");
    }

    #[test]
    fn only_the_folder_s_own_variables_are_put_in() {
        let entry = r#"{"a": {"command": "./x", "args": ["${DIR}"], "env": {"A": "${TOKEN}", "B": "${DIR}", "C": "<your key>"}}}"#;
        let folder = mcp(entry).file("x", "").file(".env", "DIR=d\n");
        let found = ask(local, &folder, &[]);
        assert_eq!(found.ways[0].command, ["./x", "d"]);
        assert_eq!(found.ways[0].env, [("B".to_string(), "d".to_string())].into());
        assert_eq!(found.required, ["TOKEN", "C"]);
    }

    #[test]
    fn editors_keep_theirs_in_folders_of_their_own() {
        let text = "{ // VS Code\n\"servers\": {\"a\": {\"command\": \"./x\", \"envFile\": \"${workspaceFolder}/e\",},}}";
        let folder = Memory::default().file(".vscode/mcp.json", text).file("x", "").file("e", "K=v\n");
        let found = ask(local, &folder, &[]);
        assert_eq!(
            (found.ways[0].declared_by.as_str(), found.ways[0].env["K"].as_str()),
            (".vscode/mcp.json entry a", "v")
        );
    }

    proptest! {
        #[test]
        fn no_client_file_panics(junk in "\\PC{0,60}", word in "\\PC{0,20}", cwd in "[a./$]{0,6}") {
            ask(local, &Memory::default().file("mcp.json", &junk), &[]);
            let entry = serde_json::json!({"a": {"command": word, "args": ["-m", word], "cwd": cwd}});
            ask(local, &mcp(&entry.to_string()), &[]);
        }
    }
}
