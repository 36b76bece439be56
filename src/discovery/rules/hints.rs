//! Arguments that a server may want before it speaks: what its own files say, then the usual ones.

use super::{Scene, server_json};

/// Servers that print their usage without one of these: 4 of 57.
const USUAL: [&str; 3] = ["stdio", "--stdio", "start-mcp-server"];
/// What runs a container's program, and is not that program.
const INTERPRETERS: [&str; 14] = [
    "node", "npm", "npx", "bun", "bunx", "deno", "python", "python3", "uv", "uvx", "java", "sh", "bash",
    "/bin/sh",
];
/// More words than a hint has.
const MOST_WORDS: usize = 6;

/// Lists of arguments, the likeliest first.
pub(super) fn retries(scene: &Scene<'_>) -> Vec<Vec<String>> {
    let said = scene.folder.read("Dockerfile").and_then(Result::ok).and_then(|text| of_dockerfile(&text));
    let mut lists: Vec<Vec<String>> = Vec::new();
    for list in said.into_iter().chain(server_json::arguments(scene)).chain(usual()) {
        if !list.is_empty() && list.len() <= MOST_WORDS && !lists.contains(&list) {
            lists.push(list);
        }
    }
    lists
}

/// Those of which no file says anything.
pub(super) fn usual() -> Vec<Vec<String>> {
    USUAL.iter().map(|word| vec![word.to_string()]).collect()
}

/// The arguments of the last stage: `CMD` after an `ENTRYPOINT`, or what follows the program in `CMD`.
fn of_dockerfile(text: &str) -> Option<Vec<String>> {
    let last = |instruction: &str| {
        let line = text.lines().rev().find_map(|line| {
            let (word, rest) = line.trim().split_once(char::is_whitespace)?;
            word.eq_ignore_ascii_case(instruction).then_some(rest)
        })?;
        serde_json::from_str::<Vec<String>>(line.trim()).ok()
    };
    let command = last("CMD")?;
    let arguments = match last("ENTRYPOINT") {
        Some(_) => command,
        None => arguments_of(command)?,
    };
    // A path of the container, or something for its shell.
    let foreign = arguments.iter().any(|word| word.starts_with('/') || word.contains('$'));
    (!foreign).then_some(arguments)
}

fn arguments_of(mut command: Vec<String>) -> Option<Vec<String>> {
    if command.is_empty() || INTERPRETERS.contains(&command[0].as_str()) {
        return None;
    }
    command.remove(0);
    Some(command)
}

#[cfg(test)]
mod tests {
    use super::super::super::folder::memory::Memory;
    use super::super::super::machine::Machine;
    use super::super::tests::scene;
    use super::{of_dockerfile, retries};
    use proptest::prelude::*;

    fn all(folder: &Memory) -> Vec<String> {
        retries(&scene(folder, &Machine::with(&[]))).iter().map(|list| list.join(" ")).collect()
    }

    #[test]
    fn the_usual_ones_come_last_and_nothing_twice() {
        assert_eq!(all(&Memory::default()), ["stdio", "--stdio", "start-mcp-server"]);
        let docker = "FROM a\nCMD [\"x\"]\nFROM b\nENTRYPOINT [\"/server/github\"]\nCMD [\"stdio\"]\n";
        assert_eq!(
            all(&Memory::default().file("Dockerfile", docker)),
            ["stdio", "--stdio", "start-mcp-server"]
        );
        let docker = "ENTRYPOINT [\"x\"]\ncmd [\"serve\", \"--stdio\"]\n";
        let registry = r#"{"packages": [{"packageArguments": [{"type": "positional", "value": "run"}]}]}"#;
        let folder = Memory::default().file("Dockerfile", docker).file("server.json", registry);
        assert_eq!(all(&folder)[..3], ["serve --stdio", "run", "stdio"]);
    }

    #[test]
    fn a_container_s_own_words_are_no_hint() {
        for line in [
            "[\"node\", \"dist/index.js\"]",
            "[\"x\", \"/projects\"]",
            "[\"x\", \"$PORT\"]",
            "node x.js",
            "[",
        ] {
            assert_eq!(of_dockerfile(&format!("CMD {line}")), None, "{line}");
        }
        assert_eq!(of_dockerfile("CMD [\"excel-mcp-server\", \"stdio\"]").unwrap(), ["stdio"]);
    }

    proptest! {
        #[test]
        fn no_dockerfile_panics(junk in "(CMD|ENTRYPOINT|\n| |\\[|\\]|\"|,|x){0,20}") {
            of_dockerfile(&junk);
        }
    }
}
