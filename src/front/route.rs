//! What a path means. Pure; nothing is decoded or normalised, so nothing can be smuggled past it.

use crate::bridge::LinePlace;
use ::http::uri::PathAndQuery;

/// The places there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/`: what is served here.
    Index,
    /// `/health`
    Health,
    /// `/health/ws`: a WebSocket.
    HealthEvents,
    /// `/ready`
    Ready,
    /// `/metrics`
    Metrics,
    /// `/servers` and `/api/servers`
    Servers,
    /// `/api/servers/NAME/start|stop|restart`
    Control { name: String, action: Action },
    /// `/api/reload`
    Reload,
    /// `/login`: who wants to see the page says who that is.
    Login,
    /// `/logout`
    Logout,
    /// `/api/login`: a link to sign in by.
    Link,
    /// `/api/openapi.json`: what plain HTTP reaches, for programs.
    OpenApi,
    /// `/api/NAME/…`: plain HTTP, for who speaks no MCP.
    Plain { name: String, thing: Thing },
    /// `/mcp`, where clients look that were not told a name.
    NoName,
    /// `.well-known` anywhere: what clients look for who want to know how to get access.
    WellKnown,
    /// `/authorize`, `/register`, `/token` and what is below it.
    Oauth(Endpoint),
    /// `/NAME`, `/NAME/`, `/NAME/mcp`
    Endpoint { name: String },
    /// `/NAME/health`
    ServerHealth { name: String },
    /// `/NAME/logs`
    ServerLogs { name: String },
    /// `/NAME/sse` and `/NAME/messages`: the transport of 2024-11-05.
    Line { name: String, place: LinePlace },
    /// Anything else under a name: `rest` is what an HTTP server gets.
    Below { name: String, rest: PathAndQuery },
    /// A path that belongs to us and means nothing.
    Nothing,
}

/// What plain HTTP reaches of a server. Names are as they stand in the path; `/` may be part of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    /// `tools`
    Tools,
    /// `tools/TOOL`
    Tool(String),
    /// `resources`, and one of them by `?uri=`
    Resources,
    /// `prompts`
    Prompts,
    /// `prompts/PROMPT`
    Prompt(String),
}

/// What the authorization server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Authorize,
    Register,
    Token,
    Revoke,
}

/// What can be done with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Start,
    Stop,
    Restart,
}

impl Route {
    /// The name of the server it leads to, whether there is one of that name or not.
    pub fn server(&self) -> Option<&str> {
        match self {
            Route::Endpoint { name }
            | Route::ServerHealth { name }
            | Route::ServerLogs { name }
            | Route::Line { name, .. }
            | Route::Below { name, .. }
            | Route::Plain { name, .. }
            | Route::Control { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Whether the status page asks for it, and who has signed in there may have it.
    pub fn is_of_page(&self) -> bool {
        matches!(
            self,
            Route::Index
                | Route::Servers
                | Route::HealthEvents
                | Route::ServerHealth { .. }
                | Route::ServerLogs { .. }
                | Route::Plain { thing: Thing::Tools, .. }
                | Route::Control { .. }
                | Route::Logout
        )
    }

    /// Whether it leads to a server itself.
    pub fn is_of_server(&self) -> bool {
        matches!(self, Route::Endpoint { .. } | Route::Line { .. } | Route::Below { .. })
    }

    /// What it is called in the access log.
    pub fn kind(&self) -> &'static str {
        match self {
            Route::Index => "index",
            Route::Health => "health",
            Route::HealthEvents => "health-events",
            Route::Ready => "ready",
            Route::Metrics => "metrics",
            Route::Servers => "servers",
            Route::Control { .. } => "control",
            Route::Reload => "reload",
            Route::Login => "login",
            Route::Logout => "logout",
            Route::Link => "link",
            Route::OpenApi => "openapi",
            Route::Plain { .. } => "plain",
            Route::NoName => "no-name",
            Route::WellKnown => "well-known",
            Route::Oauth(_) => "oauth",
            Route::Endpoint { .. } => "endpoint",
            Route::ServerHealth { .. } => "server-health",
            Route::ServerLogs { .. } => "server-logs",
            Route::Line { .. } => "line",
            Route::Below { .. } => "below",
            Route::Nothing => "nothing",
        }
    }

    /// On the port of a single server (`door` is its name) every path is below that name.
    pub fn of(door: &str, target: &PathAndQuery) -> Route {
        let path = target.path();
        if !path.starts_with('/') {
            return Route::Nothing; // `OPTIONS *` is about no path at all
        }
        if path.split('/').any(|segment| segment == ".well-known") {
            return Route::WellKnown;
        }
        if !door.is_empty() {
            return below(door, path, target.query());
        }
        match path {
            "/" => Route::Index,
            "/health" => Route::Health,
            "/health/ws" => Route::HealthEvents,
            "/ready" => Route::Ready,
            "/metrics" => Route::Metrics,
            "/servers" | "/api/servers" => Route::Servers,
            "/api/reload" => Route::Reload,
            "/api/login" => Route::Link,
            "/login" => Route::Login,
            "/logout" => Route::Logout,
            "/api/openapi.json" => Route::OpenApi,
            "/mcp" | "/mcp/" => Route::NoName,
            "/authorize" => Route::Oauth(Endpoint::Authorize),
            "/register" => Route::Oauth(Endpoint::Register),
            "/token" => Route::Oauth(Endpoint::Token),
            "/token/revoke" => Route::Oauth(Endpoint::Revoke),
            _ => named(path, target.query()),
        }
    }
}

fn named(path: &str, query: Option<&str>) -> Route {
    let relative = path.strip_prefix('/').unwrap_or(path);
    let (name, rest) = match relative.find('/') {
        Some(at) => relative.split_at(at),
        None => (relative, ""),
    };
    match name {
        "api" => api(rest),
        "" => Route::Nothing,
        _ => below(name, rest, query),
    }
}

fn api(rest: &str) -> Route {
    let parts: Vec<&str> = rest.trim_start_matches('/').split('/').collect();
    match parts[..] {
        ["servers", name, action] => match action {
            "start" => Route::Control { name: name.into(), action: Action::Start },
            "stop" => Route::Control { name: name.into(), action: Action::Stop },
            "restart" => Route::Control { name: name.into(), action: Action::Restart },
            _ => Route::Nothing,
        },
        ["servers", ..] => Route::Nothing,
        _ => plain(rest).unwrap_or(Route::Nothing),
    }
}

fn plain(rest: &str) -> Option<Route> {
    let (name, place) = rest.strip_prefix('/')?.split_once('/')?;
    let thing = match place.split_once('/') {
        None if place == "tools" => Thing::Tools,
        None if place == "resources" => Thing::Resources,
        None if place == "prompts" => Thing::Prompts,
        Some(("tools", tool)) if !tool.is_empty() => Thing::Tool(tool.into()),
        Some(("prompts", prompt)) if !prompt.is_empty() => Thing::Prompt(prompt.into()),
        _ => return None,
    };
    (!name.is_empty()).then(|| Route::Plain { name: name.into(), thing })
}

fn below(name: &str, path: &str, query: Option<&str>) -> Route {
    let name = name.to_string();
    match path {
        "" | "/" | "/mcp" => Route::Endpoint { name },
        "/health" => Route::ServerHealth { name },
        "/logs" => Route::ServerLogs { name },
        "/sse" => Route::Line { name, place: LinePlace::Stream },
        "/messages" => Route::Line { name, place: LinePlace::Messages },
        _ => {
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            match format!("{path}{query}").parse() {
                Ok(rest) => Route::Below { name, rest },
                Err(_) => Route::Nothing,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(door: &str, target: &str) -> Route {
        Route::of(door, &target.parse().unwrap())
    }

    #[test]
    fn a_name_leads_to_its_endpoint() {
        for target in ["/notes", "/notes/", "/notes/mcp", "/notes?x=1"] {
            assert_eq!(route("", target), Route::Endpoint { name: "notes".into() }, "{target}");
        }
        assert_eq!(route("notes", "/"), Route::Endpoint { name: "notes".into() });
        assert_eq!(route("notes", "/mcp"), Route::Endpoint { name: "notes".into() });
        assert_eq!(route("notes", "/health"), Route::ServerHealth { name: "notes".into() });
    }

    #[test]
    fn what_is_below_a_name_keeps_its_spelling() {
        let rest = "/a%2f../../b?q=%20".parse().unwrap();
        assert_eq!(route("", "/notes/a%2f../../b?q=%20"), Route::Below { name: "notes".into(), rest });
        assert_eq!(route("", "/no%74es"), Route::Endpoint { name: "no%74es".into() });
    }

    #[test]
    fn plain_http_reaches_tools_by_their_names_as_they_are_written() {
        let plain = |thing| Route::Plain { name: "notes".into(), thing };
        for (target, thing) in [
            ("/api/notes/tools", Thing::Tools),
            ("/api/notes/tools?x=1", Thing::Tools),
            ("/api/notes/tools/a%2Fb%25", Thing::Tool("a%2Fb%25".into())),
            ("/api/notes/tools/a/../b", Thing::Tool("a/../b".into())),
            ("/api/notes/resources?uri=a%2fb", Thing::Resources),
            ("/api/notes/prompts", Thing::Prompts),
            ("/api/notes/prompts/p", Thing::Prompt("p".into())),
        ] {
            assert_eq!(route("", target), plain(thing), "{target}");
        }
        for nothing in [
            "/api",
            "/api/notes",
            "/api/notes/tools/",
            "/api/notes/resources/x",
            "/api//tools",
            "/api/servers/tools",
        ] {
            assert_eq!(route("", nothing), Route::Nothing, "{nothing}");
        }
        assert_eq!(route("", "/api/openapi.json"), Route::OpenApi);
        assert!(matches!(route("notes", "/api/notes/tools"), Route::Below { .. }));
    }

    #[test]
    fn our_own_places_win() {
        assert_eq!(route("", "/mcp"), Route::NoName);
        assert_eq!(route("", "/metrics"), Route::Metrics);
        assert_eq!((route("", "/login?code=x"), route("", "/api/login")), (Route::Login, Route::Link));
        assert!(matches!(route("notes", "/login"), Route::Below { .. }));
        assert_eq!(route("", "/health/ws?figures=5"), Route::HealthEvents);
        assert!(matches!(route("", "/health/ws/"), Route::Below { .. }));
        assert!(matches!(route("notes", "/health/ws"), Route::Below { .. }));
        assert_eq!(route("", "/authorize?x=1"), Route::Oauth(Endpoint::Authorize));
        assert_eq!(route("", "/token/revoke"), Route::Oauth(Endpoint::Revoke));
        assert!(matches!(route("notes", "/authorize"), Route::Below { .. }));
        assert_eq!(route("", "/notes/mcp/.well-known/openid-configuration"), Route::WellKnown);
        assert_eq!(
            route("", "/api/servers/notes/stop"),
            Route::Control { name: "notes".into(), action: Action::Stop }
        );
        assert_eq!(route("", "/api/servers/notes/explode"), Route::Nothing);
        assert_eq!(route("", "//notes"), Route::Nothing);
        assert_eq!((route("", "*"), route("notes", "*")), (Route::Nothing, Route::Nothing));
        assert_eq!(route("", "/notes/logs"), Route::ServerLogs { name: "notes".into() });
    }
}
