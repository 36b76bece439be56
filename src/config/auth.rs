//! `[auth]`: who may call.

use serde::{Deserialize, Serialize};

/// `[auth]`: who may call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSection {
    /// What is asked for.
    pub mode: AuthMode,
    /// Has to be true where `mode = "none"` would open the tools of all servers to a network.
    pub i_know_everyone_can_call_my_tools: bool,
    /// File with tokens made elsewhere, one a line, each for all servers; relative to the folder of `proxy.toml`.
    /// Empty: none.
    pub token_file: String,
    /// Whether a token may stand in the path, `/t/TOKEN/NAME`, for clients that can send no header field.
    pub token_in_path: bool,
    /// Where the authorization server may send codes, beside claude.ai, ChatGPT, Gemini Enterprise and loopback
    /// addresses: whole addresses, or beginnings that end in `*`.
    pub allowed_redirects: Vec<String>,
}

/// What a client is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// A token, as soon as there is one; before that nothing, and then only this machine is served.
    #[default]
    Auto,
    /// A token.
    Token,
    /// A token, or what the built-in authorization server issued.
    Oauth,
    /// Nothing.
    None,
}
