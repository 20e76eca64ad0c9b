//! Reading the command line, and the help that tells what can be said.

use std::ffi::OsString;

use clap::builder::styling::{AnsiColor, Styles};
use clap::builder::{FalseyValueParser, ValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::{ArgAction, CommandFactory as _, FromArgMatches as _};

use crate::cli::Arguments;
use crate::suggest::nearest;
use crate::terminal::colors_are_welcome;

/// The commands by what they are for, in the order of the help.
const GROUPS: &[(&str, &[&str])] = &[
    (
        "Write",
        &[
            "new", "check", "test", "fmt", "fetch", "pin", "promote", "import", "explain",
        ],
    ),
    (
        "Understand",
        &[
            "graph", "why", "plan", "diff", "show", "render", "rbac", "status", "logs",
        ],
    ),
    (
        "Do",
        &[
            "up", "apply", "rollback", "destroy", "secret", "run", "exec", "forward",
        ],
    ),
    ("Remember", &["releases", "state", "adopt"]),
    ("Around it", &["lsp", "completions", "version"]),
];

/// The flags that no environment variable sets: each is a word to be said for one call.
const SAID_ALOUD: &[&str] = &["data", "deletes", "take", "apply", "plan", "help"];

/// Reads the command line.
///
/// # Errors
/// Help was asked for, or what was said can't be understood: it has been answered, and the exit
/// code is here.
pub fn parse() -> Result<Arguments, u8> {
    let colors = color_choice(std::env::args_os());
    let parsed = command()
        .color(colors)
        .try_get_matches_from(help_last(std::env::args_os()))
        .and_then(|matches| Arguments::from_arg_matches(&matches));
    parsed.map_err(|mut error| {
        suggest_our_way(&mut error);
        // Where neither stdout nor stderr is open there is nobody to tell.
        let _ = error.print();
        // clap has 2 for usage, which is `plan --detailed-exitcode`'s word for changes.
        u8::from(error.use_stderr())
    })
}

/// `platc help check` as people also say it: `platc check --help`.
fn help_last(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    if arguments.get(1).is_some_and(|word| word == "help") {
        arguments.remove(1);
        arguments.push("--help".into());
    }
    arguments
}

/// Suggests only what is near: clap would offer `destroy` to who writes `test`.
fn suggest_our_way(error: &mut clap::Error) {
    let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidSubcommand) else {
        return;
    };
    let offered = match error.get(ContextKind::SuggestedSubcommand) {
        Some(ContextValue::String(one)) => vec![one.clone()],
        Some(ContextValue::Strings(several)) => several.clone(),
        _ => return,
    };
    let near = nearest(wrong, offered.iter().map(String::as_str)).map(str::to_owned);
    error.remove(ContextKind::SuggestedSubcommand);
    if let Some(near) = near {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::String(near));
    }
}

/// The whole tree, dressed.
pub fn command() -> clap::Command {
    let head = AnsiColor::Green.on_default().bold();
    let styles = Styles::styled()
        .header(head)
        .usage(head)
        .literal(AnsiColor::Cyan.on_default())
        .placeholder(AnsiColor::Cyan.on_default())
        .valid(AnsiColor::Green.on_default())
        .invalid(AnsiColor::Yellow.on_default());
    let tree = dressed(Arguments::command());
    let overview = overview(&tree);
    tree.styles(styles)
        .max_term_width(100)
        .help_template(format!(
            "{{about}}\n\n{{usage-heading}} {{usage}}\n\n{overview}\
         \x1b[1m\x1b[32mFlags of every command:\x1b[0m\n{{options}}\n\n\
         `platc COMMAND --help` tells more of a command. Every flag has an environment variable:\n\
         PLAT_QUIET=1, PLAT_JSON=1; one that is given on the command line wins.\n\
         Exit codes: 0 done or nothing to do, 1 error, 2 changes (`plan --detailed-exitcode`) or a\n\
         program that can't be tested (`test`), 130 interrupted.\n"
        ))
}

/// A command and those below it, with our layout of help and each flag's variable.
fn dressed(command: clap::Command) -> clap::Command {
    with_environment(command)
        .help_template("{about}\n\n{usage-heading} {usage}\n\n{all-args}{after-help}")
        .mut_subcommands(dressed)
}

/// Gives every flag its heading and its variable: `--detailed-exitcode` is `PLAT_DETAILED_EXITCODE`.
fn with_environment(command: clap::Command) -> clap::Command {
    command.mut_args(|arg| {
        let Some(long) = arg.get_long().map(str::to_owned) else {
            return arg;
        };
        let arg = match arg.get_help_heading() {
            None => arg.help_heading("Flags"),
            Some(_) => arg,
        };
        if SAID_ALOUD.contains(&long.as_str()) {
            return arg;
        }
        let variable = format!("PLAT_{}", long.replace('-', "_").to_uppercase());
        let arg = arg.env(variable).hide_env(true);
        match arg.get_action() {
            ArgAction::SetTrue => arg.value_parser(ValueParser::from(FalseyValueParser::new())),
            _ => arg,
        }
    })
}

/// The commands in their groups, one line each, as the tree itself describes them.
fn overview(tree: &clap::Command) -> String {
    let widest = GROUPS
        .iter()
        .flat_map(|(_, names)| names.iter().map(|name| name.len()))
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (title, names) in GROUPS {
        text.push_str(&format!("\x1b[1m\x1b[32m{title}:\x1b[0m\n"));
        for name in *names {
            let about = tree
                .find_subcommand(name)
                .and_then(clap::Command::get_about)
                .map(ToString::to_string)
                .unwrap_or_default();
            text.push_str(&format!("  \x1b[36m{name:widest$}\x1b[0m  {about}\n"));
        }
        text.push('\n');
    }
    text
}

/// Help is printed before the arguments are read: its colours are looked up by hand.
fn color_choice(arguments: impl Iterator<Item = std::ffi::OsString>) -> clap::ColorChoice {
    let mut said = std::env::var("PLAT_COLOR").ok();
    let mut arguments = arguments.filter_map(|a| a.into_string().ok());
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            break;
        } else if argument == "--color" {
            said = arguments.next();
        } else if let Some(when) = argument.strip_prefix("--color=") {
            said = Some(when.to_owned());
        }
    }
    match said.as_deref() {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ if colors_are_welcome() => clap::ColorChoice::Auto,
        _ => clap::ColorChoice::Never,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_tree_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_command_stands_in_one_group() {
        let grouped: Vec<&str> = GROUPS
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let tree = command();
        let shown: BTreeSet<&str> = tree
            .get_subcommands()
            .filter(|sub| !sub.is_hide_set())
            .map(clap::Command::get_name)
            .collect();
        assert_eq!(grouped.len(), shown.len());
        assert_eq!(grouped.into_iter().collect::<BTreeSet<_>>(), shown);
    }

    #[test]
    fn every_flag_has_its_variable() {
        let tree = command();
        let quiet = tree
            .get_arguments()
            .find(|a| a.get_id() == "quiet")
            .unwrap();
        assert_eq!(quiet.get_env().unwrap(), "PLAT_QUIET");
    }
}
