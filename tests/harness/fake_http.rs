//! `examples/fake_http` by itself: a server that runs elsewhere.

use super::example;
use super::log::Log;
use std::process::{Child, Command, Stdio};

pub struct FakeHttp {
    child: Child,
    /// Its MCP endpoint.
    pub url: String,
}

impl FakeHttp {
    #[track_caller]
    pub fn start() -> FakeHttp {
        FakeHttp::with(&[])
    }

    /// With these variables, see `examples/fake/settings.rs`.
    #[track_caller]
    pub fn with(env: &[(&str, &str)]) -> FakeHttp {
        let mut command = Command::new(example("fake_http"));
        let mut child = command.envs(env.iter().copied()).stderr(Stdio::piped()).spawn().unwrap();
        let line = Log::of(child.stderr.take().unwrap()).wait(|line| line.contains("fake_http on "));
        let address = line.rsplit(' ').next().unwrap();
        FakeHttp { child, url: format!("http://{address}/mcp") }
    }
}

impl Drop for FakeHttp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
