//! The tiny parent of every workload: it supervises one process, on every target.
//!
//! This library is the contract between the shim and whoever starts it, and nothing else:
//! [`spec::Spec`] says what to run and how, [`status::Status`] is what the shim answers, and
//! [`signal::Signal`] names signals. Start reading at [`spec`]: it has the recipe for starting a
//! shim and the text format. The program itself is in `main.rs` and the modules it names.
//!
//! Architecture invariant: the shim knows no app, no plan, no graph and no backend. It has no
//! thread, no TLS, no tokio and no serde inside; it never talks to anything but the process it
//! runs, the probes it was told to make and its own Unix socket. A secret value never reaches its
//! log, its state file, an answer or an error.

pub mod signal;
pub mod spec;
pub mod status;
