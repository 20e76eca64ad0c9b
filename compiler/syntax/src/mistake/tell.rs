//! The words.

use super::{Context, Found, Mistake, place};
use crate::diagnostic::Diagnostic;
use crate::kind::SyntaxKind as K;
use crate::tree::TextRange;
use std::sync::Arc;

/// The words for mistakes in one text.
pub(super) struct Teller<'a> {
    pub(super) file: &'a Arc<str>,
    pub(super) text: &'a str,
}

impl Teller<'_> {
    fn error(
        &self,
        code: &'static str,
        range: TextRange,
        message: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::error(code, self.file, range, message)
    }

    fn slice(&self, range: TextRange) -> &str {
        range.slice(self.text)
    }

    pub(super) fn tell(&self, mistake: Mistake) -> Diagnostic {
        match mistake {
            Mistake::OpenString { range, block: false } => self
                .error("E0103", range, "this string is not closed on its line")
                .with_label("the closing `\"` is missing")
                .with_help("close it with `\"`; text of several lines stands between `\"\"\"` and `\"\"\"`"),
            Mistake::OpenString { range, block: true } => self
                .error("E0103", range, "this block string is never closed")
                .with_label("opened here")
                .with_help("close it with `\"\"\"`"),
            Mistake::OpenHole { range } => self
                .error("E0103", range, "this `${` is not closed on its line")
                .with_label("opened here")
                .with_help("close it with `}`; a plain dollar is written `\\$`"),
            Mistake::OpenBracket { open, end } => self.open_bracket(open, end),
            Mistake::StrayCloser { range } => {
                let bracket = self.slice(range);
                self.error("E0105", range, format!("this `{bracket}` closes nothing"))
                    .with_label("no open bracket belongs to it")
                    .with_fix(format!("remove `{bracket}`"), range, "")
            }
            Mistake::WrongCloser { open, range } => {
                let close = if self.slice(open) == "[" { "]" } else { ")" };
                self.error("E0105", range, format!("expected `{close}`, found `{}`", self.slice(range)))
                    .with_related(self.file, open, format!("to close this `{}`", self.slice(open)))
                    .with_fix(format!("write `{close}`"), range, close)
            }
            Mistake::TooDeep { range, brackets } => {
                let told = self
                    .error("E0106", range, "this is nested too deeply to be read")
                    .with_label("no deeper than this");
                let told = if brackets {
                    told.with_note(format!("at most {} brackets may stand in each other", crate::brackets::MAX_BRACKETS))
                } else {
                    told
                };
                told.with_help("name an inner part with `let`, or make it a kind of its own")
            }
            Mistake::UnknownText { range } => {
                let found = clip(self.slice(range));
                self.error("E0107", range, format!("`{found}` means nothing here"))
            }
            Mistake::ForeignBlank { range, c } => self
                .error("E0107", range, format!("this is not a plain space, but U+{:04X}", u32::from(c)))
                .with_help("it often comes with text copied from a web page")
                .with_fix("write a plain space", range, " "),
            Mistake::ForeignName { range } => {
                let found = self.slice(range);
                self.error("E0108", range, format!("`{found}` can't be a name"))
                    .with_help("names are made of the letters a to z, digits and `_`; any text may stand in a string")
            }
            Mistake::ForeignString { range, open_len, close_len } => self.foreign_string(range, open_len, close_len),
            Mistake::ForeignComment { range, opening } => {
                let found = self.slice(opening);
                let told = self
                    .error("E0110", range, format!("comments begin with `//`, not with `{found}`"))
                    .with_help("`//` for a comment, `///` for documentation of what follows");
                if found == "/*" { told } else { told.with_fix("write `//`", opening, "//") }
            }
            Mistake::ForeignOperator { range, ours } => self.foreign_operator(range, ours),
            Mistake::UnknownEscape { range } => {
                let found = self.slice(range);
                self.error("E0112", range, format!("`{found}` is not an escape"))
                    .with_help("the escapes are `\\n`, `\\t`, `\\r`, `\\\"`, `\\\\`, `\\$` and `\\u{1F600}`; a plain backslash is `\\\\`")
                    .with_fix("write a plain backslash", TextRange::empty(range.start), "\\")
            }
            Mistake::Expected { what, before, found } => self.expected(what, before, found),
            Mistake::Unexpected { what, found } => {
                let seen = match found.kind {
                    K::StringStart | K::BlockStart => "a string".to_owned(),
                    _ => format!("`{}`", clip(self.slice(found.range))),
                };
                self.error("E0113", found.range, format!("expected {what}, found {seen}"))
            }
            Mistake::Unseparated { before, found } => self.unseparated(before, found),
            Mistake::Unclosed { bracket, before, found } => {
                if let Some(told) = self.spaced_unit(before, found) {
                    return told;
                }
                let range = place(before, found);
                self.error("E0113", range, format!("expected `{bracket}` {}", self.after(before)))
                    .with_label(self.found(found))
            }
            Mistake::ColonForEquals { range } => self
                .error("E0114", range, "a field is given its value with `=`, not with `:`")
                .with_help("`name: Type` declares an input of a kind; `name = value` sets one")
                .with_fix("write `=`", range, if self.blank_before(range) { "=" } else { " =" }),
            Mistake::EqualsForColon { range } => self
                .error("E0114", range, "an argument is named with `:`, not with `=`")
                .with_help("write `name: value`")
                .with_fix("write `:`", self.with_blanks_before(range), ":"),
            Mistake::DoubleEquals { range } => self
                .error("E0114", range, "a field is given its value with `=`; `==` compares")
                .with_fix("write `=`", range, "="),
            Mistake::CommaForElse { range } => {
                let (before, after) = (self.blank_before(range), self.blank_after(range));
                let mut word = if before { "else" } else { " else" }.to_owned();
                if !after {
                    word.push(' ');
                }
                self.error("E0113", range, "the message of a `require` stands after `else`")
                    .with_help("write `require CONDITION else \"message\"`")
                    .with_fix("write `else`", range, word)
            }
            Mistake::OnItsOwn { range, end } => {
                let what = self.slice(range);
                let which = if what == "{" { "this " } else { "" };
                let told = self.error("E0122", range, format!("{which}`{what}` stands on the line of what it belongs to"));
                let gap = TextRange::new(end, range.start);
                if self.slice(gap).trim().is_empty() { told.with_fix("put it there", gap, " ") } else { told }
            }
            Mistake::Misplaced { kind, context, range } => self.misplaced(kind, context, range),
            Mistake::Chained { first, second } => {
                let (a, b) = (self.slice(first), self.slice(second));
                let message = if a == ".." {
                    "a range has two ends".to_owned()
                } else {
                    format!("`{a}` and `{b}` can't stand in one chain")
                };
                let told = self.error("E0117", second, message).with_related(self.file, first, "the first is here");
                if a == ".." { told } else { told.with_help("join two comparisons with `and`: `1 <= x and x < 5`") }
            }
            Mistake::Unparenthesised { first, second } => {
                let (a, b) = (self.slice(first), self.slice(second));
                self.error("E0117", second, format!("`{a}` and `{b}` can't stand in one chain"))
                    .with_related(self.file, first, "the first is here")
                    .with_help(format!("put what stands before `{b}` in parentheses"))
            }
            Mistake::Operand { range } => {
                let what = match self.slice(range) {
                    "|" => "a function".to_owned(),
                    word => format!("`{word}`"),
                };
                self.error("E0117", range, format!("{what} stands in parentheses after an operator"))
                    .with_help("it would reach over what follows: put it in parentheses, or give it a name with `let`")
            }
            Mistake::MisplacedWord { range } => {
                let word = self.slice(range);
                let help = match word {
                    "pub" => "`pub` stands before what other packages may use: a kind, a type, a unit, a function, a `let`, an environment, a policy, a declaration",
                    "implicit" => "`implicit` stands before `out` and before a case of a type",
                    _ => "`extern` and then `abstract` stand before `kind`",
                };
                self.error("E0120", range, format!("`{word}` can't stand here"))
                    .with_help(help)
                    .with_fix(format!("remove `{word}`"), range, "")
            }
            Mistake::NoElse { range, end } => self
                .error("E0118", range, "an `if` that gives a value needs an `else`")
                .with_related(self.file, end, "expected `else` and a value here")
                .with_help("if nothing should be given then, write `else none`"),
            Mistake::HoleInPlain { range, place } => self
                .error("E0119", range, format!("{place} is a plain string, without `${{…}}`"))
                .with_help("a plain dollar is written `\\$`"),
        }
    }

    fn open_bracket(&self, open: TextRange, end: TextRange) -> Diagnostic {
        let bracket = self.slice(open);
        let (name, close) = match bracket {
            "[" => ("[", "]"),
            "(" => ("(", ")"),
            "${" => ("${", "}"),
            _ => ("{", "}"),
        };
        self.error("E0104", open, format!("this `{name}` is never closed"))
            .with_label("opened here")
            .with_related(
                self.file,
                end,
                format!("expected `{close}` here at the latest"),
            )
    }

    fn foreign_string(&self, range: TextRange, open_len: u32, close_len: u32) -> Diagnostic {
        let quote = self.slice(TextRange::new(range.start, range.start + open_len));
        let message = match quote {
            "'" | "`" => format!("strings stand between `\"` and `\"`, not between `{quote}`"),
            _ => "strings stand between plain quotes, not between curly ones".to_owned(),
        };
        let inner = self.slice(TextRange::new(
            range.start + open_len,
            range.end - close_len,
        ));
        let told = self.error("E0109", range, message);
        if inner.contains('"') {
            return told;
        }
        told.with_fix(
            "write plain quotes",
            TextRange::new(range.start, range.start + open_len),
            "\"",
        )
        .with_fix("", TextRange::new(range.end - close_len, range.end), "\"")
    }

    fn foreign_operator(&self, range: TextRange, ours: &'static str) -> Diagnostic {
        let found = self.slice(range);
        if ours.is_empty() {
            let told = self
                .error("E0111", range, format!("`{found}` is not needed"))
                .with_help("fields are separated by new lines or commas");
            // Before more on the same line it stands for a comma.
            let rest = self.text.get(range.end as usize..).unwrap_or_default();
            let next = rest.trim_start_matches([' ', '\t']).chars().next();
            return match next {
                None | Some('\n' | '\r' | '}' | ',' | ';' | '/') => {
                    told.with_fix("remove it", range, "")
                }
                Some(_) => told.with_fix("write a comma", range, ","),
            };
        }
        let plain = ours.trim();
        self.error("E0111", range, format!("`{found}` is written `{plain}`"))
            .with_fix(format!("write `{plain}`"), range, ours)
    }

    /// "after `=`", "after the string".
    fn after(&self, before: Found) -> String {
        match before.kind {
            K::StringEnd => "after the string".to_owned(),
            K::Eof => "at the beginning of the file".to_owned(),
            K::Skipped => "after this".to_owned(),
            _ => format!("after `{}`", clip(self.slice(before.range))),
        }
    }

    fn found(&self, found: Found) -> String {
        match found.kind {
            K::Eof => "the file ends here".to_owned(),
            _ if found.newline || found.range.is_empty() => "here".to_owned(),
            K::StringStart | K::BlockStart => "found a string".to_owned(),
            _ => format!("found `{}`", clip(self.slice(found.range))),
        }
    }

    fn expected(&self, what: &'static str, before: Found, found: Found) -> Diagnostic {
        if let Some(told) = self
            .spaced_unit(before, found)
            .or_else(|| self.dashed_name(before, found))
        {
            return told;
        }
        let message = format!("expected {what} {}", self.after(before));
        let told = self
            .error("E0113", place(before, found), message)
            .with_label(self.found(found));
        match (before.kind, found.kind) {
            (K::Ident, K::StringStart) if what == "a name" => self.quoted_name(told, found),
            (_, K::LBrace) if what.starts_with("`=` and the function") => told
                .with_help("a function's value stands after `=`: `fn twice(x: Int): Int = x * 2`"),
            (K::Dot, K::StringStart) => {
                told.with_help("a key that is no name stands in brackets: `env[\"A-B\"]`")
            }
            (_, K::LBrace) if matches!(what, "what to go over" | "a condition") => told
                .with_help("in a head, a value with braces stands in parentheses: `({ a = 1 })`"),
            (_, K::LBrace) if what.starts_with("`then`") => {
                told.with_help("an `if` that gives a value is written `if a then b else c`")
            }
            _ => told,
        }
    }

    fn unseparated(&self, before: Found, found: Found) -> Diagnostic {
        if let Some(told) = self
            .spaced_unit(before, found)
            .or_else(|| self.dashed_name(before, found))
        {
            return told;
        }
        let told = self
            .error(
                "E0115",
                place(before, found),
                format!("expected a comma or a new line {}", self.after(before)),
            )
            .with_label(self.found(found));
        match found.kind {
            K::Eq => told.with_help(
                "to compare, write `==`; to set a field, write one name or path before the `=`",
            ),
            K::Colon if self.ends_line(found) => {
                told.with_help("a body stands between `{` and `}`")
            }
            K::Colon => told.with_help("text with a colon in it stands in quotes"),
            K::FatArrow => told.with_help(
                "a function is written `|x| x + 1`; `=>` stands in the arms of a `match`",
            ),
            K::Question => told.with_help("to choose, write `if a then b else c`"),
            _ => told,
        }
    }

    fn ends_line(&self, found: Found) -> bool {
        let rest = self.text.get(found.range.end as usize..).unwrap_or("");
        rest.trim_start_matches([' ', '\t', '\r']).starts_with('\n')
    }

    /// `service "api"`
    fn quoted_name(&self, told: Diagnostic, found: Found) -> Diagnostic {
        let rest = self.text.get(found.range.end as usize..).unwrap_or("");
        let name = rest.split(['"', '\n']).next().unwrap_or("");
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let told = told.with_help("a name stands without quotes");
        if name.is_empty()
            || !name.chars().all(word)
            || name.starts_with(|c: char| c.is_ascii_digit())
        {
            return told;
        }
        let end = found.range.end + u32::try_from(name.len() + 1).unwrap_or(0);
        told.with_fix(
            "remove the quotes",
            TextRange::new(found.range.start, end),
            name,
        )
    }

    /// `512 MiB`
    fn spaced_unit(&self, before: Found, found: Found) -> Option<Diagnostic> {
        let number = matches!(before.kind, K::Int | K::Decimal);
        let rest = self
            .text
            .get(found.range.end as usize..)
            .unwrap_or("")
            .trim_start_matches([' ', '\t']);
        let is_field =
            (rest.starts_with('=') && !rest.starts_with("==")) || rest.starts_with([':', '.', '[']);
        if !number || found.kind != K::Ident || found.newline || is_field {
            return None;
        }
        let (number, unit) = (self.slice(before.range), self.slice(found.range));
        let gap = TextRange::new(before.range.end, found.range.start);
        Some(
            self.error(
                "E0116",
                before.range.cover(found.range),
                format!("`{number} {unit}` is written `{number}{unit}`"),
            )
            .with_label("a quantity has no space")
            .with_fix("remove the space", gap, ""),
        )
    }

    /// `shop-api` where a name is given
    fn dashed_name(&self, before: Found, found: Found) -> Option<Diagnostic> {
        let joined = before.kind == K::Ident
            && found.kind == K::Minus
            && before.range.end == found.range.start;
        if !joined {
            return None;
        }
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let rest = self.text.get(before.range.start as usize..)?;
        let whole = rest.split(|c| !word(c)).next()?.trim_end_matches('-');
        let range = TextRange::new(
            before.range.start,
            before.range.start + u32::try_from(whole.len()).ok()?,
        );
        let ours = whole.replace('-', "_");
        Some(
            self.error("E0108", range, format!("`{whole}` can't be a name"))
                .with_help(format!(
                    "write `{ours}`: outside, its name has `-` for each `_`"
                ))
                .with_fix(format!("write `{ours}`"), range, ours),
        )
    }

    fn misplaced(&self, kind: K, context: Context, range: TextRange) -> Diagnostic {
        let place = match context {
            Context::File => "outside of a declaration",
            Context::FileBlock | Context::KindBlock => "in an `if` or `for` over declarations",
            Context::App => "in `app { … }`, which declares inputs",
            Context::Kind => "in a kind",
            Context::Fields => "here, where fields are set",
            Context::Env => "in an environment",
            Context::Members => "in the members of a type",
        };
        let told = self.error(
            "E0120",
            range,
            format!("{} can't stand {place}", describe(kind)),
        );
        match (kind, context) {
            (K::Field, Context::File) => told.with_help("a value is named with `let NAME = …`; a declaration is `KIND NAME { … }`"),
            (K::Decl, Context::Fields) => told.with_help("only a kind's body, `if` and `for` hold declarations; a field is set with `NAME = value`"),
            (K::Field, Context::App | Context::Kind) => told.with_help("an input is declared with its type: `NAME: Type = default`"),
            (K::Out | K::Require, _) => told.with_help("it stands in a `kind`"),
            (K::FieldDecl, _) => told.with_help("inputs are declared in a `kind` or in `app NAME { … }`"),
            (K::Let, Context::Fields | Context::Env) => told.with_help("put the `let` before it, outside"),
            _ => told,
        }
    }

    fn blank_before(&self, range: TextRange) -> bool {
        self.with_blanks_before(range).start < range.start
    }

    fn blank_after(&self, range: TextRange) -> bool {
        let after = self.text.get(range.end as usize..).unwrap_or("");
        after.starts_with([' ', '\t', '\n'])
    }

    fn with_blanks_before(&self, range: TextRange) -> TextRange {
        let before = self.text.get(..range.start as usize).unwrap_or("");
        let start = before.trim_end_matches([' ', '\t']).len();
        TextRange::new(u32::try_from(start).unwrap_or(range.start), range.end)
    }
}

/// What kind of item it is, with its article.
fn describe(kind: K) -> &'static str {
    match kind {
        K::App => "`app`",
        K::Use => "`use`",
        K::Kind => "a kind",
        K::TypeDef => "a type definition",
        K::UnitDef => "a unit",
        K::FnDef => "a function",
        K::Let => "`let`",
        K::Env => "an environment",
        K::Policy => "a policy",
        K::Waive => "`waive`",
        K::Test => "a test",
        K::Moved => "`moved`",
        K::Decl => "a declaration",
        K::If => "`if`",
        K::For => "`for`",
        K::FieldDecl => "an input",
        K::Field => "a field",
        K::Out => "an `out`",
        K::Require => "`require`",
        K::Each => "`each`",
        _ => "this",
    }
}

/// Short enough for a message.
fn clip(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    if line.chars().count() <= 24 {
        return line.to_owned();
    }
    let head: String = line.chars().take(20).collect();
    format!("{head}…")
}
