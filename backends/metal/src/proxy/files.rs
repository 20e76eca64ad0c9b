//! Sites: files of a directory.

use super::body::Body;
use super::pages::Page;
use super::table::{Rule, below};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_LENGTH, ETAG, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use std::path::Path;
use tower_http::services::ServeDir;

/// The page of a site that is shown for what is not there.
const NOT_FOUND: &str = "/404.html";

/// The file that a request asks for, relative to the rule's path.
pub(super) async fn site<B>(
    rule: &Rule,
    dir: &Path,
    fallback: Option<&Path>,
    request: &Request<B>,
) -> Result<Response<Body>, Page> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Err(Page::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "Files can only be read, with GET or HEAD.",
        ));
    }
    let path = request.uri().path();
    let path = below(path, &rule.rule.path).unwrap_or(path);
    let hidden = |segment: &str| segment.starts_with('.') && segment != ".well-known";
    let decoded = percent_decoded(path);
    if !decoded.split('/').any(hidden) {
        let response = file(dir, path, request).await?;
        if response.status() != StatusCode::NOT_FOUND {
            return Ok(finish(rule, request.headers(), response));
        }
    }
    if let Some(fallback) = fallback {
        let path = format!("/{}", fallback.display());
        let response = file(dir, &path, request).await?;
        if response.status() != StatusCode::NOT_FOUND {
            return Ok(finish(rule, request.headers(), response));
        }
    }
    let mut response = file(dir, NOT_FOUND, request).await?;
    if response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    }
    Err(Page::new(
        StatusCode::NOT_FOUND,
        format!("There is no file {path}."),
    ))
}

async fn file<B>(dir: &Path, path: &str, request: &Request<B>) -> Result<Response<Body>, Page> {
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    let mut inner = Request::new(());
    *inner.method_mut() = request.method().clone();
    *inner.uri_mut() = path
        .parse()
        .map_err(|e| Page::new(StatusCode::BAD_REQUEST, format!("That is no path: {e}.")))?;
    *inner.headers_mut() = request.headers().clone();
    let mut serve = ServeDir::new(dir);
    if request.headers().contains_key(ACCEPT_ENCODING) {
        serve = serve.precompressed_br().precompressed_gzip();
    }
    let response = serve.try_call(inner).await.map_err(|e| {
        Page::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("The file {path} can't be read: {e}."),
        )
    })?;
    Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
}

/// Adds what makes browsers ask again, cheaply.
fn finish(rule: &Rule, asked: &HeaderMap, mut response: Response<Body>) -> Response<Body> {
    if response.status().is_redirection() {
        // To a directory's slash, relative to the site: put the rule's path back before it.
        let place = response
            .headers()
            .get(LOCATION)
            .and_then(|l| l.to_str().ok());
        if let Some(place) =
            place.and_then(|l| HeaderValue::from_str(&format!("{}{l}", rule.rule.path)).ok())
        {
            response.headers_mut().insert(LOCATION, place);
        }
        return response;
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if response.status() != StatusCode::OK {
        return response;
    }
    let Some(tag) = entity_tag(response.headers()) else {
        return response;
    };
    let known = asked
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|tags| tags.to_str().ok())
        .flat_map(|tags| tags.split(','))
        .any(|known| known.trim() == tag || known.trim() == "*");
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = super::body::full("");
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// Weak: of time and size alone.
fn entity_tag(headers: &HeaderMap) -> Option<String> {
    let modified = headers.get(LAST_MODIFIED)?.to_str().ok()?;
    let size = headers.get(CONTENT_LENGTH)?.to_str().ok()?;
    let digest = crate::services::digest([modified, size]);
    Some(format!("W/\"{}\"", digest.get(..16)?))
}

/// Enough of it to see hidden names; the file itself is looked up by the library.
pub(super) fn percent_decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
        match (first, hex(after.first()), hex(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
