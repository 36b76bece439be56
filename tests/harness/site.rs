//! A folder with servers in it, and the proxy's command line for it.

use super::Proxy;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mcp-proxy");

/// One of the fake servers of `examples/`, with its settings.
pub struct Fake {
    toml: String,
    env: String,
}

impl Fake {
    /// `examples/fake_stdio`
    pub fn stdio() -> Fake {
        Fake::of("fake_stdio", "stdio")
    }

    /// `examples/fake_http`
    pub fn http() -> Fake {
        Fake::of("fake_http", "http")
    }

    fn of(name: &str, transport: &str) -> Fake {
        let command = example(name);
        Fake { toml: format!("command = {command:?}\ntransport = {transport:?}\n"), env: String::new() }
    }

    /// A variable for the server, see `examples/fake/settings.rs`.
    pub fn env(mut self, name: &str, value: &str) -> Fake {
        self.env += &format!("{name} = {value:?}\n");
        self
    }

    /// A line for its `server.toml`.
    pub fn toml(mut self, line: &str) -> Fake {
        self.toml += &format!("{line}\n");
        self
    }

    fn text(&self) -> String {
        format!("{}[env]\n{}", self.toml, self.env)
    }
}

/// Where an example was built, beside the proxy.
pub fn example(name: &str) -> PathBuf {
    let path = Path::new(PROGRAM).with_file_name("examples").join(name);
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --examples` (or plain `cargo test`)",
        path.display()
    );
    path
}

/// The proxy: as it was built for the tests, or the one that `TEST_PROXY` names.
fn program() -> OsString {
    std::env::var_os("TEST_PROXY").unwrap_or_else(|| PROGRAM.into())
}

/// A folder of its own for each test, gone with it.
pub struct Site {
    folder: TempDir,
    args: Vec<String>,
    env: Vec<(String, OsString)>,
}

impl Site {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Site {
        let folder = TempDir::with_prefix("mcp-proxy-test-").unwrap();
        fs::create_dir(folder.path().join("servers")).unwrap();
        Site { folder, args: Vec::new(), env: Vec::new() }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn state_dir(&self) -> PathBuf {
        self.folder().join("state")
    }

    /// Adds a server; also while the proxy runs.
    pub fn add(&self, name: &str, fake: &Fake) {
        self.write(&format!("servers/{name}/server.toml"), &fake.text());
    }

    /// Writes any file under the folder.
    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Writes a file that can be run.
    pub fn program(&self, path: &str, text: &str) -> PathBuf {
        let path = self.write(path, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    pub fn fake(self, name: &str, fake: Fake) -> Site {
        self.add(name, &fake);
        self
    }

    /// `proxy.toml`
    pub fn config(mut self, text: &str) -> Site {
        let path = self.write("proxy.toml", text);
        self.args.extend(["--config".to_string(), path.display().to_string()]);
        self
    }

    pub fn arg(mut self, arg: &str) -> Site {
        self.args.push(arg.to_string());
        self
    }

    /// A variable for the proxy.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Site {
        self.env.push((name.to_string(), value.as_ref().to_owned()));
        self
    }

    #[track_caller]
    pub fn start(self) -> Proxy {
        Proxy::start_by(self, None)
    }

    /// Started by this command, which is given the proxy's own as arguments.
    #[track_caller]
    pub fn start_by(self, starter: Command) -> Proxy {
        Proxy::start_by(self, Some(starter))
    }

    /// Started on a listening socket of ours, as systemd does it.
    #[track_caller]
    pub fn start_on(self, socket: &TcpListener) -> Proxy {
        let mut starter = Command::new("sh");
        // The harness leaves stdin as it is here; the socket goes where sd_listen_fds(3) wants it.
        let script =
            "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=mcp; exec \"$@\"";
        starter.args(["-c", script, "sh"]).stdin(OwnedFd::from(socket.try_clone().unwrap()));
        Proxy::start_on(self, starter)
    }

    /// Runs one of the other commands to its end: `site.run(&["check", "--json"])`.
    pub fn run(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }

    /// Makes a token: `site.token(&["--servers", "a"])`.
    #[track_caller]
    pub fn token(&self, args: &[&str]) -> String {
        let made = self.run(&[&["token", "new"], args].concat());
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap().trim_end().to_string()
    }

    /// The program with this folder's options and next to nothing in its environment. HOME lies in the folder:
    /// every server is given HOME, and so every process of this test can be recognised.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        command.env_clear().env("HOME", self.folder()).env("MCP_PROXY_PORTS", "0").env("RUST_BACKTRACE", "1");
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.arg("--servers").arg(self.folder().join("servers")).arg("--state-dir").arg(self.state_dir());
        command.args(&self.args).current_dir(self.folder());
        command
    }
}
