//! Which commands fetch or build what they run: their first start takes as long as the network and the compiler do.

/// Where the code comes from that a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// It lies where it is started.
    Here,
    /// A registry has it.
    Published,
}

/// Commands that fetch a published package.
const FETCH: [&str; 14] = [
    "npx",
    "bunx",
    "pnpx",
    "uvx",
    "npm exec",
    "npm x",
    "pnpm dlx",
    "pnpm exec",
    "yarn dlx",
    "bun x",
    "pipx run",
    "uv tool run",
    "docker run",
    "podman run",
];
/// Commands that fetch what local code needs, or build it.
const PREPARE: [&str; 6] = ["uv run", "go run", "cargo run", "cargo build", "deno", "dotnet run"];
/// Words between a program and its command: `uv --directory X run`, `docker --context c run`.
const TAKES_VALUE: [&str; 6] = ["--directory", "--project", "--context", "--host", "-H", "--prefix"];

/// Whether the first start of a command downloads or builds.
pub(super) fn prepares(words: &[String]) -> bool {
    let prepares = |words: &[String]| is_one_of(words, &FETCH) || is_one_of(words, &PREPARE);
    if !words.first().is_some_and(|program| matches!(base(program), "sh" | "bash" | "dash" | "zsh")) {
        return prepares(words);
    }
    let line: Vec<String> =
        words.iter().flat_map(|word| word.split_whitespace()).map(str::to_string).collect();
    (1..line.len()).any(|at| prepares(&line[at..]))
}

/// Where the code comes from that a command runs.
pub(super) fn source(words: &[String]) -> Source {
    if is_one_of(words, &FETCH) { Source::Published } else { Source::Here }
}

fn is_one_of(words: &[String], commands: &[&str]) -> bool {
    let Some((program, rest)) = words.split_first() else {
        return false;
    };
    let mut line = format!("{} ", base(program));
    let mut after_option = "";
    for word in rest {
        if !word.starts_with('-') && !TAKES_VALUE.contains(&after_option) {
            line += word;
            line.push(' ');
        }
        after_option = word;
    }
    commands.iter().any(|command| line.starts_with(&format!("{command} ")))
}

fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

#[cfg(test)]
mod tests {
    use super::{Source, prepares, source};

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_string).collect()
    }

    #[test]
    fn what_downloads_or_builds_is_known() {
        for line in [
            "npx -y x",
            "/usr/bin/npx x",
            "uvx x",
            "pipx run x",
            "npm exec -- x",
            "npm exec --yes x",
            "bunx x",
            "uv run x",
            "uv --directory . run x",
            "uv run --frozen x",
            "uv tool run x",
            "docker run -i --rm x",
            "podman run x",
            "docker --context c run x",
            "go run ./cmd/x",
            "deno run x.ts",
            "pnpm dlx x",
            "cargo run",
            "sh -c npx x",
        ] {
            assert!(prepares(&words(line)), "{line}");
        }
        for line in [
            "node npx",
            "npm start",
            "npm run x",
            "uv pip x",
            "docker exec x",
            "python3 -m run",
            "go",
            "npxx",
            "",
        ] {
            assert!(!prepares(&words(line)), "{line}");
        }
        assert!(prepares(&[
            "sh".into(),
            "-c".into(),
            "cd x && exec \"$@\"".into(),
            "sh".into(),
            "npx".into()
        ]));
    }

    #[test]
    fn a_package_is_somebody_else_s_and_a_run_is_ours() {
        assert_eq!(source(&words("npx -y x")), Source::Published);
        assert_eq!(source(&words("docker run -i x")), Source::Published);
        assert_eq!(source(&words("uv run x")), Source::Here);
    }
}
