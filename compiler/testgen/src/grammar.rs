//! The grammar, as the specification says it.
//!
//! The notation, as the chapter explains it: `'x'` a token, `[ a ]`, `{ a }`, `( a )`, `a | b`, `~` for "no line break
//! here", `A - ( 'x' | 'y' )` for a terminal without some words, `list(a)`, and `head(a)`.

use std::collections::BTreeMap;

/// A side of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expr {
    /// One after the other.
    Seq(Vec<Expr>),
    /// One of them.
    Alt(Vec<Expr>),
    /// Or nothing.
    Opt(Box<Expr>),
    /// Any number of times.
    Rep(Box<Expr>),
    /// One token.
    Term(Terminal),
    /// Another rule.
    Rule(String),
    /// The next token stands on the line of the one before.
    SameLine,
    /// The next token begins a line.
    NewLine,
}

/// What one token may be.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Terminal {
    /// This word or punctuation.
    Literal(String),
    /// A word that may be the name of something, but for these.
    Name(Vec<String>),
    /// A name, but not where it begins a line and `=` or another name on its line follows.
    Ref,
    /// Any word.
    Word,
    /// A number, with or without a unit.
    Number,
    /// The characters between holes in a string.
    Text,
}

/// The rules by name.
#[derive(Clone, Debug)]
pub struct Grammar {
    rules: BTreeMap<String, Expr>,
    reserved: Vec<String>,
}

/// The rule that a program is.
pub const START: &str = "file";
/// What `head(…)` leaves out.
const BRACED: &str = "braced";

impl Grammar {
    /// Reads the blocks marked `ebnf` of the chapter on grammar, and the reserved words of the chapter on text.
    ///
    /// Panics, saying why, where the rules are not in the notation or speak of a rule that there is none of.
    pub fn of_specification(text_chapter: &str, grammar_chapter: &str) -> Self {
        let mut rules = BTreeMap::new();
        for block in grammar_chapter.split("```ebnf\n").skip(1) {
            let block = block.split("```").next().unwrap_or_default();
            for (name, right) in split_rules(block) {
                let mut reader = Reader::new(&right);
                let expr = reader.alternatives();
                assert!(
                    reader.at_end(),
                    "the rule `{name}` goes on after its end: {right}"
                );
                let before = rules.insert(name.clone(), expr);
                assert!(before.is_none(), "the rule `{name}` is there twice");
            }
        }
        let mut grammar = Grammar {
            rules,
            reserved: reserved_words(text_chapter),
        };
        grammar.expand_heads();
        for (name, expr) in &grammar.rules {
            each_rule(expr, &mut |used| {
                assert!(
                    grammar.rules.contains_key(used),
                    "`{name}` speaks of `{used}`, which is no rule"
                );
            });
        }
        grammar
    }

    /// The right side of a rule. Panics if there is none of this name.
    pub fn rule(&self, name: &str) -> &Expr {
        match self.rules.get(name) {
            Some(expr) => expr,
            None => panic!("there is no rule `{name}`"),
        }
    }

    /// The rules by name, sorted.
    pub fn rules(&self) -> impl Iterator<Item = (&str, &Expr)> {
        self.rules.iter().map(|(name, expr)| (name.as_str(), expr))
    }

    /// The words that are never the names of things.
    pub fn reserved(&self) -> impl Iterator<Item = &str> {
        self.reserved.iter().map(String::as_str)
    }

    /// Makes the rules that `head(…)` asks for: copies without `braced` outside of brackets.
    fn expand_heads(&mut self) {
        loop {
            let mut missing = Vec::new();
            for expr in self.rules.values() {
                each_rule(expr, &mut |used| {
                    if used.ends_with('!') && !self.rules.contains_key(used) {
                        missing.push(used.to_owned());
                    }
                });
            }
            if missing.is_empty() {
                return;
            }
            for name in missing {
                let plain = self.rule(name.trim_end_matches('!')).clone();
                let head = headed(&plain, &mut 0);
                self.rules.insert(name, head);
            }
        }
    }
}

/// The words in the paragraph after "never names of things".
fn reserved_words(chapter: &str) -> Vec<String> {
    let Some((_, after)) = chapter.split_once("These words are never names of things:") else {
        panic!("the chapter on text does not say which words are reserved");
    };
    let paragraph = after.trim_start().lines().next().unwrap_or_default();
    paragraph
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn split_rules(block: &str) -> Vec<(String, String)> {
    let mut rules: Vec<(String, String)> = Vec::new();
    for line in block.lines() {
        let head = line.split_once('=').filter(|(name, _)| {
            line.starts_with(|c: char| c.is_ascii_alphabetic())
                && name.trim().chars().all(|c| c.is_ascii_alphabetic())
        });
        match (head, rules.last_mut()) {
            (Some((name, right)), _) => rules.push((name.trim().to_owned(), right.to_owned())),
            (None, Some((_, right))) => {
                right.push(' ');
                right.push_str(line);
            }
            (None, None) => assert!(line.trim().is_empty(), "no rule begins with: {line}"),
        }
    }
    rules
}

fn each_rule(expr: &Expr, look: &mut impl FnMut(&str)) {
    match expr {
        Expr::Seq(parts) | Expr::Alt(parts) => parts.iter().for_each(|p| each_rule(p, look)),
        Expr::Opt(inner) | Expr::Rep(inner) => each_rule(inner, look),
        Expr::Rule(name) => look(name),
        Expr::Term(_) | Expr::SameLine | Expr::NewLine => {}
    }
}

/// The same, without `braced` where no bracket is open.
fn headed(expr: &Expr, open: &mut usize) -> Expr {
    match expr {
        Expr::Seq(parts) => Expr::Seq(parts.iter().map(|p| headed(p, open)).collect()),
        Expr::Alt(parts) => {
            let all = *open > 0;
            let kept = parts
                .iter()
                .filter(|p| all || **p != Expr::Rule(BRACED.to_owned()));
            Expr::Alt(kept.map(|p| headed(p, open)).collect())
        }
        Expr::Opt(inner) => Expr::Opt(Box::new(headed(inner, open))),
        Expr::Rep(inner) => Expr::Rep(Box::new(headed(inner, open))),
        Expr::Rule(name) if *open == 0 && !name.ends_with('!') => Expr::Rule(format!("{name}!")),
        Expr::Term(Terminal::Literal(word)) => {
            match word.as_str() {
                "(" | "[" | "{" | "${" => *open += 1,
                ")" | "]" | "}" => *open = open.saturating_sub(1),
                _ => {}
            }
            expr.clone()
        }
        _ => expr.clone(),
    }
}

/// Reads one right side.
struct Reader {
    tokens: Vec<String>,
    at: usize,
}

impl Reader {
    fn new(text: &str) -> Self {
        let mut tokens = Vec::new();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let len = if first == '\'' {
                let inner = &rest[1..];
                2 + inner
                    .find('\'')
                    .unwrap_or_else(|| panic!("no end of the token in: {rest}"))
            } else if first.is_ascii_alphabetic() {
                rest.find(|c: char| !c.is_ascii_alphabetic())
                    .unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            tokens.push(rest[..len].to_owned());
            rest = rest[len..].trim_start();
        }
        Reader { tokens, at: 0 }
    }

    fn at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> String {
        self.at += 1;
        self.tokens[self.at - 1].clone()
    }

    fn expect(&mut self, token: &str) {
        assert_eq!(self.peek(), token, "in {:?}", self.tokens);
        self.at += 1;
    }

    fn alternatives(&mut self) -> Expr {
        let mut all = vec![self.sequence()];
        while self.peek() == "|" {
            self.at += 1;
            all.push(self.sequence());
        }
        if all.len() == 1 {
            all.remove(0)
        } else {
            Expr::Alt(all)
        }
    }

    fn sequence(&mut self) -> Expr {
        let mut parts = Vec::new();
        while !matches!(self.peek(), "" | "|" | "]" | "}" | ")") {
            parts.push(self.part());
        }
        if parts.len() == 1 {
            parts.remove(0)
        } else {
            Expr::Seq(parts)
        }
    }

    fn part(&mut self) -> Expr {
        let token = self.next();
        match token.as_str() {
            "[" => {
                let inner = self.alternatives();
                self.expect("]");
                Expr::Opt(Box::new(inner))
            }
            "{" => {
                let inner = self.alternatives();
                self.expect("}");
                Expr::Rep(Box::new(inner))
            }
            "(" => {
                let inner = self.alternatives();
                self.expect(")");
                inner
            }
            "~" => Expr::SameLine,
            "NAME" => Expr::Term(Terminal::Name(self.exceptions())),
            "REF" => Expr::Term(Terminal::Ref),
            "WORD" => Expr::Term(Terminal::Word),
            "NUMBER" => Expr::Term(Terminal::Number),
            "TEXT" => Expr::Term(Terminal::Text),
            "NEWLINE" => Expr::NewLine,
            "list" if self.peek() == "(" => {
                let one = self.part();
                list(one)
            }
            "head" if self.peek() == "(" => match self.part() {
                Expr::Rule(name) => Expr::Rule(format!("{name}!")),
                other => panic!("`head` of {other:?}, which is no rule"),
            },
            quoted if quoted.starts_with('\'') => {
                Expr::Term(Terminal::Literal(quoted.trim_matches('\'').to_owned()))
            }
            name if name.starts_with(|c: char| c.is_ascii_lowercase()) => {
                Expr::Rule(name.to_owned())
            }
            other => panic!("`{other}` means nothing in a rule: {:?}", self.tokens),
        }
    }

    /// `- ( 'x' | 'y' )`
    fn exceptions(&mut self) -> Vec<String> {
        if self.peek() != "-" {
            return Vec::new();
        }
        self.at += 1;
        let words = match self.part() {
            Expr::Alt(words) => words,
            one => vec![one],
        };
        let word = |expr: Expr| match expr {
            Expr::Term(Terminal::Literal(word)) => word,
            other => panic!("only words can be left out, not {other:?}"),
        };
        words.into_iter().map(word).collect()
    }
}

/// `[ a { sep a } [ ',' ] ]`
fn list(one: Expr) -> Expr {
    let further = Expr::Seq(vec![Expr::Rule("sep".to_owned()), one.clone()]);
    let comma = Expr::Term(Terminal::Literal(",".to_owned()));
    Expr::Opt(Box::new(Expr::Seq(vec![
        one,
        Expr::Rep(Box::new(further)),
        Expr::Opt(Box::new(comma)),
    ])))
}
