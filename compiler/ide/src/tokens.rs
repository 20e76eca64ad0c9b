//! What each word of a file is, for colours.

use std::collections::BTreeMap;

use plat_semantics::{Database, FileId, SymbolClass};
use plat_syntax::{LexemeKind, Node, SyntaxKind, TextRange, lexemes};

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// `env`, `for`, `with`
    Keyword,
    /// `///` and `//`
    Comment,
    /// A text without its `${…}`.
    Text,
    /// A number, with its unit.
    Number,
    /// `+`, `..`, `??`
    Operator,
    /// The name of a package, a module or an app.
    Module,
    /// The name of a kind.
    Kind,
    /// The name of a type.
    Type,
    /// The name of a case of a variant.
    Case,
    /// The name of a field, an out or a part.
    Field,
    /// The name of a parameter.
    Parameter,
    /// The name of a function.
    Function,
    /// The name of a value: of a `let`, of a loop, of a declaration.
    Value,
    /// The name of an environment.
    Environment,
    /// The name of a policy or a test.
    Rule,
}

/// A piece of text on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Where it stands.
    pub range: TextRange,
    /// What it is.
    pub kind: TokenKind,
    /// Is it where the name is given?
    pub declares: bool,
    /// Is it documentation?
    pub docs: bool,
}

/// The tokens of a file that have a colour, in its order: none overlaps the next, none goes over the
/// end of a line.
pub fn tokens(db: &Database, file: FileId) -> Vec<Token> {
    let text = db.text(file);
    let mut names = names(db, file);
    // What a name stands for says more than where it is written.
    for name in db.names_of(file) {
        let kind = match db.class_of(&name.symbol) {
            SymbolClass::App => TokenKind::Module,
            SymbolClass::Kind => TokenKind::Kind,
            SymbolClass::Type | SymbolClass::Unit => TokenKind::Type,
            SymbolClass::Function => TokenKind::Function,
            SymbolClass::Value => TokenKind::Value,
            SymbolClass::Environment => TokenKind::Environment,
            SymbolClass::Rule => TokenKind::Rule,
            SymbolClass::Field => TokenKind::Field,
            SymbolClass::Case => TokenKind::Case,
            SymbolClass::Parameter => TokenKind::Parameter,
        };
        let known = names.entry(name.range.start).or_insert((kind, false));
        known.0 = kind;
    }
    let mut out = Vec::new();
    for lexeme in lexemes(text) {
        let (kind, declares) = match lexeme.kind {
            LexemeKind::Comment | LexemeKind::Docs => (TokenKind::Comment, false),
            LexemeKind::Token(kind) => match names.get(&lexeme.range.start) {
                Some(found) if kind.is_word() => *found,
                _ => match plain(kind) {
                    Some(kind) => (kind, false),
                    None => continue,
                },
            },
        };
        let docs = lexeme.kind == LexemeKind::Docs;
        for range in lines(text, lexeme.range) {
            out.push(Token {
                range,
                kind,
                declares,
                docs,
            });
        }
    }
    out
}

/// What a token is by itself.
fn plain(kind: SyntaxKind) -> Option<TokenKind> {
    use SyntaxKind as K;
    Some(match kind {
        K::Int | K::Decimal | K::Quantity => TokenKind::Number,
        K::StringStart | K::BlockStart | K::StringText | K::StringEnd => TokenKind::Text,
        K::InterpStart | K::InterpEnd => TokenKind::Operator,
        K::Dot
        | K::QuestionDot
        | K::Question
        | K::QuestionQuestion
        | K::DotDot
        | K::Eq
        | K::EqEq
        | K::NotEq
        | K::Lt
        | K::LtEq
        | K::Gt
        | K::GtEq
        | K::Plus
        | K::Minus
        | K::Star
        | K::Slash
        | K::Pipe
        | K::FatArrow => TokenKind::Operator,
        // A word that no name of the tree covers.
        word if word.is_word() => TokenKind::Keyword,
        _ => return None,
    })
}

/// A range cut at the ends of its lines.
fn lines(text: &str, range: TextRange) -> Vec<TextRange> {
    let mut out = Vec::new();
    let mut start = range.start;
    for line in range.slice(text).split_inclusive('\n') {
        let length = u32::try_from(line.trim_end_matches(['\n', '\r']).len()).unwrap_or(0);
        let indent = if start == range.start {
            0
        } else {
            u32::try_from(line.len() - line.trim_start_matches([' ', '\t']).len()).unwrap_or(0)
        };
        if length > indent {
            out.push(TextRange::new(start + indent, start + length));
        }
        start += u32::try_from(line.len()).unwrap_or(0);
    }
    out
}

/// What the names of a file are, by where they begin.
fn names(db: &Database, file: FileId) -> BTreeMap<u32, (TokenKind, bool)> {
    let mut names = BTreeMap::new();
    for item in &db.parse(file).items {
        // The parents of the node at hand, outermost first.
        let mut around: Vec<(u32, Node<'_>)> = Vec::new();
        for node in item.tree.nodes() {
            while around.last().is_some_and(|(end, _)| *end <= node.id().0) {
                around.pop();
            }
            let parent = around.last().map(|(_, node)| *node);
            let grandparent = around.iter().rev().nth(1).map(|(_, node)| *node);
            if let Some(found) = name(node, parent, grandparent) {
                names.insert(node.range().start + item.offset, found);
            }
            if node.size() > 1 {
                around.push((node.id().0 + node.size(), node));
            }
        }
    }
    names
}

/// What a name is, by where it stands in the tree.
fn name(
    node: Node<'_>,
    parent: Option<Node<'_>>,
    grandparent: Option<Node<'_>>,
) -> Option<(TokenKind, bool)> {
    use SyntaxKind as K;
    let parent_kind = parent.map(Node::kind);
    match node.kind() {
        K::NameRef => {
            let called = parent.is_some_and(|p| {
                p.kind() == K::Call && p.children().next().is_some_and(|c| c.id() == node.id())
            });
            let kind = if called {
                TokenKind::Function
            } else {
                TokenKind::Value
            };
            Some((kind, false))
        }
        K::Name => Some(match parent_kind? {
            K::App => (TokenKind::Module, true),
            K::Kind => (TokenKind::Kind, true),
            K::TypeDef => (TokenKind::Type, true),
            K::UnitDef => (TokenKind::Type, true),
            K::FnDef => (TokenKind::Function, true),
            K::Let | K::Decl | K::For | K::CompFor => (TokenKind::Value, true),
            K::Env => (TokenKind::Environment, true),
            K::Policy | K::Test => (TokenKind::Rule, true),
            K::FieldDecl | K::Out | K::TypeField => (TokenKind::Field, true),
            K::VariantCase => (TokenKind::Case, true),
            K::Param => (TokenKind::Parameter, true),
            K::Arg | K::PatArg => (TokenKind::Parameter, false),
            K::FieldAccess | K::SafeAccess => (TokenKind::Field, false),
            K::PatCase => (TokenKind::Case, false),
            K::PatName => (TokenKind::Value, true),
            K::UseItem => (TokenKind::Value, false),
            K::Changes | K::Grants => (TokenKind::Keyword, false),
            K::TypeApp => (TokenKind::Type, false),
            K::Path => match grandparent?.kind() {
                K::Use => (TokenKind::Module, false),
                K::Decl | K::Each | K::Kind => (TokenKind::Kind, false),
                K::Construct | K::TypeName => (TokenKind::Type, false),
                K::Waive | K::Moved => (TokenKind::Value, false),
                _ => (TokenKind::Field, false),
            },
            _ => (TokenKind::Value, false),
        }),
        _ => None,
    }
}
