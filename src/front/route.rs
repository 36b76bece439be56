//! What a path means. Pure; nothing is decoded or normalised, so nothing can be smuggled past it.

use crate::bridge::LinePlace;
use ::http::uri::PathAndQuery;

/// The places there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `/`: what is served here.
    Index,
    /// `/health`
    Health,
    /// `/ready`
    Ready,
    /// `/servers` and `/api/servers`
    Servers,
    /// `/api/servers/NAME/start|stop|restart`
    Control { name: String, action: Action },
    /// `/api/reload`
    Reload,
    /// `/mcp`, where clients look that were not told a name.
    NoName,
    /// `.well-known` anywhere: authorization metadata that we do not have.
    WellKnown,
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

/// What can be done with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Start,
    Stop,
    Restart,
}

impl Route {
    /// On the port of a single server (`door` is its name) every path is below that name.
    pub(super) fn of(door: &str, target: &PathAndQuery) -> Route {
        let path = target.path();
        if path.split('/').any(|segment| segment == ".well-known") {
            return Route::WellKnown;
        }
        if !door.is_empty() {
            return below(door, path, target.query());
        }
        match path {
            "/" => Route::Index,
            "/health" => Route::Health,
            "/ready" => Route::Ready,
            "/servers" | "/api/servers" => Route::Servers,
            "/api/reload" => Route::Reload,
            "/mcp" | "/mcp/" => Route::NoName,
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
        _ => Route::Nothing,
    }
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
    fn our_own_places_win() {
        assert_eq!(route("", "/mcp"), Route::NoName);
        assert_eq!(route("", "/notes/mcp/.well-known/openid-configuration"), Route::WellKnown);
        assert_eq!(
            route("", "/api/servers/notes/stop"),
            Route::Control { name: "notes".into(), action: Action::Stop }
        );
        assert_eq!(route("", "/api/servers/notes/explode"), Route::Nothing);
        assert_eq!(route("", "//notes"), Route::Nothing);
        assert_eq!(route("", "/notes/logs"), Route::ServerLogs { name: "notes".into() });
    }
}
