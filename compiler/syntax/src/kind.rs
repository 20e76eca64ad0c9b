//! The kinds of tokens and tree nodes.

/// What a token or a tree node is.
///
/// One list for both: a leaf of the tree that matters (a name, an operator, `pub`) keeps the kind of
/// its token. Punctuation and keywords that only separate are not in the tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
#[repr(u8)]
#[expect(
    missing_docs,
    reason = "each is shown with its source, or is a token spelt in its name"
)]
pub enum SyntaxKind {
    // ---- tokens: words
    /// `api`, `PORT`, `Bytes`; also every word that is only sometimes a keyword (`env`, `kind`, `to`).
    Ident,
    AndKw,
    ElseKw,
    FalseKw,
    ForKw,
    IfKw,
    InKw,
    IsKw,
    LetKw,
    MatchKw,
    NoneKw,
    NotKw,
    OrKw,
    ThenKw,
    TrueKw,
    WithKw,

    // ---- tokens: numbers
    /// `8080`, `1_000_000`
    Int,
    /// `1.5`
    Decimal,
    /// `512MiB`, `70%`, `1.5GiB`
    Quantity,

    // ---- tokens: text
    /// The opening `"`.
    StringStart,
    /// The opening `"""`.
    BlockStart,
    /// The characters between, as written (escapes not yet resolved).
    StringText,
    /// `${`
    InterpStart,
    /// The `}` that ends `${`. Empty where it is missing.
    InterpEnd,
    /// The closing `"` or `"""`. Empty where it is missing.
    StringEnd,
    /// A run of `///` lines.
    Docs,

    // ---- tokens: punctuation
    LBrace,
    RBrace,
    LBracket,
    RBracket,
    LParen,
    RParen,
    Comma,
    Colon,
    Dot,
    QuestionDot,
    Question,
    QuestionQuestion,
    DotDot,
    Eq,
    EqEq,
    NotEq,
    Lt,
    LtEq,
    Gt,
    GtEq,
    Plus,
    Minus,
    Star,
    Slash,
    Pipe,
    FatArrow,
    /// Characters that mean nothing here; already reported.
    Unknown,
    /// A bracketed group that was too deeply nested; already reported.
    Skipped,
    /// After the last token.
    Eof,

    // ---- nodes: words that carry meaning, as leaves
    PubKw,
    ExternKw,
    AbstractKw,
    ImplicitKw,
    OpenKw,
    SecretKw,
    LaterKw,
    LiveKw,

    // ---- nodes: items (see `ast::Item`)
    App,
    Use,
    Kind,
    TypeDef,
    UnitDef,
    FnDef,
    Let,
    Env,
    Policy,
    Waive,
    Test,
    Moved,
    Decl,
    If,
    For,
    FieldDecl,
    Field,
    Out,
    Require,
    Each,

    // ---- nodes: parts of items
    /// A name that is being given.
    Name,
    /// `api.scale`, `background["default"].env`, `"/api"`
    Path,
    /// `[…]` in a path or after a name
    Index,
    UseItem,
    Params,
    Param,
    Body,
    Grants,
    Changes,

    // ---- nodes: types (see `ast::Type`)
    TypeName,
    TypeApp,
    TypeList,
    TypeRecord,
    TypeField,
    TypeOptional,
    TypeUnion,
    TypeLiteral,
    TypeRefined,
    TypeLabelled,
    TypeFn,
    VariantCase,

    // ---- nodes: expressions (see `ast::Expr`)
    NumberLit,
    BoolLit,
    NoneLit,
    StringLit,
    NameRef,
    FieldAccess,
    SafeAccess,
    IndexExpr,
    Call,
    Arg,
    Construct,
    Record,
    Entry,
    List,
    ListComp,
    MapComp,
    CompFor,
    CompIf,
    Closure,
    Match,
    MatchArm,
    IfExpr,
    IsExpr,
    WithExpr,
    Range,
    Binary,
    Unary,
    Paren,

    // ---- nodes: patterns (see `ast::Pattern`)
    PatWild,
    PatLiteral,
    PatName,
    PatCase,
    PatArg,
    PatAlt,

    /// A type that could not be read; already reported.
    TypeError,
    /// A pattern that could not be read; already reported.
    PatError,
    /// What else could not be read: an expression, an item; already reported.
    Error,
}

impl SyntaxKind {
    /// Is this node an expression? (`Error` is one: it may stand wherever an expression may.)
    pub fn is_expr(self) -> bool {
        use SyntaxKind::*;
        matches!(
            self,
            NumberLit
                | BoolLit
                | NoneLit
                | StringLit
                | NameRef
                | FieldAccess
                | SafeAccess
                | IndexExpr
                | Call
                | Construct
                | Record
                | List
                | ListComp
                | MapComp
                | Closure
                | Match
                | IfExpr
                | IsExpr
                | WithExpr
                | Range
                | Binary
                | Unary
                | Paren
                | Error
        )
    }

    /// Is this node a type?
    pub fn is_type(self) -> bool {
        use SyntaxKind::*;
        matches!(
            self,
            TypeName
                | TypeApp
                | TypeList
                | TypeRecord
                | TypeOptional
                | TypeUnion
                | TypeLiteral
                | TypeRefined
                | TypeLabelled
                | TypeFn
                | VariantCase
                | TypeError
        )
    }

    /// Is this node a pattern?
    pub fn is_pattern(self) -> bool {
        use SyntaxKind::*;
        matches!(
            self,
            PatWild | PatLiteral | PatName | PatCase | PatAlt | PatError
        )
    }

    /// Is this node one that may stand in a file or in a `{ … }` body?
    pub fn is_item(self) -> bool {
        use SyntaxKind::*;
        matches!(
            self,
            App | Use
                | Kind
                | TypeDef
                | UnitDef
                | FnDef
                | Let
                | Env
                | Policy
                | Waive
                | Test
                | Moved
                | Decl
                | If
                | For
                | FieldDecl
                | Field
                | Out
                | Require
                | Each
                | Error
        )
    }

    /// Is this token a word: an identifier or a keyword?
    pub fn is_word(self) -> bool {
        (self as u8) <= (SyntaxKind::WithKw as u8)
    }
}
