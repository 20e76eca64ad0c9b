//! What a person sees when there is no answer to pass on: short and plain, as a page for browsers
//! and as text for everything else.

use super::body::{Body, full};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

/// An answer of our own.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) lines: Vec<String>,
}

impl Page {
    pub(super) fn new(status: StatusCode, line: impl Into<String>) -> Self {
        Self {
            status,
            lines: vec![line.into()],
        }
    }

    pub(super) fn line(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// The answer, in the form that `request` asks for.
    pub(super) fn response(&self, request: &HeaderMap) -> Response<Body> {
        let wants_html = request
            .get(ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .is_some_and(|accept| accept.contains("text/html"));
        let (text, kind) = if wants_html {
            (self.html(), "text/html; charset=utf-8")
        } else {
            (self.text(), "text/plain; charset=utf-8")
        };
        let mut response = Response::new(full(text));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn title(&self) -> String {
        let reason = self.status.canonical_reason().unwrap_or("error");
        format!("{} {reason}", self.status.as_u16())
    }

    fn text(&self) -> String {
        format!("{}\n{}\n", self.title(), self.lines.join("\n"))
    }

    fn html(&self) -> String {
        let title = escape(&self.title());
        let lines: String = self
            .lines
            .iter()
            .map(|line| format!("<p>{}</p>\n", escape(line)))
            .collect();
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
             <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:15vh auto;padding:0 1em;\
             color-scheme:light dark}}h1{{font-size:1.3em}}</style></head>\n<body><h1>{title}</h1>\n{lines}</body></html>\n"
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_for_browsers_text_for_the_rest() {
        let page = Page::new(StatusCode::NOT_FOUND, "No route has the host `<b>`.")
            .line("Known: shop.localhost");
        assert_eq!(
            page.text(),
            "404 Not Found\nNo route has the host `<b>`.\nKnown: shop.localhost\n"
        );
        assert!(
            page.html()
                .contains("<p>No route has the host `&lt;b&gt;`.</p>")
        );
    }
}
