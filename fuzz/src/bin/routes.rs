//! Paths: each leads to one place, spelt as it came; a server's own port and its path on the proxy agree.
#![no_main]

use http::uri::PathAndQuery;
use libfuzzer_sys::fuzz_target;
use mcp_proxy::fuzzing::Route;

/// The server that a route leads to, and the paths (without the name) that may lead there.
fn led_to(route: &Route) -> Option<(&str, Vec<String>)> {
    let paths = |all: &[&str]| all.iter().map(|path| path.to_string()).collect();
    Some(match route {
        Route::Endpoint { name } => (name, paths(&["", "/", "/mcp"])),
        Route::ServerHealth { name } => (name, paths(&["/health"])),
        Route::ServerLogs { name } => (name, paths(&["/logs"])),
        Route::Line { name, .. } => (name, paths(&["/sse", "/messages"])),
        Route::Below { name, rest } => (name, vec![rest.path().to_string()]),
        _ => return None,
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(target) = PathAndQuery::try_from(bytes) else { return };
    let route = Route::of("", &target);
    let is_well_known = target.path().split('/').any(|segment| segment == ".well-known");
    assert_eq!(route == Route::WellKnown, is_well_known);
    let Some((name, paths)) = led_to(&route) else { return };
    assert!(!name.is_empty() && !name.contains('/') && name != "api", "{route:?}");
    let rest = target.path().strip_prefix('/').and_then(|path| path.strip_prefix(name)).unwrap();
    assert!(paths.iter().any(|path| path == rest), "{target} leads to {route:?}");
    if let Route::Below { rest, .. } = &route {
        assert_eq!(rest.query(), target.query());
    }
    // The same at the server's own port; no other name leads there.
    let query = target.query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(own) = format!("{}{query}", if rest.is_empty() { "/" } else { rest }).parse::<PathAndQuery>() {
        assert_eq!(Route::of(name, &own), route);
        assert_ne!(Route::of(&format!("not-{name}"), &own), route);
    }
});
