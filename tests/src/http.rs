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
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into();
    let said = |e: &dyn std::fmt::Display| format!("{method} http://{host}:{port}{path}: {e}");
    // Names below `localhost` are not known to every resolver, so the name goes in the header.
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("http://127.0.0.1:{port}{path}"))
        .header("host", format!("{host}:{port}"))
        .header("content-type", "application/json");
    let body = body.map(ToString::to_string).unwrap_or_default();
    let request = request.body(body).map_err(|e| said(&e))?;
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
