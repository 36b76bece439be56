use crate::harness::*;
use serde_json::{Map, Value, json};

/// Every kind of server: its eras, and how it is reached.
pub const SERVERS: [&str; 6] = ["legacy", "modern", "both", "legacy-http", "modern-http", "both-http"];
/// Those that are children on a pipe.
pub const STDIO: [&str; 3] = ["legacy", "modern", "both"];

/// The server that is called so in the tables.
pub fn fake(name: &str) -> Fake {
    match name.strip_suffix("-http") {
        Some(eras) => Fake::http().env("FAKE_ERAS", eras),
        None => Fake::stdio().env("FAKE_ERAS", name).toml("stream_after_ms = 0"),
    }
}

/// The same, with answers in one piece: the status of a refusal stands in the head, which a stream sends before.
pub fn in_one_piece(name: &str) -> Fake {
    match name.strip_suffix("-http") {
        Some(eras) => Fake::http().env("FAKE_ERAS", eras),
        None => Fake::stdio().env("FAKE_ERAS", name).toml("stream_after_ms = 10000"),
    }
}

/// A proxy with one server of each kind.
#[track_caller]
pub fn all() -> Proxy {
    SERVERS.iter().fold(Site::new(), |site, name| site.fake(name, fake(name))).start()
}

/// A proxy with this server alone.
#[track_caller]
pub fn only(name: &str) -> Proxy {
    Site::new().fake(name, fake(name)).start()
}

/// A client, of whichever era.
pub enum Anyone {
    Legacy(Client),
    Modern(Modern),
}

/// Runs the test in every cell: each server with a client of each era. What is printed last names the cell that failed.
#[track_caller]
pub fn each_cell(proxy: &Proxy, capabilities: &Value, test: impl Fn(&str, &Anyone)) {
    for name in SERVERS {
        for client in Anyone::of_both_eras(proxy, name, capabilities) {
            println!("a {} client meets {name}", client.era());
            test(name, &client);
        }
    }
}

impl Anyone {
    #[track_caller]
    pub fn of_both_eras(proxy: &Proxy, name: &str, capabilities: &Value) -> [Anyone; 2] {
        let legacy = proxy.client_with(name).capabilities(capabilities.clone()).connect();
        let modern = Modern::new(&proxy.url(name)).capabilities(capabilities.clone());
        [Anyone::Legacy(legacy), Anyone::Modern(modern)]
    }

    pub fn era(&self) -> &'static str {
        if self.is_modern() { "modern" } else { "legacy" }
    }

    pub fn is_modern(&self) -> bool {
        matches!(self, Anyone::Modern(_))
    }

    pub fn call_message(&self, tool: &str, arguments: Value) -> Value {
        match self {
            Anyone::Legacy(client) => client.call_message(tool, arguments),
            Anyone::Modern(client) => client.call_message(tool, arguments),
        }
    }

    pub fn progress_message(&self, tool: &str, arguments: Value, token: Value) -> Value {
        match self {
            Anyone::Legacy(client) => client.progress_message(tool, arguments, token),
            Anyone::Modern(client) => client.progress_message(tool, arguments, token),
        }
    }

    #[track_caller]
    pub fn post(&self, message: &Value) -> Response {
        match self {
            Anyone::Legacy(client) => client.post(message),
            Anyone::Modern(client) => client.post(message),
        }
    }

    /// POSTs a request that is answered by an event stream.
    #[track_caller]
    pub fn open(&self, message: &Value) -> Stream {
        match self {
            Anyone::Legacy(client) => client.stream(message),
            Anyone::Modern(client) => client.open(message),
        }
    }

    /// The result, or the JSON-RPC error.
    #[track_caller]
    pub fn request(&self, method: &str, params: Value) -> Result<Value, Value> {
        match self {
            Anyone::Legacy(client) => client.request(method, params),
            Anyone::Modern(client) => client.request(method, params),
        }
    }

    #[track_caller]
    pub fn try_call(&self, tool: &str, arguments: Value) -> Result<Value, Value> {
        self.request("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    #[track_caller]
    pub fn call(&self, tool: &str, arguments: Value) -> Value {
        self.try_call(tool, arguments).unwrap_or_else(|error| panic!("{tool}: {error}"))
    }

    /// The text in a tool's result.
    #[track_caller]
    pub fn text(&self, tool: &str, arguments: Value) -> String {
        text_of(&self.call(tool, arguments))
    }

    /// The JSON in a tool's text.
    #[track_caller]
    pub fn json(&self, tool: &str, arguments: Value) -> Value {
        serde_json::from_str(&self.text(tool, arguments)).unwrap()
    }

    /// Gives up a call, in the manner of the era.
    #[track_caller]
    pub fn cancel(&self, message: &Value, stream: Stream) {
        match self {
            Anyone::Legacy(client) => {
                client.notify("notifications/cancelled", json!({"requestId": message["id"]}));
            }
            Anyone::Modern(_) => drop(stream),
        }
    }

    /// A call during which the server asks, and is answered by [`answer_to`] each time.
    #[track_caller]
    pub fn converse(&self, method: &str, params: Value) -> Result<Value, Value> {
        match self {
            Anyone::Legacy(client) => answering(client, &client.message(method, params)),
            Anyone::Modern(client) => retrying(client, method, params),
        }
    }

    /// The JSON in the text of a tool that asks.
    #[track_caller]
    pub fn asked(&self, tool: &str, arguments: Value) -> Value {
        let result = self.converse("tools/call", json!({"name": tool, "arguments": arguments}));
        serde_json::from_str(&text_of(&result.unwrap_or_else(|error| panic!("{tool}: {error}")))).unwrap()
    }
}

/// Legacy: the questions come as requests on the stream.
#[track_caller]
fn answering(client: &Client, message: &Value) -> Result<Value, Value> {
    let stream = match client.begin(message) {
        Ok(stream) => stream,
        Err(response) => return outcome(&response.messages()[0]),
    };
    loop {
        let (_, heard) = stream.next_message();
        match heard["method"].as_str() {
            Some(method) => client.answer(&heard["id"], answer_to(method)),
            None => return outcome(&heard),
        }
    }
}

/// Modern: the questions come as a result, and the answers go with the same request again.
#[track_caller]
fn retrying(client: &Modern, method: &str, params: Value) -> Result<Value, Value> {
    let mut result = client.request(method, params.clone())?;
    for _ in 0..5 {
        if result["resultType"] != "input_required" {
            return Ok(result);
        }
        result = client.request(method, retry_of(&params, &result))?;
    }
    panic!("asked without end: {result}")
}

/// The parameters of a call once more, with an answer to everything that its result asked.
pub fn retry_of(params: &Value, asked: &Value) -> Value {
    let mut params = params.clone();
    let requests = asked["inputRequests"].as_object().into_iter().flatten();
    let answer = |(key, request): (&String, &Value)| {
        (key.clone(), answer_to(request["method"].as_str().expect("a method")))
    };
    params["inputResponses"] = Value::Object(requests.map(answer).collect::<Map<_, _>>());
    if let Some(state) = asked.get("requestState") {
        params["requestState"] = state.clone();
    }
    params
}

/// What our user, model and folders have to say.
pub fn answer_to(method: &str) -> Value {
    match method {
        "elicitation/create" => json!({"action": "accept", "content": {"name": "Ann"}}),
        "sampling/createMessage" => {
            json!({"role": "assistant", "content": {"type": "text", "text": "hm"}, "model": "m"})
        }
        "roots/list" => json!({"roots": [{"uri": "file:///home", "name": "home"}]}),
        other => panic!("nobody may ask {other}"),
    }
}

/// The result, or the error, in a response.
pub fn outcome(response: &Value) -> Result<Value, Value> {
    response.get("error").map_or_else(|| Ok(response["result"].clone()), |error| Err(error.clone()))
}

#[track_caller]
pub fn text_of(result: &Value) -> String {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("no text in {result}")).to_string()
}

/// Everything that reached this client's server, oldest first.
#[track_caller]
pub fn received(client: &Anyone) -> Vec<Value> {
    let lines: Vec<String> = serde_json::from_value(client.json("received", json!({}))).unwrap();
    lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// This server's entry in `/servers`.
#[track_caller]
pub fn entry(proxy: &Proxy, name: &str) -> Value {
    let all = request("GET", &proxy.url("servers"), &[], b"").json();
    let servers = all["servers"].as_array().unwrap();
    servers.iter().find(|server| server["name"] == name).expect("the server").clone()
}
