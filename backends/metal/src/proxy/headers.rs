//! The headers that are ours to remove and to set.

use super::table::Rule;
use http::header::{CONNECTION, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use std::net::SocketAddr;

/// What is between us and one neighbour alone.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What services believe of us: a client can't say it in our place.
const OURS: [&str; 8] = [
    "forwarded",
    "proxy",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-real-ip",
];

/// The host a request is for: the URI's in absolute form, else the `Host` header.
pub(super) fn host<B>(request: &Request<B>) -> Option<&str> {
    match request.uri().authority() {
        Some(authority) => Some(authority.as_str()),
        None => request.headers().get(HOST)?.to_str().ok(),
    }
}

/// The protocol that is asked for (or agreed to) with `Connection: upgrade`.
pub(super) fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("upgrade"));
    headers.get(UPGRADE).filter(|_| asked).cloned()
}

/// Asks for, or agrees to, a protocol.
pub(super) fn set_upgrade(headers: &mut HeaderMap, protocol: HeaderValue) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, protocol);
}

/// Takes away what was meant for us.
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// The headers a service gets with a request.
pub(super) fn to_service<B>(request: &Request<B>, rule: &Rule, client: SocketAddr) -> HeaderMap {
    let protocol = upgrade(request.headers());
    let trailers = request.headers().get(TE).is_some_and(|te| te == "trailers");
    let mut headers = request.headers().clone();
    remove_hop_by_hop(&mut headers);
    headers.remove(EXPECT); // answered by us, when the body is read
    for name in OURS {
        headers.remove(name);
    }
    if let Some(protocol) = protocol {
        set_upgrade(&mut headers, protocol);
    }
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    debug_assert!(!headers.contains_key(TRANSFER_ENCODING) && !headers.contains_key(TRAILER));
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    let host = host(request).unwrap_or_default();
    let address = client.ip().to_canonical().to_string();
    set("host", host);
    set("x-forwarded-for", &address);
    set("x-real-ip", &address);
    set("x-forwarded-host", host);
    set("x-forwarded-proto", "http");
    if rule.rule.strip && !rule.rule.path.is_empty() {
        set("x-forwarded-prefix", &rule.rule.path);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::config::{PathRule, Target};

    #[test]
    fn a_client_can_not_speak_for_us_nor_to_the_service_about_the_connection() {
        let request = Request::builder()
            .uri("/api/x")
            .header("host", "shop.localhost:8080")
            .header("connection", "keep-alive, x-secret")
            .header("x-secret", "1")
            .header("te", "gzip")
            .header("x-forwarded-for", "9.9.9.9")
            .header("accept", "*/*")
            .body(())
            .unwrap();
        let rule = Rule {
            route: "public".to_owned(),
            rule: PathRule {
                path: "/api".to_owned(),
                to: Target::Service("api".to_owned()),
                strip: true,
                timeout_ms: 1,
                limit: None,
            },
        };
        let headers = to_service(&request, &rule, ([127, 0, 0, 1], 4000).into());
        let mut got: Vec<String> = headers
            .iter()
            .map(|(n, v)| format!("{n}: {}", v.to_str().unwrap()))
            .collect();
        got.sort();
        assert_eq!(
            got,
            [
                "accept: */*",
                "host: shop.localhost:8080",
                "x-forwarded-for: 127.0.0.1",
                "x-forwarded-host: shop.localhost:8080",
                "x-forwarded-prefix: /api",
                "x-forwarded-proto: http",
                "x-real-ip: 127.0.0.1",
            ]
        );
    }
}
