//! The language server of plat: the protocol, threads and cancellation around `plat-ide`.
//!
//! One thread reads what the client says and applies it in that order; it owns the databases. Each
//! question is answered on another thread, from a snapshot. An edit ends the questions under way:
//! the client is told that what it asked about has changed. What is wrong is looked for on a thread
//! of its own, the open files first.
//!
//! Architecture invariants:
//! - It decides nothing about the language: every answer is one of `plat-ide`. Only here are the
//!   protocol's types known.
//! - It reads no file, starts no process and asks no target: [`Host`] does, which is the program
//!   that starts the server, with the same code as its commands.
//! - It does nothing while nobody says anything: no clock runs then (`progress.rs`).
//! - Places come in the client's count of characters, and go out so; inside they are bytes.
//!
//! Start reading at [`serve`], then `server.rs` (what is said), `workspace.rs`
//! (what is open), `requests.rs` (what is asked),
//! `diagnostics.rs`.

mod capabilities;
mod convert;
mod diagnostics;
mod documents;
mod host;
mod package;
mod paths;
mod pool;
mod position;
mod progress;
mod requests;
mod server;
mod tokens;
mod workspace;

pub use host::{Below, Host, Loaded, Planned};
pub use lsp_server::Connection;

use std::sync::Arc;

/// Speaks with a client until it says `exit`, or is gone. `true` if it had said `shutdown` before,
/// as it should.
///
/// # Errors
/// The client does not speak the protocol, or can't be heard any more; a sentence.
pub fn serve(connection: &Connection, host: Arc<dyn Host>) -> Result<bool, String> {
    let failed = |error: lsp_server::ProtocolError| format!("speaking with the editor: {error}");
    let (id, params) = connection.initialize_start().map_err(failed)?;
    let params: gen_lsp_types::InitializeParams = serde_json::from_value(params)
        .map_err(|error| format!("reading what the editor can do: {error}"))?;
    let client = capabilities::Client::of(&params);
    let result = capabilities::server(&client, host.version());
    connection.initialize_finish(id, result).map_err(failed)?;
    Ok(
        server::Server::new(connection.sender.clone(), host, client, &params)
            .run(&connection.receiver),
    )
}

/// Speaks with the client at stdin and stdout: see [`serve`].
///
/// # Errors
/// As [`serve`].
pub fn serve_stdio(host: Arc<dyn Host>) -> Result<bool, String> {
    let (connection, threads) = Connection::stdio();
    let ended = serve(&connection, host)?;
    // Its sender must be gone for the thread that writes to end.
    drop(connection);
    threads
        .join()
        .map_err(|error| format!("writing to the editor: {error}"))?;
    Ok(ended)
}
