//! The tiny parent of every workload: it supervises one process, on every target.
//!
//! This library is the contract between the shim and whoever starts it, and nothing else:
//! [`spec::Spec`] says what to run and how, [`status::Status`] is what the shim answers, and
//! [`signal::Signal`] names signals. Start reading at [`spec`]: it has the recipe for starting a
//! shim and the text format. The program itself is in `main.rs` and the modules it names.
//!
//! # What it costs
//! Measured on x86-64 (two cores, Linux 6.18), as platc carries it (static, musl, profile `shim`):
//! 239,616 bytes on disk; 300 KB resident just after the start, of which 70 KB are its own and the
//! rest is the file; a child that is killed runs again after 52 to 56 ms, with the 50 ms of the
//! first backoff in it.
//!
//! What it adds from its start to the first byte its child writes depends on who else wants the
//! processor, since it hands over to the child and back several times: 0.5 to 0.8 ms (medians of
//! 300) when the two cores were little used, 3 to 6 ms when builds kept three or four processes
//! waiting for them. The tests' `figures.rs` measures all of this again and says how to call it.
//!
//! # What it can't do
//! - When the shim itself is killed (`kill -9`), its child is killed with it; what the child had
//!   started is not, and is for the agent to find by `child_pid`, which is their group.
//! - A process in an uninterruptible wait can't be killed by anybody: after five seconds of trying
//!   it is left behind, and the log says so.
//! - Where the kernel has no `/proc/PID/task/TID/children`, processes that left the child's group
//!   are neither counted in the metrics nor killed.
//!
//! Architecture invariant: the shim knows no app, no plan, no graph and no backend. It has no
//! thread, no TLS, no tokio and no serde inside; it never talks to anything but the process it
//! runs, the probes it was told to make and its own Unix socket. A secret value never reaches its
//! log, its state file, an answer or an error.

pub mod signal;
pub mod spec;
pub mod status;
