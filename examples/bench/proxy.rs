//! What is compared, each started in a folder of its own with the same server behind it.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) struct Proxy {
    pub(crate) name: String,
    pub(crate) address: String,
    /// One for each of its servers.
    pub(crate) paths: Vec<String>,
    /// What is called is called in so many sessions.
    pub(crate) sessions: usize,
    /// Whether its clients are; they have no sessions then.
    pub(crate) is_modern: bool,
    pub(crate) tool: String,
    process: Child,
    _folder: TempDir,
}

impl Proxy {
    /// This one; `server` is what its server.toml says.
    pub(crate) fn ours(program: &Path, server: &str) -> Result<Proxy, Box<dyn Error>> {
        Proxy::ours_with(program, server, 1, 1)
    }

    /// The same with so many servers, all alike, and so many sessions in all.
    pub(crate) fn ours_with(
        program: &Path,
        server: &str,
        servers: usize,
        sessions: usize,
    ) -> Result<Proxy, Box<dyn Error>> {
        let folder = TempDir::new()?;
        let names: Vec<String> = (0..servers).map(|number| format!("echo{number}")).collect();
        for name in &names {
            let folder = folder.path().join("servers").join(name);
            fs::create_dir_all(&folder)?;
            fs::write(folder.join("server.toml"), server)?;
        }
        let most = sessions.max(1000);
        fs::write(folder.path().join("proxy.toml"), format!("[limits]\nmax_sessions = {most}\n"))?;
        let mut command = Command::new(fs::canonicalize(program)?); // it starts in another folder
        command.args(["--listen", "127.0.0.1:0", "--servers"]).arg(folder.path().join("servers"));
        command.arg("--state-dir").arg(folder.path().join("state")).env("MCP_PROXY_PORTS", "0");
        let mut proxy = Proxy::listening("ours", command.current_dir(folder.path()), folder)?;
        proxy.paths = names.iter().map(|name| format!("/{name}")).collect();
        proxy.sessions = sessions;
        Ok(proxy)
    }

    /// The least that a bridge can be: `examples/floor`.
    pub(crate) fn floor() -> Result<Proxy, Box<dyn Error>> {
        let folder = TempDir::new()?;
        let mut command = Command::new(example("floor")?);
        Proxy::listening("floor", command.arg(example("fake_stdio")?).env("FAKE_ERAS", "both"), folder)
    }

    /// `mcp-proxy` 0.6.0 of crates.io: Rust with tokio, the leanest peer that we know of. Its port is fixed.
    pub(crate) fn peer(program: &Path) -> Result<Proxy, Box<dyn Error>> {
        let folder = TempDir::new()?;
        let config = folder.path().join("mcp.json");
        let child = example("fake_stdio")?;
        fs::write(&config, format!(r#"{{"mcpServers":{{"echo":{{"command":{child:?}}}}}}}"#))?;
        let mut command = Command::new(program);
        command.arg("--from-mcp-json").arg(&config).env("RUST_LOG", "error");
        let mut proxy = Proxy::silent("peer", "127.0.0.1:8080".to_string(), &mut command, folder)?;
        proxy.tool = "echo/echo".into();
        Ok(proxy)
    }

    /// nginx in front of an HTTP server, with connections kept on both sides and no log of requests.
    pub(crate) fn nginx(program: &Path, server: SocketAddr) -> Result<Proxy, Box<dyn Error>> {
        let folder = TempDir::new()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string(); // free again at once
        let config = folder.path().join("nginx.conf");
        let here = folder.path().display();
        fs::write(
            &config,
            format!(
                "daemon off; pid {here}/pid; error_log {here}/error.log; worker_processes auto;\n\
                 events {{ worker_connections 1024; }}\n\
                 http {{\n  access_log off; keepalive_requests 1000000000;\n  \
                 upstream echo {{ server {server}; keepalive 64; keepalive_requests 1000000000; }}\n  \
                 server {{ listen {address}; location / {{\n    proxy_pass http://echo/mcp;\n    \
                 proxy_http_version 1.1; proxy_set_header Connection \"\"; }} }}\n}}\n"
            ),
        )?;
        let mut command = Command::new(program);
        command.arg("-p").arg(folder.path()).arg("-c").arg(&config);
        Proxy::silent("nginx", address, &mut command, folder)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// One that says where it listens.
    fn listening(name: &str, command: &mut Command, folder: TempDir) -> Result<Proxy, Box<dyn Error>> {
        let mut process = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let address = address(&mut process)?;
        Ok(Proxy::up(name, address, process, folder))
    }

    /// One that is told where to listen.
    fn silent(
        name: &str,
        address: String,
        command: &mut Command,
        folder: TempDir,
    ) -> Result<Proxy, Box<dyn Error>> {
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let proxy = Proxy::up(name, address, process, folder);
        proxy.wait_open()?;
        Ok(proxy)
    }

    /// With one server, whose path is the root, and one session.
    fn up(name: &str, address: String, process: Child, folder: TempDir) -> Proxy {
        let (name, paths, tool) = (name.to_string(), vec!["/".to_string()], "echo".to_string());
        Proxy { name, address, paths, sessions: 1, is_modern: false, tool, process, _folder: folder }
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

/// Another example, built beside this one.
pub(crate) fn example(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.exists() {
        Ok(path)
    } else {
        Err(format!("{} is missing: cargo build --examples", path.display()).into())
    }
}

/// The address from the log; a thread reads the rest, so that the pipe never fills.
fn address(process: &mut Child) -> Result<String, Box<dyn Error>> {
    let mut lines = BufReader::new(process.stderr.take().ok_or("no stderr")?).lines().map_while(Result::ok);
    let mark = "listening on http://";
    let line = lines.find(|line| line.contains(mark)).ok_or("it ended before it listened")?;
    std::thread::spawn(move || lines.for_each(drop));
    let address =
        line.split(mark).nth(1).and_then(|rest| rest.split_whitespace().next()).ok_or("no address")?;
    Ok(address.trim_end_matches('/').to_string())
}
