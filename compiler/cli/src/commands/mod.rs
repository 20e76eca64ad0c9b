//! One file for each command.

mod adopt;
mod apply;
mod attach;
mod check;
mod completions;
mod destroy;
mod diff;
mod explain;
mod fetch;
mod fmt;
mod graph;
mod import;
mod internal;
mod logs;
mod lsp;
mod new;
mod pin;
mod plan;
mod rbac;
mod releases;
mod render;
mod rollback;
mod secret;
mod show;
mod state;
mod status;
mod test;
mod up;
mod version;
mod why;

pub use test::Results;

use crate::cli::{Arguments, Command};
use crate::failure::{Outcome, Stop};
use crate::terminal::Terminal;

/// Does what was said.
///
/// # Errors
/// See [`Stop`].
pub fn run(arguments: &Arguments, terminal: &Terminal) -> Result<Outcome, Stop> {
    let global = &arguments.global;
    match &arguments.command {
        Command::New(new) => new::run(new, global, terminal),
        Command::Check(check) => check::run(check, global, terminal),
        Command::Fetch(fetch) => fetch::run(fetch, global, terminal),
        Command::Test(test) => test::run(test, global, terminal),
        Command::Fmt(fmt) => fmt::run(fmt, global, terminal),
        Command::Explain(explain) => explain::run(explain, terminal),
        Command::Graph(graph) => graph::run(graph, global, terminal),
        Command::Why(why) => why::run(why, global, terminal),
        Command::Pin(pin) => pin::run(pin, global, terminal),
        Command::Promote(promote) => pin::promote(promote, global, terminal),
        Command::Plan(plan) => plan::run(plan, global, terminal),
        Command::Render(render) => render::run(render, global, terminal),
        Command::Diff(diff) => diff::run(diff, global, terminal),
        Command::Show(show) => show::run(show, global, terminal),
        Command::Status(status) => status::run(status, global, terminal),
        Command::Logs(logs) => logs::run(logs, global, terminal),
        Command::Exec(exec) => attach::exec(exec, global, terminal),
        Command::Run(run) => attach::run(run, global, terminal),
        Command::Forward(forward) => attach::forward(forward, global, terminal),
        Command::Rbac(rbac) => rbac::run(rbac, global, terminal),
        Command::Import(import) => import::run(import, global, terminal),
        Command::Up(up) => up::run(up, global, terminal),
        Command::Apply(apply) => apply::run(apply, global, terminal),
        Command::Releases(releases) => releases::run(releases, global, terminal),
        Command::Rollback(rollback) => rollback::run(rollback, global, terminal),
        Command::State(state) => state::run(state, global, terminal),
        Command::Adopt(adopt) => adopt::run(adopt, global, terminal),
        Command::Destroy(destroy) => destroy::run(destroy, global, terminal),
        Command::Secret(secret) => secret::run(secret, global, terminal),
        Command::Completions(completions) => completions::run(completions, terminal),
        Command::Lsp(lsp) => lsp::run(lsp, global, terminal),
        Command::Version(version) => version::run(version, terminal),
        Command::Internal(internal) => internal::run(internal),
    }
}
