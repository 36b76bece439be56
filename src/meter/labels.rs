//! What labels can say.

use super::counts::labels;

labels! {
    /// What a request asks for.
    Method {
        /// `initialize`
        Initialize = "initialize",
        /// `tools/call`
        CallTool = "tools/call",
        /// `tools/list`
        ListTools = "tools/list",
        /// `resources/read`
        ReadResource = "resources/read",
        /// `prompts/get`
        GetPrompt = "prompts/get",
        /// `completion/complete`
        Complete = "completion/complete",
        /// Any other, also one that no server knows.
        Other = "other",
    }
}

impl Method {
    /// That of this name.
    pub fn of(name: &str) -> Method {
        let named = [
            Method::CallTool,
            Method::ListTools,
            Method::ReadResource,
            Method::GetPrompt,
            Method::Complete,
            Method::Initialize,
        ];
        let found = named.into_iter().find(|method| super::Label::name(*method) == name);
        found.unwrap_or(Method::Other)
    }

    /// Whether the server has to work for it; all else is about the connection, or what there is.
    pub fn is_call(self) -> bool {
        matches!(self, Method::CallTool | Method::ReadResource | Method::GetPrompt | Method::Complete)
    }
}

labels! {
    /// How a request ended.
    Outcome {
        /// With a result.
        Ok = "ok",
        /// With a result that says that the tool has failed (`isError`).
        ToolError = "tool_error",
        /// With a question to the client, which calls once more (2026-07-28).
        InputRequired = "input_required",
        /// With an error of the server's, or of ours about what it sent.
        Error = "error",
        /// The tool is hidden from who called it; the server has not heard of it.
        Refused = "refused",
        /// It was taken back.
        Cancelled = "cancelled",
        /// Its time was over.
        TimedOut = "timed_out",
        /// The server ended, or its connection did, while the request was there.
        Lost = "lost",
        /// There was no server to take it.
        Unavailable = "unavailable",
        /// The server had too much to do already.
        Overloaded = "overloaded",
        /// Nobody waited for the answer, or none was seen.
        NoAnswer = "no_answer",
    }
}

impl Outcome {
    /// Whether the server has answered: how long that took says something about the server.
    pub fn is_answer(self) -> bool {
        matches!(self, Outcome::Ok | Outcome::ToolError | Outcome::InputRequired | Outcome::Error)
    }

    /// Whether something went wrong, as the operator sees it.
    pub fn is_wrong(self) -> bool {
        match self {
            Outcome::Ok | Outcome::InputRequired | Outcome::Refused | Outcome::Cancelled => false,
            Outcome::ToolError | Outcome::Error | Outcome::TimedOut | Outcome::Lost => true,
            Outcome::Unavailable | Outcome::Overloaded => true,
            Outcome::NoAnswer => false,
        }
    }
}

labels! {
    /// Where bytes go.
    Direction {
        /// From clients, or from us, to the server.
        ToServer = "to_server",
        /// From the server.
        FromServer = "from_server",
    }
}

labels! {
    /// The first digit of an HTTP status.
    StatusClass {
        /// 1xx
        Informational = "1xx",
        /// 2xx
        Success = "2xx",
        /// 3xx
        Redirection = "3xx",
        /// 4xx
        ClientError = "4xx",
        /// 5xx, and what is none
        ServerError = "5xx",
    }
}

impl StatusClass {
    /// From 1xx to 5xx.
    pub fn all() -> [StatusClass; 5] {
        [1, 2, 3, 4, 5].map(|digit| StatusClass::of(digit * 100))
    }

    /// That of this status.
    pub fn of(status: u16) -> StatusClass {
        match status / 100 {
            1 => StatusClass::Informational,
            2 => StatusClass::Success,
            3 => StatusClass::Redirection,
            4 => StatusClass::ClientError,
            _ => StatusClass::ServerError,
        }
    }
}

labels! {
    /// What came of a session.
    Visit {
        /// It began.
        Created = "created",
        /// It was not in memory, and its id brought it back.
        Revived = "revived",
        /// It gave its place in memory to another.
        Forgotten = "forgotten",
    }
}

labels! {
    /// What a long-lived stream is for.
    StreamKind {
        /// GET of a session, or a stream that was taken up again.
        Session = "session",
        /// The transport of 2024-11-05.
        Line = "sse",
        /// `subscriptions/listen`
        Listen = "listen",
        /// GET that an HTTP server answers itself.
        Forwarded = "forwarded",
    }
}

labels! {
    /// What found no room.
    Rejection {
        /// A line for a child that does not read (`stdin_queue_bytes`).
        Stdin = "stdin",
        /// A call (`max_calls`).
        Calls = "calls",
        /// A session's child (`max_instances`).
        Children = "children",
        /// What a client's stream was to carry: it did not keep up (`stream_queue_bytes`, `max_queued_bytes`).
        StreamQueue = "stream_queue",
        /// A long-lived stream (three quarters of `max_connections`).
        Streams = "streams",
        /// A call that waits for its client (`max_parked`).
        Parked = "parked",
    }
}

labels! {
    /// How a child ended.
    Exit {
        /// Somebody asked.
        Requested = "requested",
        /// With status 0, by itself.
        Ended = "ended",
        /// With another status.
        Failed = "failed",
        /// By a signal.
        Signalled = "signalled",
        /// It could not be started.
        NotStarted = "not_started",
        /// It did not answer in its start timeout.
        StartTimeout = "start_timeout",
        /// It did not answer its health checks.
        Unhealthy = "unhealthy",
        /// It took more than it may.
        OverLimit = "over_limit",
        /// Nobody needed it.
        Asleep = "asleep",
        /// It was started for the other era, or only tried out for it.
        OtherEra = "other_era",
    }
}

labels! {
    /// Why a request was refused at the door.
    Refusal {
        /// No credential.
        Missing = "missing",
        /// More than one.
        Several = "several",
        /// One that is none of ours.
        Unknown = "unknown",
        /// One whose time was over.
        Expired = "expired",
        /// Too many wrong ones came from there.
        Locked = "locked",
        /// A good one, but not for that.
        Foreign = "foreign",
        /// One of the authorization server's for another server.
        Audience = "audience",
        /// A command without the control secret.
        Command = "command",
        /// A Host or Origin that is not ours.
        Origin = "origin",
        /// A wrong password of the owner's.
        Password = "password",
    }
}
