//! Requests to what is running, by the name a browser would use.

use std::collections::BTreeMap;
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as text.
    pub body: String,
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Panics
    /// Where it is not JSON.
    #[expect(clippy::panic, reason = "a test helper fails its test")]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e} in {}", self.body))
    }
}

/// `GET path` of `host` at a port of this machine.
///
/// # Errors
/// Where there was no whole answer, in words.
pub fn get(port: u16, host: &str, path: &str) -> Result<Reply, String> {
    request("GET", port, host, path, None)
}

/// A request of `host` at a port of this machine, with a JSON body where one is given. An error
/// status is an answer too.
///
/// # Errors
/// Where there was no whole answer, in words.
pub fn request(
    method: &str,
    port: u16,
    host: &str,
    path: &str,
    body: Option<&serde_json::Value>,
) -> Result<Reply, String> {
    // Names below `localhost` are not known to every resolver, so the name goes in the header.
    let at = format!("127.0.0.1:{port}");
    let host = format!("{host}:{port}");
    let headers = [
        ("host", host.as_str()),
        ("content-type", "application/json"),
    ];
    let body = body.map(ToString::to_string).unwrap_or_default();
    ask(method, &at, path, &headers, &body)
}

/// A request of whoever listens at `host:port`, with these headers. An error status is an answer too.
///
/// # Errors
/// Where there was no whole answer, in words.
pub fn ask(
    method: &str,
    at: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Reply, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into();
    let uri = format!("http://{at}{path}");
    let said = |e: &dyn std::fmt::Display| format!("{method} {uri}: {e}");
    let request = ureq::http::Request::builder().method(method).uri(&uri);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    let request = request.body(body.to_owned()).map_err(|e| said(&e))?;
    let mut response = agent.run(request).map_err(|e| said(&e))?;
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let status = response.status().as_u16();
    let body = response.body_mut().read_to_string().map_err(|e| said(&e))?;
    Ok(Reply {
        status,
        headers,
        body,
    })
}
