//! Fetching one archive from the first source that has it, and checking it.

use super::{OnProgress, Pin, Progress};
use futures::StreamExt;
use sha2::{Digest, Sha256};
use std::error::Error;
use std::path::Path;
use std::sync::Once;
use std::time::Duration;

/// A source that does not answer must not hold up the next.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a download may stand still.
const STALL: Duration = Duration::from_secs(20);
/// How often one source is tried when it breaks off.
const TRIES: u32 = 2;
/// How often progress is told.
const TELL_EVERY: u64 = 128 * 1024;

/// The archive's bytes, with the pinned hash; else each source with the reason it failed.
pub(super) async fn archive(
    pin: &Pin,
    mirror: Option<&str>,
    what: &str,
    progress: OnProgress<'_>,
) -> Result<Vec<u8>, Vec<(String, String)>> {
    let mut tried = Vec::new();
    for source in mirror
        .into_iter()
        .chain(pin.sources.iter().map(String::as_str))
    {
        let url = format!("{}/{}", source.trim_end_matches('/'), pin.file);
        match from_source(&url, pin, what, progress).await {
            Ok(bytes) => return Ok(bytes),
            Err(why) => tried.push((url, why)),
        }
    }
    Err(tried)
}

async fn from_source(
    url: &str,
    pin: &Pin,
    what: &str,
    progress: OnProgress<'_>,
) -> Result<Vec<u8>, String> {
    let bytes = if let Some(path) = url.strip_prefix("file://") {
        tokio::fs::read(Path::new(path))
            .await
            .map_err(|e| e.to_string())?
    } else {
        let mut attempt = 1;
        loop {
            match download(url, pin, what, progress).await {
                Ok(bytes) => break bytes,
                Err(Broken::Gone(why)) => return Err(why),
                Err(Broken::Off(why)) if attempt >= TRIES => return Err(why),
                Err(Broken::Off(_)) => attempt += 1,
            }
        }
    };
    check(&bytes, pin)?;
    Ok(bytes)
}

/// Whether it is worth asking the same source again.
enum Broken {
    /// It broke off on the way.
    Off(String),
    /// It is not there, or can't be reached.
    Gone(String),
}

async fn download(
    url: &str,
    pin: &Pin,
    what: &str,
    progress: OnProgress<'_>,
) -> Result<Vec<u8>, Broken> {
    let gone = |e: reqwest::Error| Broken::Gone(reason(&e));
    let client = client().map_err(gone)?;
    let response = client.get(url).send().await.map_err(gone)?;
    if !response.status().is_success() {
        return Err(Broken::Gone(format!("it answers {}", response.status())));
    }
    let total = pin.bytes;
    let mut body = response.bytes_stream();
    let mut bytes = Vec::with_capacity(usize::try_from(total).unwrap_or(0));
    let mut told = 0;
    progress(Progress {
        what,
        done: 0,
        total,
    });
    while let Some(chunk) = body.next().await {
        bytes.extend_from_slice(
            &chunk.map_err(|e| Broken::Off(format!("it broke off: {}", reason(&e))))?,
        );
        let done = bytes.len() as u64;
        if done > total {
            return Err(Broken::Gone(format!(
                "it is larger than the {total} bytes it should have"
            )));
        }
        if done - told >= TELL_EVERY || done == total {
            told = done;
            progress(Progress { what, done, total });
        }
    }
    Ok(bytes)
}

fn check(bytes: &[u8], pin: &Pin) -> Result<(), String> {
    if bytes.len() as u64 != pin.bytes {
        return Err(format!(
            "it has {} bytes instead of {}; nothing of it was kept",
            bytes.len(),
            pin.bytes
        ));
    }
    let got = format!("{:x}", Sha256::digest(bytes));
    if got != pin.sha256 {
        return Err(format!(
            "its SHA-256 is {got} instead of {}; nothing of it was kept",
            pin.sha256
        ));
    }
    Ok(())
}

fn client() -> reqwest::Result<reqwest::Client> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // Somebody else of this process may have chosen one already: theirs does as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .read_timeout(STALL)
        .user_agent(concat!("plat/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The innermost reason: the outer ones only repeat the address.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
