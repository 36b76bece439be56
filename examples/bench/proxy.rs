//! The proxies, each started with the same child behind it.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) struct Proxy {
    pub(crate) name: &'static str,
    pub(crate) address: String,
    pub(crate) path: String,
    pub(crate) tool: String,
    process: Child,
    _folder: TempDir,
}

impl Proxy {
    /// This one.
    pub(crate) fn ours(program: &Path) -> Result<Proxy, Box<dyn Error>> {
        let folder = TempDir::new()?;
        let server = folder.path().join("servers/echo");
        fs::create_dir_all(&server)?;
        fs::write(server.join("server.toml"), format!("command = {:?}\n", child()?))?;
        let mut command = Command::new(program);
        command.args(["--listen", "127.0.0.1:0", "--servers"]).arg(folder.path().join("servers"));
        command.arg("--state-dir").arg(folder.path().join("state")).env("MCP_PROXY_PORTS", "0");
        let mut process = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let address = listening(&mut process)?;
        Ok(Proxy {
            name: "ours",
            address,
            path: "/echo".into(),
            tool: "echo".into(),
            process,
            _folder: folder,
        })
    }

    /// `mcp-proxy` 0.6.0 of crates.io: Rust with tokio, the leanest peer that we know of. Its port is fixed.
    pub(crate) fn peer(program: &Path) -> Result<Proxy, Box<dyn Error>> {
        let folder = TempDir::new()?;
        let config = folder.path().join("mcp.json");
        fs::write(&config, format!(r#"{{"mcpServers":{{"echo":{{"command":{:?}}}}}}}"#, child()?))?;
        let mut command = Command::new(program);
        command.arg("--from-mcp-json").arg(&config).env("RUST_LOG", "error").stdin(Stdio::null());
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let address = "127.0.0.1:8080".to_string();
        let proxy = Proxy {
            name: "peer",
            address,
            path: "/".into(),
            tool: "echo/echo".into(),
            process,
            _folder: folder,
        };
        proxy.wait_open()?;
        Ok(proxy)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    fn wait_open(&self) -> Result<(), Box<dyn Error>> {
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(&self.address).is_err() {
            if Instant::now() > end {
                return Err(format!("{} does not listen on {}", self.name, self.address).into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.process.wait();
    }
}

/// The other example, built beside this one.
fn child() -> Result<std::path::PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?.with_file_name("fake_stdio");
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is missing: cargo build --examples", path.display()).into())
    }
}

/// The address from the log; a thread reads the rest, so that the pipe never fills.
fn listening(process: &mut Child) -> Result<String, Box<dyn Error>> {
    let mut lines = BufReader::new(process.stderr.take().ok_or("no stderr")?).lines().map_while(Result::ok);
    let mark = "listening on http://";
    let line = lines.find(|line| line.contains(mark)).ok_or("our proxy ended before it listened")?;
    std::thread::spawn(move || lines.for_each(drop));
    let address =
        line.split(mark).nth(1).and_then(|rest| rest.split_whitespace().next()).ok_or("no address")?;
    Ok(address.trim_end_matches('/').to_string())
}
