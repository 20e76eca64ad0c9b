//! `platc internal`: the processes that platc itself is.

use std::time::Duration;

use plat_metal::agent::{self, Config};
use plat_metal::client::program_id;
use plat_metal::{objectstore, proxy};

use crate::cli::{Internal, InternalCommand};
use crate::failure::{self, Failure, Outcome, Stop};
use crate::{shim, targets};

/// How long an agent stays that has nothing to keep.
const IDLE: Duration = Duration::from_secs(60);

/// Runs one of them until it ends.
pub fn run(internal: &Internal) -> Result<Outcome, Stop> {
    if matches!(internal.what, InternalCommand::Agent) {
        agent::let_go_of_inherited()
            .map_err(|error| failure::io("closing what was inherited", &error))?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| failure::io("starting the runtime", &error))?;
    let failed = |error: &dyn std::error::Error| Failure::new(error.to_string());
    match &internal.what {
        InternalCommand::Agent => {
            let program = targets::program()?;
            let config = Config {
                shim: shim::BYTES,
                internal: vec![
                    program.to_string_lossy().into_owned(),
                    "internal".to_owned(),
                ],
                program: program_id(&program)
                    .map_err(|error| failure::io("reading this program", &error))?,
                idle: IDLE,
            };
            runtime
                .block_on(agent::serve(targets::dirs()?, config))
                .map_err(|error| failed(&error))?;
        }
        InternalCommand::Proxy { config } => {
            runtime
                .block_on(proxy::serve(config))
                .map_err(|error| failed(&error))?;
        }
        InternalCommand::S3 { config } => {
            runtime
                .block_on(objectstore::serve(config))
                .map_err(|error| failed(&error))?;
        }
    }
    Ok(Outcome::Done)
}
