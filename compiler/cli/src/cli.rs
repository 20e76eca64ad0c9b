//! What can be said on the command line: the commands, their flags and what the help says of each.

mod attach;
mod import;

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub use attach::{Exec, Forward, Rbac, Run};
pub use import::{Import, ImportCrd, ImportWhat};

/// Describes an application once; runs it here, and wherever it belongs.
#[derive(Debug, Parser)]
#[command(
    name = "platc",
    bin_name = "platc",
    disable_version_flag = true,
    disable_help_subcommand = true,
    disable_help_flag = true,
    arg_required_else_help = true,
    subcommand_value_name = "COMMAND",
    override_usage = "platc [-C DIR] COMMAND [ENV] [flags]"
)]
pub struct Arguments {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Flags of every command")]
pub struct Global {
    /// Where the app is [default: here, or the nearest above with a plat.toml]
    #[arg(short = 'C', long = "dir", value_name = "DIR", global = true)]
    pub dir: Option<PathBuf>,
    /// Colours: auto (on a terminal, and as NO_COLOR says), always or never
    #[arg(
        long,
        value_name = "WHEN",
        global = true,
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub color: ColorWhen,
    /// Only data and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say what is asked of whom
    #[arg(short, long, global = true)]
    pub verbose: bool,
    // One help, not a short and a long one.
    /// Print this
    #[arg(short, long, global = true, action = ArgAction::HelpShort)]
    pub help: Option<bool>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The commands, in the order of their groups in the help.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a starting app that runs at once
    #[command(
        override_usage = "platc new NAME",
        after_help = "\
Examples:
  platc new shop             makes the directory shop with an app in it
  platc -C shop up           and brings it up"
    )]
    New(New),

    /// Check the program in every environment; no target is asked
    #[command(
        override_usage = "platc check [PATH…] [flags]",
        after_help = "\
Examples:
  platc check                the package here, or the nearest above
  platc check ~/src/shop     another one
  platc check --json         for an editor or a build
  platc check --today 2027-01-31   which waivers will have ended by then"
    )]
    Check(Check),

    /// Fetch what the package builds on, and write plat.lock
    #[command(
        override_usage = "platc fetch [flags]",
        after_help = "\
Examples:
  platc fetch                what plat.lock has; what it has not is looked up and added
  platc fetch --update       what tags and branches are now
  platc fetch --locked       in CI: fails where plat.lock would change"
    )]
    Fetch(Fetch),

    /// Run the tests of the program, and ask its policies
    #[command(
        override_usage = "platc test [NAME…] [flags]",
        after_help = "\
Examples:
  platc test                 every test, and the policies of every environment
  platc test prod_is_wider   one test
  platc test --env prod      bare names in tests are prod's, and its policies alone are asked
  platc test --junit out.xml for whoever gathers the results of builds

Exit codes: 0 all holds, 1 something does not, 2 the program itself has errors."
    )]
    Test(Test),

    /// Look up what an environment's images are, and write pins/ENV.toml
    #[command(
        override_usage = "platc pin [ENV]",
        after_help = "\
Examples:
  platc pin prod             the digest, entrypoint and user of each image of prod, as its registry has it now

Registries that are not public are asked with what `docker login` has kept."
    )]
    Pin(Pin),

    /// Copy what one environment has pinned to another
    #[command(
        override_usage = "platc promote FROM TO",
        after_help = "\
Examples:
  platc promote staging prod what staging has pinned of the images that prod uses"
    )]
    Promote(Promote),

    /// Format .plat files
    #[command(
        override_usage = "platc fmt [PATH…] [flags]",
        after_help = "\
Examples:
  platc fmt                  every .plat file of the package
  platc fmt shop.plat        one file
  platc fmt --check          writes nothing; exit code 1 where a file would change
  platc fmt --stdin < a.plat writes the formatted text to stdout"
    )]
    Fmt(Fmt),

    /// Tell more about a diagnostic
    #[command(
        override_usage = "platc explain [CODE]",
        after_help = "\
Examples:
  platc explain E0301        what it means, and how to repair it
  platc explain              every code there is"
    )]
    Explain(Explain),

    /// Show the app: its declarations, and who reaches whom
    #[command(
        override_usage = "platc graph [ENV] [flags]",
        after_help = "\
Examples:
  platc graph                the environment that runs here
  platc graph prod --json    every value and its origin, for a program
  platc graph --dot | dot -Tsvg > shop.svg"
    )]
    Graph(Graph),

    /// Tell where a value comes from, and what it overrode
    #[command(
        override_usage = "platc why [ENV] PATH [flags]",
        after_help = "\
Examples:
  platc why prod api.scale
  platc why dev api.env.LOG_LEVEL
  platc why dev 'public.paths[\"/api\"]'
  platc why dev api          every field of api
  platc why dev target.port  a field of the environment's target"
    )]
    Why(Why),

    /// Show what apply would do
    #[command(
        override_usage = "platc plan [ENV] [flags]",
        after_help = "\
Examples:
  platc plan                 the environment that runs here
  platc plan prod -o x.plan  keeps it: `platc apply x.plan` does exactly that
  platc plan prod -o x.plan --sign-key plan.key   and signs it
  platc plan prod --json --detailed-exitcode"
    )]
    Plan(Plan),

    /// Compare two revisions or two environments; no target is asked
    #[command(
        override_usage = "platc diff A..B [ENV] | ENV ENV | --live [ENV] [flags]",
        after_help = "\
Examples:
  platc diff main..          what the files here change against main
  platc diff v1.2..v1.3 prod between two tags, in prod
  platc diff dev prod        between two environments
  platc diff --live prod     what the target has against the files here
  platc diff main.. prod --markdown   for a pull request, where nobody may ask the target"
    )]
    Diff(Diff),

    /// Show a plan again: of a file, or a recent one
    #[command(
        override_usage = "platc show FILE | PLAN [flags]",
        after_help = "\
Examples:
  platc show x.plan          what `platc plan -o x.plan` wrote
  platc show x.plan --markdown --link https://…   for a pull request
  platc show 7f3c9a --json   the recent plan of that id"
    )]
    Show(Show),

    /// Write the manifests of an environment on Kubernetes; no cluster is asked
    #[command(
        override_usage = "platc render [ENV] [flags]",
        after_help = "\
Examples:
  platc render prod          all of them, as one stream
  platc render prod -o k8s   one file each, to be committed
  platc render prod | kubectl diff --server-side -f -"
    )]
    Render(Render),

    /// Show how everything is that runs
    #[command(
        override_usage = "platc status [ENV] [flags]",
        after_help = "\
Examples:
  platc status
  platc status prod --json"
    )]
    Status(Status),

    /// Show what workloads write
    #[command(
        override_usage = "platc logs [ENV] [NODE…] [flags]",
        after_help = "\
Examples:
  platc logs                 the last lines of all
  platc logs -f api mailer   of these two, and what they go on to write
  platc logs prod api --since 10min"
    )]
    Logs(Logs),

    /// Run a command where a copy of a workload is: with its environment and its files
    #[command(
        override_usage = "platc exec [ENV] NODE [flags] -- COMMAND…",
        after_help = "\
Examples:
  platc exec api -- env                what it is told
  platc exec prod api --copy 1 -- sh   a shell in its second copy"
    )]
    Exec(Exec),

    /// Run a job that runs on demand, attached to this terminal
    #[command(
        override_usage = "platc run [ENV] JOB [flags] [-- ARGS…]",
        after_help = "\
Examples:
  platc run console
  platc run prod import -- --since yesterday   with arguments behind its own

Its exit code is that of platc. On a cluster it goes on where Ctrl-C leaves it."
    )]
    Run(Run),

    /// Lead a port of this machine to a workload or a data service
    #[command(
        override_usage = "platc forward [ENV] NODE[:PORT] [flags]",
        after_help = "\
Examples:
  platc forward prod api               its main port, at one of this machine that is free
  platc forward prod db --listen 5432
  platc forward prod api:metrics       another port, by name or number"
    )]
    Forward(Forward),

    /// Print the least roles that planning and applying an environment on Kubernetes need
    #[command(
        override_usage = "platc rbac [ENV] [flags]",
        after_help = "\
Examples:
  platc rbac prod | kubectl apply -f -
  platc rbac prod --apply account:ci/deployer   with the bindings of who applies
  platc rbac prod --plan group:developers"
    )]
    Rbac(Rbac),

    /// Bring what others describe into the package, as types
    #[command(
        override_usage = "platc import crd [FILE…] | --cluster [ENV] [flags]",
        after_help = "\
Examples:
  platc import crd prometheus-operator.yaml   the kinds that its CustomResourceDefinitions define
  kubectl get crds -o yaml | platc import crd -   what another program writes
  platc import crd --cluster prod             all that the cluster of prod was taught
  platc import crd --cluster prod --only PodMonitor --only cert-manager.io

Each kind becomes a file below objects/kubernetes/; kubernetes.object(\"PodMonitor\", { … }) is then
checked and completed like all else. --cluster needs a program without errors, - does not."
    )]
    Import(Import),

    /// Bring the app up: plan, ask, apply, wait until it answers, print where
    #[command(
        override_usage = "platc up [ENV] [flags]",
        after_help = "\
Examples:
  platc up                   the environment that runs here
  platc up --yes             asks nothing"
    )]
    Up(Up),

    /// Do what a plan says: plan, ask, do; or exactly a plan made before
    #[command(
        override_usage = "platc apply [ENV | FILE | PLAN] [flags]",
        after_help = "\
Examples:
  platc apply                plans, asks, does
  platc apply x.plan         does exactly what `platc plan -o x.plan` wrote
  platc apply 7f3c9a         does the recent plan of that id"
    )]
    Apply(Apply),

    /// List the releases: what was applied, when and by whom
    #[command(
        override_usage = "platc releases [ENV] [flags]",
        after_help = "\
Examples:
  platc releases
  platc releases prod --json"
    )]
    Releases(Releases),

    /// Go back to a release: its graph, its images and the values its secrets had, together
    #[command(
        override_usage = "platc rollback [N] [flags]",
        after_help = "\
Examples:
  platc rollback             the last release before this one of which all was done
  platc rollback 12          release 12
  platc rollback --env prod --yes

Jobs do not run again, and data stays as it is."
    )]
    Rollback(Rollback),

    /// Look at what is remembered of an environment
    #[command(
        override_usage = "platc state list|show|export [flags]",
        after_help = "\
Examples:
  platc state list                 what is on record, and what data is kept
  platc state show api             all that is remembered of a declaration or an object
  platc state export > state.json  all of it, for a program; there is no secret in it"
    )]
    State(State),

    /// Rebuild a lost state from what carries this app's label on the target
    #[command(
        override_usage = "platc adopt [ENV] [flags]",
        after_help = "\
Examples:
  platc adopt                takes on record what runs and is not; changes nothing that runs
  platc adopt prod --yes"
    )]
    Adopt(Adopt),

    /// Take an environment away; its data only where that is said aloud
    #[command(
        override_usage = "platc destroy [ENV] [flags]",
        after_help = "\
Examples:
  platc destroy              asks; data is kept for the next `platc up`
  platc destroy --data       asks for each database and bucket by its name
  platc destroy --yes        asks nothing, and keeps the data
  platc destroy --yes --data asks nothing, and removes the data for good"
    )]
    Destroy(Destroy),

    /// Set, list, remove and rotate secrets
    #[command(
        override_usage = "platc secret set|list|rm|rotate [NAME] [flags]",
        after_help = "\
Examples:
  platc secret set stripe_key              asks for the value, and does not show it
  platc secret set stripe_key < key.txt    reads it from a file
  platc secret list --env prod             names and digests, never values
  platc secret rotate session_key          makes a generated one anew"
    )]
    Secret(Secret),

    /// What platc runs as processes of its own
    #[command(hide = true)]
    Internal(Internal),

    /// Print a script that completes commands and flags in your shell
    #[command(
        override_usage = "platc completions SHELL",
        after_help = "\
Examples:
  platc completions bash > ~/.local/share/bash-completion/completions/platc
  platc completions zsh > ~/.zfunc/_platc
  platc completions fish > ~/.config/fish/completions/platc.fish"
    )]
    Completions(Completions),

    /// Serve an editor: speaks the language server protocol on stdin and stdout
    #[command(
        override_usage = "platc lsp [flags]",
        after_help = "\
Your editor starts this by itself; lsp/README.md says how each is told to."
    )]
    Lsp(Lsp),

    /// Print the version
    #[command(override_usage = "platc version [flags]")]
    Version(Version),
}

/// `platc new`.
#[derive(Debug, Args)]
pub struct New {
    /// The app's name: lower-case letters, digits, `-` and `_`
    pub name: String,
}

/// `platc check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Packages: directories, or files in them [default: the package here]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Print the diagnostics as JSON
    #[arg(long, conflicts_with = "sarif")]
    pub json: bool,
    /// Print the diagnostics as SARIF 2.1.0
    #[arg(long)]
    pub sarif: bool,
    /// The day that waivers are held to, in UTC [default: today]
    #[arg(long, value_name = "DATE", value_parser = crate::today::parse)]
    pub today: Option<NaiveDate>,
}

/// `platc test`.
#[derive(Debug, Args)]
pub struct Test {
    /// Tests by name [default: all, and the policies]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// The environment whose policies are asked, and in which bare names are looked up [default:
    /// all; names in the first that is no family]
    #[arg(long, value_name = "ENV")]
    pub env: Option<String>,
    /// Write the results to a file as JUnit XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Print the results as JSON
    #[arg(long)]
    pub json: bool,
}

/// `platc fmt`.
#[derive(Debug, Args)]
pub struct Fmt {
    /// Files, or directories with files [default: the package here]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Write nothing; name the files that would change, exit code 1 if there is one
    #[arg(long)]
    pub check: bool,
    /// Read from stdin, write to stdout
    #[arg(long, conflicts_with = "paths")]
    pub stdin: bool,
}

/// `platc fetch`.
#[derive(Debug, Args)]
pub struct Fetch {
    /// Ask again what tags and branches are now
    #[arg(long, conflicts_with = "locked")]
    pub update: bool,
    /// Fail where plat.lock would change
    #[arg(long)]
    pub locked: bool,
}

/// `platc pin`.
#[derive(Debug, Args)]
pub struct Pin {
    /// The environment [default: the one on local {}, else the only one]
    pub env: Option<String>,
}

/// `platc promote`.
#[derive(Debug, Args)]
pub struct Promote {
    /// The environment whose pins are copied
    pub from: String,
    /// The one that gets them
    pub to: String,
}

/// `platc explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The diagnostic's code, such as E0301 [default: list them all]
    pub code: Option<String>,
}

/// `platc graph`.
#[derive(Debug, Args)]
pub struct Graph {
    #[command(flatten)]
    pub env: Env,
    /// Print the whole graph as JSON
    #[arg(long)]
    pub json: bool,
    /// Print it for Graphviz
    #[arg(long, conflicts_with = "json")]
    pub dot: bool,
}

/// `platc why`.
#[derive(Debug, Args)]
pub struct Why {
    /// The environment [default: as everywhere], and the path of the value: `api.scale`
    #[arg(value_name = "[ENV] PATH", num_args = 1..=2, required = true)]
    pub words: Vec<String>,
    /// Print the chain of origins as JSON
    #[arg(long)]
    pub json: bool,
}

/// `platc plan`.
#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub env: Env,
    #[command(flatten)]
    pub words: Words,
    /// Write the plan to a file, for `platc apply FILE`
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Sign the file with this private key (Ed25519, PEM: a file, or the key itself)
    #[arg(long, value_name = "KEY", hide_env_values = true)]
    pub sign_key: Option<String>,
    #[command(flatten)]
    pub form: Form,
    /// Exit code 2 where there is something to do
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `platc render`.
#[derive(Debug, Args)]
pub struct Render {
    #[command(flatten)]
    pub env: Env,
    /// Write one file for each object, and remove those of what is no more
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// What is allowed beyond the ordinary. No environment variable says it.
#[derive(Debug, Default, Args)]
pub struct Words {
    /// The data of this declaration may be lost, where the plan needs it; may be given again
    #[arg(long, value_name = "NODE")]
    pub data: Vec<String>,
    /// So many declarations may go, where that is most of the environment
    #[arg(long, value_name = "N")]
    pub deletes: Option<usize>,
    /// This field or object is taken over from whoever has it; may be given again
    #[arg(long, value_name = "NODE:FIELD")]
    pub take: Vec<String>,
}

/// In which form a plan is printed.
#[derive(Debug, Args)]
pub struct Form {
    /// Print it as JSON
    #[arg(long, conflicts_with_all = ["markdown", "sarif"])]
    pub json: bool,
    /// Print it as Markdown, for a comment on a pull request
    #[arg(long, conflicts_with = "sarif")]
    pub markdown: bool,
    /// Print what it found as SARIF 2.1.0
    #[arg(long)]
    pub sarif: bool,
    /// Where the whole plan can be read, for Markdown that does not fit
    #[arg(long, value_name = "URL", requires = "markdown")]
    pub link: Option<String>,
}

/// `platc diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// Two git revisions as A..B (left out: the last commit, or the files as they are) and an
    /// environment; or two environments
    #[arg(value_name = "A..B | ENV", num_args = 0..=2)]
    pub words: Vec<String>,
    /// Compare with what the target has
    #[arg(long)]
    pub live: bool,
    #[command(flatten)]
    pub form: Form,
    /// Exit code 2 where there is a difference
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// `platc show`.
#[derive(Debug, Args)]
pub struct Show {
    /// A plan file, or a recent plan's id
    #[arg(value_name = "FILE | PLAN")]
    pub what: String,
    #[command(flatten)]
    pub form: Form,
    /// Refuse a file that is not signed with this public key (Ed25519, PEM: a file, or the key)
    #[arg(long, value_name = "KEY")]
    pub verify_key: Option<String>,
}

/// `platc status`.
#[derive(Debug, Args)]
pub struct Status {
    #[command(flatten)]
    pub env: Env,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}

/// `platc logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// Of which declarations [default: all]
    #[arg(value_name = "NODE")]
    pub nodes: Vec<String>,
    /// Of which environment [default: the one on `local {}`, or the only one]
    #[arg(short, long)]
    pub env: Option<String>,
    /// Go on with what is written from now on
    #[arg(short, long)]
    pub follow: bool,
    /// Only what was written since: 30s, 10min, 2h, 1d
    #[arg(long, value_name = "TIME")]
    pub since: Option<Ago>,
    /// At most so many of the last lines [default: 200, or all with --since]
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<usize>,
}

/// `platc up`.
#[derive(Debug, Args)]
pub struct Up {
    #[command(flatten)]
    pub env: Env,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub words: Words,
    /// Wait for another apply that is under way
    #[arg(long)]
    pub wait: bool,
}

/// `platc apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// An environment, a plan file, or a recent plan's id [default: as for ENV]
    #[arg(value_name = "ENV | FILE | PLAN")]
    pub what: Option<String>,
    /// Do nothing but a plan file that is signed with this public key (Ed25519, PEM: a file, or
    /// the key)
    #[arg(long, value_name = "KEY")]
    pub verify_key: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub words: Words,
    /// Wait for another apply that is under way
    #[arg(long)]
    pub wait: bool,
}

/// `platc releases`.
#[derive(Debug, Args)]
pub struct Releases {
    #[command(flatten)]
    pub env: Env,
    /// Print them as JSON
    #[arg(long)]
    pub json: bool,
}

/// `platc rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The release's number [default: the last whole one before this]
    #[arg(value_name = "N", value_parser = release)]
    pub number: Option<u64>,
    /// In which environment [default: the one on `local {}`, or the only one]
    #[arg(short, long)]
    pub env: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub words: Words,
    /// Wait for another apply that is under way
    #[arg(long)]
    pub wait: bool,
}

/// `platc state`.
#[derive(Debug, Args)]
#[command(subcommand_value_name = "WHAT", subcommand_help_heading = "What")]
pub struct State {
    #[command(subcommand)]
    pub command: StateCommand,
    /// Of which environment [default: the one on `local {}`, or the only one]
    #[arg(short, long, global = true)]
    pub env: Option<String>,
}

/// What is looked at.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// List what is on record, and what data is kept
    #[command(override_usage = "platc state list [flags]")]
    List {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show all that is remembered of a declaration or an object, as JSON
    #[command(override_usage = "platc state show NODE | OBJECT [flags]")]
    Show {
        /// A declaration's path, or an object's id
        #[arg(value_name = "NODE | OBJECT")]
        what: String,
    },
    /// Print all of it as JSON
    #[command(override_usage = "platc state export [flags]")]
    Export,
}

/// `platc adopt`.
#[derive(Debug, Args)]
pub struct Adopt {
    #[command(flatten)]
    pub env: Env,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Wait for another apply that is under way
    #[arg(long)]
    pub wait: bool,
}

/// `platc destroy`.
#[derive(Debug, Args)]
pub struct Destroy {
    #[command(flatten)]
    pub env: Env,
    /// Do not ask; this alone never removes data
    #[arg(short, long)]
    pub yes: bool,
    /// Remove data too, for good (no environment variable sets this)
    #[arg(long)]
    pub data: bool,
    /// Wait for another apply that is under way
    #[arg(long)]
    pub wait: bool,
}

/// `platc secret`.
#[derive(Debug, Args)]
#[command(subcommand_value_name = "WHAT", subcommand_help_heading = "What")]
pub struct Secret {
    #[command(subcommand)]
    pub command: SecretCommand,
    /// In which environment [default: the one on `local {}`, or the only one]
    #[arg(short, long, global = true)]
    pub env: Option<String>,
}

/// What is done with secrets.
#[derive(Debug, Subcommand)]
pub enum SecretCommand {
    /// Set a secret; its value is asked for, or read from stdin
    #[command(override_usage = "platc secret set NAME [flags]")]
    Set {
        /// The secret's declaration
        name: String,
    },
    /// List the secrets: which are set, and digests of their values
    #[command(override_usage = "platc secret list [flags]")]
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a secret's value
    #[command(override_usage = "platc secret rm NAME [flags]")]
    Rm {
        /// The secret's name
        name: String,
    },
    /// Make a new value for a generated secret
    #[command(override_usage = "platc secret rotate NAME [flags]")]
    Rotate {
        /// The secret's name
        name: String,
    },
}

/// `platc internal`.
#[derive(Debug, Args)]
pub struct Internal {
    /// Which process.
    #[command(subcommand)]
    pub what: InternalCommand,
}

/// The processes that platc itself is.
#[derive(Debug, Subcommand)]
pub enum InternalCommand {
    /// The agent of this user.
    Agent,
    /// A reverse proxy.
    Proxy {
        /// Its configuration.
        config: PathBuf,
    },
    /// An S3 server.
    S3 {
        /// Its configuration.
        config: PathBuf,
    },
}

/// A time that has passed, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ago(pub u64);

impl std::str::FromStr for Ago {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let seconds = match unit {
            "s" => 1,
            "min" | "m" => 60,
            "h" => 3600,
            "d" => 86400,
            _ => return Err("say a number and s, min, h or d: `10min`".to_owned()),
        };
        let number: u64 = number
            .parse()
            .map_err(|_| "say how many: `10min`".to_owned())?;
        number
            .checked_mul(seconds * 1000)
            .map(Self)
            .ok_or_else(|| "that is longer ago than time has been counted".to_owned())
    }
}

/// `platc completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// bash, zsh, fish, elvish or powershell
    #[arg(hide_possible_values = true)]
    pub shell: clap_complete::Shell,
}

/// `platc lsp`.
#[derive(Debug, Args)]
pub struct Lsp {
    /// Speak on stdin and stdout; there is no other way, and some editors say so
    #[arg(long, hide = true)]
    pub stdio: bool,
}

/// `platc version`.
#[derive(Debug, Args)]
pub struct Version {
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
}

/// The environment that a command is about.
#[derive(Debug, Args)]
pub struct Env {
    /// The environment [default: the one on `local {}`, or the only one]
    #[arg(value_name = "ENV")]
    pub env: Option<String>,
}

/// Reads the number of a release.
fn release(said: &str) -> Result<u64, String> {
    said.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
        "a release is named by its number, and `platc releases` lists them; an environment is said \
         with --env"
            .to_owned()
    })
}
