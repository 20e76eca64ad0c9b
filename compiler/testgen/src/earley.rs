//! Does a grammar allow these tokens? An Earley recogniser: any context-free grammar, as it stands.
//!
//! After Jay Earley, "An efficient context-free parsing algorithm", 1970; nullable rules as in Aycock and Horspool,
//! "Practical Earley parsing", 2002.

use crate::grammar::{Expr, Grammar, START, Terminal};
use crate::lexer::{Class, Token};
use std::collections::{BTreeMap, BTreeSet};

/// A symbol of a production.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Symbol {
    Rule(usize),
    Term(usize),
    SameLine,
    NewLine,
}

/// A grammar in productions, ready to recognise.
pub struct Recogniser {
    /// For each rule its productions, as indices.
    rules: Vec<Vec<usize>>,
    productions: Vec<(usize, Vec<Symbol>)>,
    terminals: Vec<Terminal>,
    nullable: Vec<bool>,
    start: usize,
    reserved: BTreeSet<String>,
}

/// How far a production has come, and where it began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    production: usize,
    dot: usize,
    origin: usize,
}

impl Recogniser {
    /// Makes one for a grammar.
    pub fn new(grammar: &Grammar) -> Self {
        let names: BTreeMap<&str, usize> = grammar
            .rules()
            .enumerate()
            .map(|(n, (name, _))| (name, n))
            .collect();
        let mut made = Recogniser {
            rules: vec![Vec::new(); names.len()],
            productions: Vec::new(),
            terminals: Vec::new(),
            nullable: Vec::new(),
            start: names[START],
            reserved: grammar.reserved().map(str::to_owned).collect(),
        };
        for (name, expr) in grammar.rules() {
            made.add(names[name], expr, &names);
        }
        made.find_nullable();
        made
    }

    /// Adds the productions of a rule.
    fn add(&mut self, rule: usize, expr: &Expr, names: &BTreeMap<&str, usize>) {
        let alternatives = match expr {
            Expr::Alt(all) => all.as_slice(),
            one => std::slice::from_ref(one),
        };
        for one in alternatives {
            let parts = match one {
                Expr::Seq(parts) => parts.as_slice(),
                part => std::slice::from_ref(part),
            };
            let symbols = parts.iter().map(|p| self.symbol(p, names)).collect();
            self.production(rule, symbols);
        }
    }

    fn production(&mut self, rule: usize, symbols: Vec<Symbol>) {
        self.rules[rule].push(self.productions.len());
        self.productions.push((rule, symbols));
    }

    fn symbol(&mut self, expr: &Expr, names: &BTreeMap<&str, usize>) -> Symbol {
        match expr {
            Expr::Term(terminal) => {
                let known = self.terminals.iter().position(|t| t == terminal);
                Symbol::Term(known.unwrap_or_else(|| {
                    self.terminals.push(terminal.clone());
                    self.terminals.len() - 1
                }))
            }
            Expr::Rule(name) => Symbol::Rule(names[name.as_str()]),
            Expr::SameLine => Symbol::SameLine,
            Expr::NewLine => Symbol::NewLine,
            Expr::Opt(inner) => {
                let rule = self.fresh();
                self.production(rule, Vec::new());
                self.add(rule, inner, names);
                Symbol::Rule(rule)
            }
            Expr::Rep(inner) => {
                let (rule, one) = (self.fresh(), self.fresh());
                self.add(one, inner, names);
                self.production(rule, Vec::new());
                self.production(rule, vec![Symbol::Rule(rule), Symbol::Rule(one)]);
                Symbol::Rule(rule)
            }
            Expr::Seq(_) | Expr::Alt(_) => {
                let rule = self.fresh();
                self.add(rule, expr, names);
                Symbol::Rule(rule)
            }
        }
    }

    fn fresh(&mut self) -> usize {
        self.rules.push(Vec::new());
        self.rules.len() - 1
    }

    /// Rules that may be nothing, whatever stands next. Those that look at the line break are not among them: they are
    /// completed where they stand.
    fn find_nullable(&mut self) {
        self.nullable = vec![false; self.rules.len()];
        loop {
            let before = self.nullable.clone();
            for (rule, symbols) in &self.productions {
                let empty = |s: &Symbol| matches!(s, Symbol::Rule(r) if before[*r]);
                if symbols.iter().all(empty) {
                    self.nullable[*rule] = true;
                }
            }
            if self.nullable == before {
                return;
            }
        }
    }

    fn matches(&self, terminal: usize, token: &Token, next: Option<&Token>) -> bool {
        let word = token.class == Class::Word;
        let named = |t: &Token| t.class == Class::Word && !self.reserved.contains(&t.text);
        match &self.terminals[terminal] {
            Terminal::Literal(text) if text == "\"" => token.class == Class::Quote,
            Terminal::Literal(text) => {
                (word || token.class == Class::Punctuation) && token.text == *text
            }
            Terminal::Name(except) => named(token) && !except.contains(&token.text),
            Terminal::Ref => {
                let member = next.is_some_and(|n| n.text == "=" || (named(n) && !n.newline));
                named(token) && !(token.newline && member)
            }
            Terminal::Word => word,
            Terminal::Number => token.class == Class::Number,
            Terminal::Text => token.class == Class::Text,
        }
    }

    /// Is this a sentence of the grammar?
    pub fn accepts(&self, tokens: &[Token]) -> bool {
        self.furthest(tokens).is_none()
    }

    /// The first token that can't stand there; the number of tokens if the end can't; none if all is well.
    pub fn furthest(&self, tokens: &[Token]) -> Option<usize> {
        let mut sets: Vec<Vec<Item>> = vec![Vec::new(); tokens.len() + 1];
        let mut known: Vec<BTreeSet<Item>> = vec![BTreeSet::new(); tokens.len() + 1];
        let mut waiting: Vec<BTreeMap<usize, Vec<Item>>> = vec![BTreeMap::new(); tokens.len() + 1];
        for production in &self.rules[self.start] {
            let item = Item {
                production: *production,
                dot: 0,
                origin: 0,
            };
            known[0].insert(item);
            sets[0].push(item);
        }
        for at in 0..=tokens.len() {
            if sets[at].is_empty() {
                return Some(at - 1);
            }
            let newline = tokens.get(at).is_none_or(|t| t.newline);
            // The rules that were found to be nothing here.
            let mut empty: BTreeSet<usize> = BTreeSet::new();
            let mut next = 0;
            while next < sets[at].len() {
                let item = sets[at][next];
                next += 1;
                let (rule, symbols) = &self.productions[item.production];
                let step = Item {
                    dot: item.dot + 1,
                    ..item
                };
                let mut add = |item: Item, to: usize| {
                    if known[to].insert(item) {
                        sets[to].push(item);
                    }
                };
                match symbols.get(item.dot) {
                    Some(Symbol::Rule(wanted)) => {
                        let already = waiting[at].contains_key(wanted);
                        waiting[at].entry(*wanted).or_default().push(item);
                        if !already {
                            for production in &self.rules[*wanted] {
                                add(
                                    Item {
                                        production: *production,
                                        dot: 0,
                                        origin: at,
                                    },
                                    at,
                                );
                            }
                        }
                        // What was completed here before this waited for it.
                        if self.nullable[*wanted] || empty.contains(wanted) {
                            add(step, at);
                        }
                    }
                    Some(Symbol::Term(terminal)) => {
                        if tokens
                            .get(at)
                            .is_some_and(|t| self.matches(*terminal, t, tokens.get(at + 1)))
                        {
                            add(step, at + 1);
                        }
                    }
                    Some(Symbol::SameLine) if !newline => add(step, at),
                    Some(Symbol::NewLine) if newline => add(step, at),
                    Some(Symbol::SameLine | Symbol::NewLine) => {}
                    None => {
                        if item.origin == at {
                            empty.insert(*rule);
                        }
                        let parents = waiting[item.origin].get(rule).cloned().unwrap_or_default();
                        for parent in parents {
                            add(
                                Item {
                                    dot: parent.dot + 1,
                                    ..parent
                                },
                                at,
                            );
                        }
                    }
                }
            }
        }
        let done = sets[tokens.len()].iter().any(|item| {
            let (rule, symbols) = &self.productions[item.production];
            *rule == self.start && item.origin == 0 && item.dot == symbols.len()
        });
        (!done).then_some(tokens.len())
    }
}
