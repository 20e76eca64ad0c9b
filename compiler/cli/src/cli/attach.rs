//! What is said to `exec`, `run`, `forward` and `rbac`.

use clap::Args;

use super::Env;

/// `platc exec`.
#[derive(Debug, Args)]
pub struct Exec {
    /// The declaration, and before it the environment where it is not the one on `local {}`, or the
    /// only one
    #[arg(value_names = ["ENV", "NODE"], num_args = 1..=2, required = true)]
    pub words: Vec<String>,
    /// Which of its copies, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub copy: u32,
    /// The command and its arguments
    #[arg(last = true, value_name = "COMMAND", required = true)]
    pub command: Vec<String>,
}

/// `platc run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The job, and before it the environment where it is not the one on `local {}`, or the only one
    #[arg(value_names = ["ENV", "JOB"], num_args = 1..=2, required = true)]
    pub words: Vec<String>,
    /// What it is given behind its own arguments
    #[arg(last = true, value_name = "ARGS")]
    pub arguments: Vec<String>,
}

/// `platc forward`.
#[derive(Debug, Args)]
pub struct Forward {
    /// The declaration and its port, by name or number [default: its main one], and before it the
    /// environment where it is not the one on `local {}`, or the only one
    #[arg(value_names = ["ENV", "NODE[:PORT]"], num_args = 1..=2, required = true)]
    pub words: Vec<String>,
    /// The port of this machine [default: one that is free]
    #[arg(short, long, value_name = "PORT")]
    pub listen: Option<u16>,
}

/// `platc rbac`.
#[derive(Debug, Args)]
pub struct Rbac {
    #[command(flatten)]
    pub env: Env,
    /// Bind the right to apply to this user:NAME, group:NAME or account:NAMESPACE/NAME
    #[arg(long, value_name = "WHO")]
    pub apply: Option<String>,
    /// Bind the right to plan to this user:NAME, group:NAME or account:NAMESPACE/NAME
    #[arg(long, value_name = "WHO", conflicts_with = "apply")]
    pub plan: Option<String>,
}
