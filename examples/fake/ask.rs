//! Questions to the client: requests in the legacy era, in the modern one results that a retry answers.

use super::modern::CAPABILITIES;
use super::peer::Peer;
use super::wire::{Era, Reply};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// A conversation: rounds of questions, and what becomes of the answers.
pub(crate) struct Asking {
    name: &'static str,
    /// Each round's questions by key.
    rounds: Vec<Vec<(&'static str, Question)>>,
    /// From each round's answers by key to the result.
    result: fn(Vec<Value>) -> Value,
}

struct Question {
    method: &'static str,
    params: Value,
    /// The capabilities a client needs for it.
    needs: Value,
}

/// What a tool of this name asks. `arguments` are its own.
pub(crate) fn tool(name: &str, arguments: &Value) -> Option<Asking> {
    let text = arguments["text"].as_str().unwrap_or_default();
    let kind = arguments["kind"].as_str().unwrap_or("elicitation");
    let one = |kind: &str| question(kind, text).map(|question| ("q", question)).into_iter().collect();
    Some(match name {
        "ask" => Asking { name: "ask", rounds: vec![one(kind)], result: |it| said(&it[0]["q"]) },
        "ask_twice" => Asking {
            name: "ask_twice",
            rounds: vec![one(kind), one(kind)],
            result: |it| said(&json!([it[0]["q"], it[1]["q"]])),
        },
        "ask_many" => {
            let pair = [("a", "elicitation"), ("b", "sampling")];
            let both = pair.into_iter().filter_map(|(key, kind)| Some((key, question(kind, text)?)));
            Asking { name: "ask_many", rounds: vec![both.collect()], result: |it| said(&it[0]) }
        }
        "require_url" => {
            Asking { name: "require_url", rounds: vec![one("url")], result: |it| said(&it[0]["q"]) }
        }
        _ => return None,
    })
}

/// The prompt `ask`: what the client answers is its text.
pub(crate) fn prompt() -> Asking {
    let result = |it: Vec<Value>| {
        let content = json!({"type": "text", "text": it[0]["q"].to_string()});
        json!({"messages": [{"role": "user", "content": content}]})
    };
    let rounds = vec![question("elicitation", "which?").map(|it| ("q", it)).into_iter().collect()];
    Asking { name: "prompt", rounds, result }
}

fn said(answer: &Value) -> Value {
    json!({"content": [{"type": "text", "text": answer.to_string()}]})
}

/// None for the kind `none`: a round without a question, which in the modern era is a `requestState` alone.
fn question(kind: &str, text: &str) -> Option<Question> {
    Some(match kind {
        "none" => return None,
        "roots" => Question { method: "roots/list", params: json!({}), needs: json!({"roots": {}}) },
        "elicitation" => {
            let schema = json!({"type": "object", "properties": {"name": {"type": "string"}}});
            let params = json!({"message": text, "requestedSchema": schema});
            Question { method: "elicitation/create", params, needs: json!({"elicitation": {}}) }
        }
        "url" => Question {
            method: "elicitation/create",
            params: elicitation("e-1", text),
            needs: json!({"elicitation": {"url": {}}}),
        },
        _ => {
            let messages = json!([{"role": "user", "content": {"type": "text", "text": text}}]);
            let params = json!({"messages": messages, "maxTokens": 16});
            Question { method: "sampling/createMessage", params, needs: json!({"sampling": {}}) }
        }
    })
}

impl Question {
    /// As part of a result. The modern era has no `elicitationId`.
    fn modern(&self) -> Value {
        let mut params = self.params.clone();
        if let Some(params) = params.as_object_mut() {
            params.remove("elicitationId");
        }
        json!({"method": self.method, "params": params})
    }
}

/// A URL that somebody is to visit.
pub(crate) fn elicitation(id: &str, text: &str) -> Value {
    json!({"mode": "url", "elicitationId": id, "url": format!("https://example.com/{id}"), "message": text})
}

impl Asking {
    /// `params` are those of the request in which this is asked.
    pub(crate) fn begin(self, peer: &Arc<Peer>, params: &Value, reply: Reply) {
        if reply.era == Era::Modern {
            return self.go_on(params, &reply);
        }
        let peer = peer.clone();
        std::thread::spawn(move || self.ask(&peer, &reply));
    }

    /// Legacy: all questions of a round at once, the rounds one after the other.
    fn ask(self, peer: &Peer, reply: &Reply) {
        let mut answers = Vec::new();
        for round in &self.rounds {
            let asked = round.iter().map(|(key, it)| (key, peer.ask(&reply.out, it.method, &it.params)));
            let asked: Vec<_> = asked.collect();
            let answered = asked.into_iter().map(|(key, answer)| {
                let text = answer.recv().unwrap_or_default();
                (key.to_string(), serde_json::from_str(&text).unwrap_or_default())
            });
            answers.push(Value::Object(answered.collect()));
        }
        reply.result(&(self.result)(answers).to_string());
    }

    /// Modern: the result, or the next round's questions. What was answered before lies in the `requestState`.
    fn go_on(self, params: &Value, reply: &Reply) {
        let Some(answers) = self.answered(params) else {
            return reply.error(-32602, "inputResponses and requestState are not what was asked for");
        };
        let Some(round) = self.rounds.get(answers.len()) else {
            return reply.result(&(self.result)(answers).to_string());
        };
        let able = &params["_meta"][CAPABILITIES];
        if let Some((_, lacking)) = round.iter().find(|(_, question)| !has(able, &question.needs)) {
            let data = json!({"requiredCapabilities": lacking.needs});
            return reply.error_with(-32021, "the client cannot be asked that", &data);
        }
        let asked = |(key, it): &(&str, Question)| (key.to_string(), it.modern());
        let questions: Map<_, _> = round.iter().map(asked).collect();
        let state = json!({"asks": self.name, "answers": answers}).to_string();
        let mut result = json!({"requestState": state});
        if !questions.is_empty() {
            result["inputRequests"] = Value::Object(questions);
        }
        let members = result.to_string();
        reply.result(&format!(r#"{{"resultType":"input_required",{}"#, &members[1..]));
    }

    /// The answers of the rounds so far; None if they are not to our questions.
    fn answered(&self, params: &Value) -> Option<Vec<Value>> {
        let Some(state) = params.get("requestState") else {
            return params.get("inputResponses").is_none().then(Vec::new);
        };
        let state: Value = serde_json::from_str(state.as_str()?).ok()?;
        let mut answers = state["answers"].as_array().filter(|_| state["asks"] == self.name)?.clone();
        let round = self.rounds.get(answers.len())?;
        let given = params.get("inputResponses").cloned().unwrap_or_else(|| json!({}));
        round.iter().all(|(key, _)| given.get(key).is_some()).then_some(())?;
        answers.push(given);
        Some(answers)
    }
}

/// Whether everything that is needed is declared.
fn has(able: &Value, needs: &Value) -> bool {
    let needs = needs.as_object().into_iter().flatten();
    needs.into_iter().all(|(key, below)| able.get(key).is_some_and(|able| has(able, below)))
}
