//! The hidden commands of `platc`, for this crate's own tests: the agent and what it runs.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use plat_metal::agent::{self, Config};
use plat_metal::client::program_id;
use plat_metal::dirs::Dirs;

/// Where the tests have cargo build the shim.
const SHIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/debug/plat-shim");

#[expect(clippy::print_stderr, reason = "a program's way to say why it fails")]
#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["internal", "agent"] => {
            let program = std::env::current_exe()?;
            let shim = std::fs::read(SHIM)?;
            let config = Config {
                shim: shim.leak(),
                program: program_id(&program)?,
                internal: vec![program.to_string_lossy().into_owned(), "internal".into()],
                idle: Duration::from_secs(5),
            };
            Ok(agent::serve(Dirs::of_user()?, config).await?)
        }
        ["internal", "proxy", path] => Ok(plat_metal::proxy::serve(&PathBuf::from(path)).await?),
        ["internal", "s3", path] => Ok(plat_metal::objectstore::serve(&PathBuf::from(path)).await?),
        other => Err(format!("unknown: {other:?}").into()),
    }
}
