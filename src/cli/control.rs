//! Commands to a running proxy: found by its run file, spoken to over its own HTTP.

use crate::app::run_file::{Content, RunFile};
use crate::config::{Loaded, environment, state_dir};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::time::Duration;
use ureq::Agent;

/// How long a running proxy may take for an answer; a reload waits for servers to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// The way to one running proxy.
pub(super) struct Control {
    agent: Agent,
    pub(super) proxy: Content,
}

impl Control {
    /// Finds the proxy that this configuration means: the one on its port, or the only one there is unless the port
    /// was `named` on the command line.
    ///
    /// # Errors
    /// None is running there, or several are and nothing says which.
    pub(super) fn find(loaded: &Loaded, named: bool) -> Result<Control, String> {
        let folder =
            state_dir(&loaded.config, &loaded.dir, &environment()).map_err(|error| error.to_string())?;
        let mut running = RunFile::all(&folder);
        let listen = loaded.config.proxy.listen;
        let at = running.iter().position(|content| content.address.port() == listen.port());
        let proxy = match (at, running.len()) {
            (Some(at), _) => Ok(running.swap_remove(at)),
            (None, 0) => {
                let folder = folder.display();
                Err(format!("no running proxy left its address in {folder}; start one with: mcp-proxy"))
            }
            (None, 1) if !named => Ok(running.remove(0)),
            (None, _) if named => {
                Err(format!("no proxy runs on {listen}; there is: {}", addresses(&running)))
            }
            (None, _) => {
                Err(format!("several proxies are running ({}); name one with --listen", addresses(&running)))
            }
        }?;
        let config =
            Agent::config_builder().timeout_global(Some(PATIENCE)).proxy(None).http_status_as_error(false);
        Ok(Control { agent: config.build().into(), proxy })
    }

    /// The body and status of a page.
    ///
    /// # Errors
    /// The proxy does not answer.
    pub(super) fn get(&self, path: &str) -> Result<(u16, Value), String> {
        let url = format!("http://{}{path}", self.proxy.control);
        let request = self.agent.get(&url).header("authorization", self.bearer());
        let response = request.header("accept", "application/json").call();
        read(response.map_err(|error| self.silent(&error))?)
    }

    /// An event stream, for as long as it goes on.
    ///
    /// # Errors
    /// The proxy does not answer, or by something else; its own words.
    pub(super) fn events(&self, path: &str) -> Result<impl BufRead + use<>, String> {
        let url = format!("http://{}{path}", self.proxy.control);
        let request = self.agent.get(&url).header("authorization", self.bearer());
        let request = request.header("accept", "text/event-stream").config().timeout_global(None).build();
        let response = request.call().map_err(|error| self.silent(&error))?;
        match response.status().as_u16() {
            200 => Ok(BufReader::new(response.into_body().into_reader())),
            status => {
                let (_, body) = read(response)?;
                let error = body["error"].as_str().map(String::from);
                Err(error.unwrap_or_else(|| format!("the proxy answered {status}")))
            }
        }
    }

    /// Sends a command.
    ///
    /// # Errors
    /// The proxy does not answer or refuses; its own words.
    pub(super) fn post(&self, path: &str) -> Result<Value, String> {
        let url = format!("http://{}{path}", self.proxy.control);
        let sent = self.agent.post(&url).header("authorization", self.bearer()).send_empty();
        let (status, body) = read(sent.map_err(|error| self.silent(&error))?)?;
        match status {
            200..300 => Ok(body),
            _ => Err(body["error"].as_str().unwrap_or("refused").to_string()),
        }
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.proxy.secret)
    }

    fn silent(&self, error: &ureq::Error) -> String {
        format!("the proxy on {} does not answer ({error}); is it still running?", self.proxy.url)
    }
}

fn addresses(all: &[Content]) -> String {
    all.iter().map(|content| content.url.as_str()).collect::<Vec<_>>().join(", ")
}

fn read(mut response: ::http::Response<ureq::Body>) -> Result<(u16, Value), String> {
    let text = response.body_mut().read_to_string().map_err(|error| error.to_string())?;
    Ok((response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null)))
}
