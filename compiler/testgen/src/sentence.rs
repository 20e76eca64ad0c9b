//! Texts from the grammar.

use crate::choice::Choices;
use crate::grammar::{Expr, Grammar, START, Terminal};
use crate::lexer::{Class, Token};
use std::collections::BTreeMap;

/// Words that are keywords only in their place come now and then, so that each is tried where it is none.
const NAMES: &[&str] = &[
    "a", "b", "x", "db", "api", "scale", "service", "postgres", "Int", "String", "Scale", "_",
];
const PLACED: &[&str] = &[
    "abstract", "app", "as", "changes", "each", "env", "extern", "fn", "grants", "implicit",
    "kind", "later", "live", "moved", "open", "out", "policy", "pub", "require", "secret", "test",
    "to", "type", "unit", "use", "waive", "where",
];
const NUMBERS: &[&str] = &["0", "1", "8_080", "1.5", "512MiB", "70%", "2.5d"];
const TEXTS: &[&str] = &["text", "a b", "\\n", "\\${x}", "$", "/* no comment */ //"];

/// A generator of sentences.
pub struct Sentences<'g> {
    grammar: &'g Grammar,
    reserved: Vec<&'g str>,
    /// How many tokens each rule takes at least.
    least: BTreeMap<String, usize>,
}

struct State<'c, 'b> {
    choices: &'c mut Choices<'b>,
    tokens: Vec<Token>,
    /// How many tokens may still be made at will.
    fuel: usize,
    depth: usize,
    same_line: bool,
    newline: bool,
    /// The last token refers to something.
    reference: bool,
    open: Vec<Open>,
}

/// What is open around the next token, as far as strings go.
enum Open {
    String,
    Hole { braces: usize },
}

/// Deeper rules take the shortest way out: the parser has a limit of its own, which other tests look at.
const MAX_DEPTH: usize = 60;

impl<'g> Sentences<'g> {
    /// Makes one for a grammar.
    pub fn new(grammar: &'g Grammar) -> Self {
        let mut least: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let mut changed = false;
            for (name, expr) in grammar.rules() {
                if let Some(n) = shortest(expr, &least)
                    && least.get(name).is_none_or(|l| *l > n)
                {
                    least.insert(name.to_owned(), n);
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        let endless: Vec<&str> = grammar
            .rules()
            .map(|(n, _)| n)
            .filter(|n| !least.contains_key(*n))
            .collect();
        assert!(endless.is_empty(), "these rules have no end: {endless:?}");
        Sentences {
            grammar,
            reserved: grammar.reserved().collect(),
            least,
        }
    }

    /// A sentence of about `size` tokens or fewer.
    pub fn sentence(&self, choices: &mut Choices<'_>, size: usize) -> Vec<Token> {
        self.of(START, choices, size)
    }

    /// Something that the rule of this name gives.
    pub fn of(&self, rule: &str, choices: &mut Choices<'_>, size: usize) -> Vec<Token> {
        let mut state = State {
            choices,
            tokens: Vec::new(),
            fuel: size,
            depth: 0,
            same_line: false,
            newline: false,
            reference: false,
            open: Vec::new(),
        };
        self.expand(self.grammar.rule(rule), &mut state);
        state.tokens
    }

    fn expand(&self, expr: &Expr, state: &mut State<'_, '_>) {
        match expr {
            Expr::Seq(parts) => parts.iter().for_each(|p| self.expand(p, state)),
            Expr::Alt(all) => {
                let chosen = if state.fuel == 0 || state.depth > MAX_DEPTH {
                    all.iter()
                        .min_by_key(|e| shortest(e, &self.least))
                        .unwrap_or(&all[0])
                } else {
                    state.choices.pick(all)
                };
                // In a hole the line doesn't end.
                let chosen = match chosen {
                    Expr::NewLine if !state.open.is_empty() => &all[0],
                    other => other,
                };
                self.expand(chosen, state);
            }
            Expr::Opt(inner) => {
                if state.fuel > 0 && state.depth <= MAX_DEPTH && state.choices.chance(45) {
                    self.expand(inner, state);
                }
            }
            Expr::Rep(inner) => {
                while state.fuel > 0 && state.depth <= MAX_DEPTH && state.choices.chance(40) {
                    self.expand(inner, state);
                }
            }
            Expr::Rule(name) => {
                state.depth += 1;
                if name == START {
                    panic!("a rule speaks of the whole file");
                }
                self.expand(self.grammar.rule(name), state);
                state.depth -= 1;
            }
            Expr::SameLine => state.same_line = true,
            Expr::NewLine => state.newline = true,
            Expr::Term(terminal) => self.token(terminal, state),
        }
    }

    fn token(&self, terminal: &Terminal, state: &mut State<'_, '_>) {
        let (class, text) = match terminal {
            Terminal::Literal(text) if text == "\"" => (Class::Quote, text.clone()),
            Terminal::Literal(text)
                if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') =>
            {
                (Class::Word, text.clone())
            }
            Terminal::Literal(text) => (Class::Punctuation, text.clone()),
            Terminal::Name(except) => (Class::Word, self.name(state.choices, except)),
            Terminal::Ref => (Class::Word, self.name(state.choices, &[])),
            Terminal::Word if state.choices.chance(15) => (
                Class::Word,
                (*state.choices.pick(&self.reserved)).to_owned(),
            ),
            Terminal::Word => (Class::Word, self.name(state.choices, &[])),
            Terminal::Number => (Class::Number, (*state.choices.pick(NUMBERS)).to_owned()),
            Terminal::Text => (Class::Text, (*state.choices.pick(TEXTS)).to_owned()),
        };
        // Two texts in a row are one.
        if class == Class::Text && state.tokens.last().is_some_and(|t| t.class == Class::Text) {
            return;
        }
        let newline = !state.same_line
            && state.open.is_empty()
            && (state.newline || state.tokens.is_empty() || state.choices.chance(12));
        let strings = state.strings();
        let names = class == Class::Word && !newline && !self.reserved.contains(&text.as_str());
        if state.reference
            && (names || text == "=")
            && let Some(reference) = state.tokens.last_mut()
        {
            // Else it would begin something new.
            reference.newline = false;
        }
        state.reference = *terminal == Terminal::Ref;
        state.tokens.push(Token {
            class,
            newline,
            strings,
            text: text.clone(),
        });
        (state.same_line, state.newline) = (false, false);
        state.fuel = state.fuel.saturating_sub(1);
        step(&mut state.open, &text);
    }

    fn name(&self, choices: &mut Choices<'_>, except: &[String]) -> String {
        let from = if choices.chance(20) { PLACED } else { NAMES };
        let name = *choices.pick(from);
        if except.iter().any(|e| e == name) {
            return NAMES[0].to_owned();
        }
        name.to_owned()
    }
}

impl State<'_, '_> {
    fn strings(&self) -> usize {
        let strings = self.open.iter().filter(|o| matches!(o, Open::String));
        strings.count()
    }
}

/// How many tokens this takes at least; none where that is not known yet.
fn shortest(expr: &Expr, least: &BTreeMap<String, usize>) -> Option<usize> {
    match expr {
        Expr::Seq(parts) => parts.iter().map(|p| shortest(p, least)).sum(),
        Expr::Alt(all) => all.iter().filter_map(|p| shortest(p, least)).min(),
        Expr::Opt(_) | Expr::Rep(_) | Expr::SameLine | Expr::NewLine => Some(0),
        Expr::Term(_) => Some(1),
        Expr::Rule(name) => least.get(name).copied(),
    }
}

/// What is open after this token.
fn step(open: &mut Vec<Open>, text: &str) {
    match (open.last_mut(), text) {
        (Some(Open::String), "\"" | "\"\"\"") => {
            open.pop();
        }
        (Some(Open::String), text) if text != "${" => {}
        (_, "\"" | "\"\"\"") => open.push(Open::String),
        (_, "${") => open.push(Open::Hole { braces: 0 }),
        (Some(Open::Hole { braces }), "{") => *braces += 1,
        (Some(Open::Hole { braces: 0 }), "}") => {
            open.pop();
        }
        (Some(Open::Hole { braces }), "}") => *braces -= 1,
        _ => {}
    }
}

/// The tokens as text: blanks, line breaks and comments between them as the choices say.
pub fn text(tokens: &[Token], choices: &mut Choices<'_>) -> String {
    const BREAKS: &[&str] = &[
        "\n",
        "\n",
        "\n",
        "\n\n",
        " // why\n",
        "\n/// More.\n",
        "\r\n",
    ];
    const INDENTS: &[&str] = &["", "    ", "        ", "\t"];
    let mut text = String::new();
    let mut open = Vec::new();
    for token in tokens {
        let within = matches!(open.last(), Some(Open::String));
        if token.newline && !text.is_empty() {
            text.push_str(choices.pick::<&str>(BREAKS));
            text.push_str(choices.pick::<&str>(INDENTS));
        } else if !within && !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&token.text);
        step(&mut open, &token.text);
    }
    text.push('\n');
    text
}
