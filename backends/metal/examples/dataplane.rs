//! Runs the proxy or the S3 server alone, as `platc internal …` does: for tests, and to try a
//! configuration by hand.
//!
//! ```sh
//! cargo run -p plat-metal --example dataplane -- proxy proxy.json
//! cargo run -p plat-metal --example dataplane -- s3 s3.json
//! ```

use plat_metal::{objectstore, proxy};
use std::error::Error;
use std::path::Path;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["proxy", config] => proxy::serve(Path::new(config)).await?,
        ["s3", config] => objectstore::serve(Path::new(config)).await?,
        _ => return Err("say `proxy CONFIG` or `s3 CONFIG`".into()),
    }
    Ok(())
}
