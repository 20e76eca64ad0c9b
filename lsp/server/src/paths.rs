//! Paths ↔ addresses of documents.

use std::path::{Path, PathBuf};

use gen_lsp_types::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What a path keeps as it is in an address: RFC 3986's unreserved characters, and the `/`.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The address of a file.
pub fn to_uri(path: &Path) -> Uri {
    let path = path.to_string_lossy();
    Uri(format!("file://{}", utf8_percent_encode(&path, IN_PATH)))
}

/// The path of an address; `None` where it is no file of this machine: `untitled:Untitled-1`.
pub fn to_path(uri: &Uri) -> Option<PathBuf> {
    let rest = uri.0.strip_prefix("file://")?;
    // Between the slashes stands the machine: none, or this one.
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    let path = path.starts_with('/').then_some(path)?;
    let path = path.split(['?', '#']).next()?;
    let path = percent_decode_str(path).decode_utf8().ok()?;
    Some(PathBuf::from(path.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_again() {
        for path in ["/a/b.plat", "/with a blank/ü#?%.plat", "/c:/d"] {
            assert_eq!(to_path(&to_uri(Path::new(path))), Some(PathBuf::from(path)));
        }
        assert_eq!(to_uri(Path::new("/a b")).0, "file:///a%20b");
    }

    #[test]
    fn what_is_no_file_of_this_machine_has_no_path() {
        for uri in ["untitled:Untitled-1", "file://elsewhere/a", "https://a/b"] {
            assert_eq!(to_path(&Uri::from(uri)), None, "{uri}");
        }
    }
}
