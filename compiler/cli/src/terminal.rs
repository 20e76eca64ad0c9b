//! What is written where, and in which colours.

use std::fmt::Display;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::cli::{ColorWhen, Global};
use crate::failure::{self, Failure, Stop};

/// The only way to stdout and stderr.
#[derive(Debug, Clone)]
pub struct Terminal {
    quiet: bool,
    verbose: bool,
    out: Paint,
    err: Paint,
    err_is_terminal: bool,
}

impl Terminal {
    /// As the flags, the environment and the terminal itself say.
    pub fn new(global: &Global) -> Self {
        let color = |is_terminal: bool| Paint {
            on: match global.color {
                ColorWhen::Always => true,
                ColorWhen::Never => false,
                ColorWhen::Auto => is_terminal && colors_are_welcome(),
            },
        };
        let err_is_terminal = io::stderr().is_terminal();
        Self {
            quiet: global.quiet,
            verbose: global.verbose,
            out: color(io::stdout().is_terminal()),
            err: color(err_is_terminal),
            err_is_terminal,
        }
    }

    /// The colours of stdout.
    pub const fn out(&self) -> Paint {
        self.out
    }

    /// The colours of stderr.
    pub const fn err(&self) -> Paint {
        self.err
    }

    /// Writes data.
    ///
    /// # Errors
    /// Stdout can't be written.
    pub fn print(&self, text: impl Display) -> Result<(), Stop> {
        let mut out = io::stdout().lock();
        written(write!(out, "{text}").and_then(|()| out.flush()))
    }

    /// Writes many texts one after the other, and something between them: together they may be large.
    ///
    /// # Errors
    /// Stdout can't be written.
    pub fn print_all<'a>(
        &self,
        texts: impl IntoIterator<Item = &'a str>,
        between: &str,
    ) -> Result<(), Stop> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut parts = texts.into_iter().enumerate();
        let all = parts.try_for_each(|(number, text)| {
            let before = if number == 0 { "" } else { between };
            out.write_all(before.as_bytes())?;
            out.write_all(text.as_bytes())
        });
        written(all.and_then(|()| out.flush()))
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// Stdout can't be written.
    pub fn print_json(&self, value: &impl serde::Serialize) -> Result<(), Stop> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        serde_json::to_writer_pretty(&mut out, value).map_err(|error| {
            match error.io_error_kind() {
                Some(kind) => not_written(&kind.into()),
                None => Failure::new(format!("writing JSON: {error}")).into(),
            }
        })?;
        written(writeln!(out).and_then(|()| out.flush()))
    }

    /// Tells a person something, on a line of its own, unless they want quiet.
    pub fn say(&self, text: impl Display) {
        if !self.quiet {
            self.tell(text);
        }
    }

    /// Tells what is being asked of whom, to those who want to know.
    pub fn detail(&self, text: impl Display) {
        if self.verbose && !self.quiet {
            self.tell(self.err.dim(text));
        }
    }

    /// Tells something that must not be missed, quiet or not.
    pub fn tell(&self, text: impl Display) {
        // Where stderr is closed there is nobody to tell, and the exit code says the rest.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Tells of a failure.
    pub fn failure(&self, failure: &Failure) {
        let paint = self.err;
        let mut text = format!("{}: {}", paint.error("error"), failure.message);
        for note in &failure.notes {
            text.push_str(&format!("\n  {}", note.replace('\n', "\n  ")));
        }
        for next in &failure.next {
            let next = next.replace('\n', "\n    ");
            text.push_str(&format!("\n  {} {next}", paint.hint("→")));
        }
        self.tell(text);
    }

    /// Whether somebody sits there who can answer.
    pub fn can_ask(&self) -> bool {
        self.err_is_terminal && io::stdin().is_terminal()
    }

    /// Whether lines that move are of use.
    pub const fn shows_progress(&self) -> bool {
        self.err_is_terminal && !self.quiet
    }

    /// Whether only data and failures are wanted.
    pub const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// How wide the terminal is, in characters; 100 where there is none.
    pub fn width(&self) -> usize {
        let size = rustix::termios::tcgetwinsize(io::stdout())
            .or_else(|_| rustix::termios::tcgetwinsize(io::stderr()));
        match size {
            Ok(size) if size.ws_col >= 20 => usize::from(size.ws_col),
            _ => 100,
        }
    }

    /// Asks a question and gives the answer without the spaces around it; empty at the end of
    /// input.
    ///
    /// # Errors
    /// Stdin can't be read.
    pub fn ask(&self, question: impl Display) -> Result<String, Stop> {
        let mut err = io::stderr().lock();
        // As in `tell`.
        let _ = write!(err, "{question} ").and_then(|()| err.flush());
        let mut answer = String::new();
        io::stdin()
            .lock()
            .read_line(&mut answer)
            .map_err(|error| failure::io("reading the answer", &error))?;
        if answer.is_empty() {
            let _ = writeln!(err);
        }
        Ok(answer.trim().to_owned())
    }

    /// Asks a question that is answered yes or no; anything but `y` or `yes` is no.
    ///
    /// # Errors
    /// Stdin can't be read.
    pub fn confirm(&self, question: impl Display) -> Result<bool, Stop> {
        let answer = self.ask(format!("{question} [y/N]"))?;
        Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
    }
}

fn written(result: io::Result<()>) -> Result<(), Stop> {
    result.map_err(|error| not_written(&error))
}

fn not_written(error: &io::Error) -> Stop {
    if error.kind() == io::ErrorKind::BrokenPipe {
        Stop::NobodyReads
    } else {
        failure::io("writing to stdout", error).into()
    }
}

/// Whether the environment has nothing against colours: see <https://no-color.org>.
pub fn colors_are_welcome() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    on: bool,
}

impl Paint {
    /// No colours.
    pub const NONE: Self = Self { on: false };

    /// Whether it paints.
    pub const fn is_on(self) -> bool {
        self.on
    }

    fn with(self, code: &str, text: impl Display) -> String {
        if self.on {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    }

    /// Names and headings.
    pub fn bold(self, text: impl Display) -> String {
        self.with("1", text)
    }

    /// What matters less: places, notes.
    pub fn dim(self, text: impl Display) -> String {
        self.with("2", text)
    }

    /// What is well, or new.
    pub fn good(self, text: impl Display) -> String {
        self.with("32", text)
    }

    /// What is under way, or changes.
    pub fn busy(self, text: impl Display) -> String {
        self.with("33", text)
    }

    /// What is wrong, or goes.
    pub fn bad(self, text: impl Display) -> String {
        self.with("31", text)
    }

    /// The word `error`.
    pub fn error(self, text: impl Display) -> String {
        self.with("1;31", text)
    }

    /// The word `warning`.
    pub fn warning(self, text: impl Display) -> String {
        self.with("1;33", text)
    }

    /// What to do next; links.
    pub fn hint(self, text: impl Display) -> String {
        self.with("36", text)
    }

    /// One of six colours that are told apart well, by number.
    pub fn nth(self, n: usize, text: impl Display) -> String {
        const CODES: [&str; 6] = ["36", "33", "32", "35", "34", "96"];
        self.with(CODES.get(n % CODES.len()).copied().unwrap_or("36"), text)
    }
}

/// Text of somebody else on its way to a terminal: what would move the cursor or change colours is
/// written as the language escapes it, `\u{1b}`.
pub fn harmless(text: &str) -> std::borrow::Cow<'_, str> {
    let bad = |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || is_bidi(c);
    if text.contains(bad) {
        let mut shown = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            if bad(c) {
                shown.extend(c.escape_unicode());
            } else {
                shown.push(c);
            }
        }
        shown.into()
    } else {
        text.into()
    }
}

/// Characters that turn the direction of what follows: they make text read as what it is not.
pub const fn is_bidi(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
