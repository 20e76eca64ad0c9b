//! `platc version`.

use crate::cli::Version;
use crate::failure::{Outcome, Stop};
use crate::terminal::Terminal;

/// Prints the version, and what it understands.
pub fn run(version: &Version, terminal: &Terminal) -> Result<Outcome, Stop> {
    let own = env!("CARGO_PKG_VERSION");
    if version.json {
        terminal.print_json(&serde_json::json!({
            "format": 1,
            "version": own,
            "editions": [crate::EDITION],
            "graph_format": plat_model::Graph::FORMAT,
            "plan_format": plat_engine::Plan::FORMAT,
            "shim": crate::shim::DIGEST,
        }))?;
    } else {
        terminal.print(format!("platc {own} (edition {})\n", crate::EDITION))?;
    }
    Ok(Outcome::Done)
}
