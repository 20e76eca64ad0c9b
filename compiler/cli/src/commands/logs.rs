//! `platc logs`.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt as _;
use plat_engine::{LogLine, LogQuery};
use plat_model::NodePath;

use crate::causes;
use crate::cli::{self, Global};
use crate::deploy;
use crate::failure::{Failure, Outcome, Stop};
use crate::program;
use crate::suggest::{listed, nearest};
use crate::terminal::{Paint, Terminal, harmless};

/// How many lines are shown when nobody says.
const TAIL: usize = 200;

/// Shows what workloads write.
pub fn run(arguments: &cli::Logs, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let program = program::load(global.dir.as_deref(), terminal)?;
    let (env, nodes) = said(arguments, &program);
    let deployment = program.deployed(env, terminal)?;
    let known = deployment.status()?;
    if known.is_empty() {
        terminal.say(format!("{}: nothing of it is there", deployment.scope));
        return Ok(Outcome::Done);
    }
    let known: Vec<&NodePath> = known.iter().map(|status| &status.node).collect();
    let query = LogQuery {
        nodes: named(nodes, &known)?,
        since: arguments
            .since
            .map(|since| deploy::now().saturating_sub(since.0)),
        tail: arguments
            .lines
            .or(arguments.since.is_none().then_some(TAIL)),
        follow: arguments.follow,
    };
    let widest = known
        .iter()
        .filter(|node| query.nodes.is_empty() || query.nodes.contains(**node))
        .map(|node| node.as_str().chars().count())
        .max()
        .unwrap_or(0);
    let mut page = Page {
        colours: BTreeMap::new(),
        widest,
        paint: terminal.out(),
    };
    deployment.wait(async {
        let lines = deployment.inspect.logs(&deployment.scope, &query).await;
        let mut lines = lines.map_err(|error| causes::backend_failure(&error))?;
        loop {
            let next = tokio::select! {
                next = lines.next() => next,
                _ = tokio::signal::ctrl_c() => return Err(Stop::Interrupted),
            };
            match next {
                Some(Ok(line)) => terminal.print(page.line(&line))?,
                Some(Err(error)) => return Err(causes::backend_failure(&error).into()),
                None => return Ok(Outcome::Done),
            }
        }
    })
}

/// The environment and the declarations: the first word is an environment where there is one of
/// that name, as with every command.
fn said<'a>(
    arguments: &'a cli::Logs,
    program: &program::Program,
) -> (Option<&'a str>, &'a [String]) {
    match (&arguments.env, arguments.nodes.split_first()) {
        (None, Some((first, rest))) if program.has_environment(first) => (Some(first), rest),
        (env, _) => (env.as_deref(), &arguments.nodes),
    }
}

fn named(said: &[String], known: &[&NodePath]) -> Result<BTreeSet<NodePath>, Failure> {
    let mut nodes = BTreeSet::new();
    for name in said {
        let node = NodePath::from(name.as_str());
        if !known.contains(&&node) {
            let names: Vec<&str> = known.iter().map(|node| node.as_str()).collect();
            let failure = Failure::new(format!("there is no `{}` here", harmless(name)));
            return Err(match nearest(name, names.iter().copied()) {
                Some(near) => failure.next(format!("did you mean `{near}`?")),
                None => failure.note(format!("there is {}", listed(&names))),
            });
        }
        nodes.insert(node);
    }
    Ok(nodes)
}

struct Page {
    /// Each node's colour, in the order that they first write.
    colours: BTreeMap<NodePath, usize>,
    widest: usize,
    paint: Paint,
}

impl Page {
    fn line(&mut self, line: &LogLine) -> String {
        let next = self.colours.len();
        let colour = *self.colours.entry(line.node.clone()).or_insert(next);
        let name = format!("{}.{}", line.node, line.copy);
        let name = format!("{name:<width$}", width = self.widest + 2);
        let text = if self.paint.is_on() {
            coloured(&line.text)
        } else {
            line.text.clone()
        };
        format!("{} {text}\n", self.paint.nth(colour, format!("{name} │")))
    }
}

/// On a terminal programs may colour their lines, and no more: everything else that drives a
/// terminal is taken away.
fn coloured(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut colours = false;
    while let Some(at) = rest.find("\x1b[") {
        let (before, escape) = rest.split_at(at);
        out.push_str(&harmless(before));
        let end = escape
            .get(2..)
            .and_then(|codes| codes.find(|c: char| !c.is_ascii_digit() && c != ';'));
        match end {
            Some(end) if escape.get(end + 2..end + 3) == Some("m") => {
                let (code, after) = escape.split_at(end + 3);
                out.push_str(code);
                colours = true;
                rest = after;
            }
            _ => {
                out.push_str(&harmless("\x1b"));
                rest = escape.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(&harmless(rest));
    if colours {
        out.push_str("\x1b[0m");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_have_colours_and_nothing_else() {
        assert_eq!(coloured("plain"), "plain");
        assert_eq!(coloured("\x1b[31mred\x1b[0m"), "\x1b[31mred\x1b[0m\x1b[0m");
        assert_eq!(coloured("\x1b[2Jgone\x07"), "\\u{1b}[2Jgone\\u{7}");
        assert_eq!(coloured("\x1b]0;title\x07"), "\\u{1b}]0;title\\u{7}");
        assert_eq!(coloured("\x1b["), "\\u{1b}[");
    }
}
