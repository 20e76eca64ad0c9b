//! What is said to `import`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `platc import`.
#[derive(Debug, Args)]
pub struct Import {
    /// What is brought
    #[command(subcommand)]
    pub what: ImportWhat,
}

/// What can be brought.
#[derive(Debug, Subcommand)]
pub enum ImportWhat {
    /// Types of the kinds that CustomResourceDefinitions define
    #[command(override_usage = "platc import crd [FILE…] | --cluster [ENV] [flags]")]
    Crd(ImportCrd),
}

/// `platc import crd`.
#[derive(Debug, Args)]
pub struct ImportCrd {
    /// Files of YAML or JSON that hold definitions, among other things too; `-` is stdin
    #[arg(value_name = "FILE", required_unless_present = "cluster")]
    pub files: Vec<PathBuf>,
    /// Take them from the cluster of this environment
    #[arg(long, value_name = "ENV", num_args = 0..=1, conflicts_with = "files")]
    #[expect(
        clippy::option_option,
        reason = "the flag may stand without an environment"
    )]
    pub cluster: Option<Option<String>>,
    /// Only this kind, or the kinds of this API group; may be said several times
    #[arg(long, value_name = "KIND|GROUP")]
    pub only: Vec<String>,
}
