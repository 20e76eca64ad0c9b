//! The typed view of the tree. Start here to read what the parser gives.
//!
//! Each type wraps a [`Node`]; its accessors find children when asked. Every part may be missing where
//! the source has an error, so accessors give `Option`s: whoever gets `None` stays silent, because the
//! parser has spoken. Which items may stand where is checked by the parser too.

mod expr;
mod item;
mod literal;
mod pattern;
mod ty;

pub use expr::*;
pub use item::*;
pub use literal::*;
pub use pattern::*;
pub use ty::*;

use crate::kind::SyntaxKind as K;
use crate::tree::{Node, Tree};

/// Makes a typed wrapper of one kind of node.
macro_rules! ast_node {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub struct $name<'t>(pub(crate) Node<'t>);

        impl<'t> $name<'t> {
            /// This node as this type, if it is one.
            pub fn cast(node: Node<'t>) -> Option<Self> {
                (node.kind() == K::$name).then(|| $name(node))
            }

            /// The node below.
            pub fn node(self) -> Node<'t> {
                self.0
            }
        }
    };
}
pub(crate) use ast_node;

/// Makes an enum over typed wrappers.
macro_rules! ast_enum {
    ($(#[$meta:meta])* $name:ident, $error:ident { $($(#[$vmeta:meta])* $variant:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $name<'t> {
            $($(#[$vmeta])* $variant($variant<'t>),)*
            /// What could not be read; already reported.
            Error(Node<'t>),
        }

        impl<'t> $name<'t> {
            /// This node as this type, if it is one.
            pub fn cast(node: Node<'t>) -> Option<Self> {
                match node.kind() {
                    $(K::$variant => Some($name::$variant($variant(node))),)*
                    K::$error => Some($name::Error(node)),
                    _ => None,
                }
            }

            /// The node below.
            pub fn node(self) -> Node<'t> {
                match self {
                    $($name::$variant(x) => x.0,)*
                    $name::Error(node) => node,
                }
            }
        }
    };
}
pub(crate) use ast_enum;

fn name_of(node: Node<'_>) -> Option<Name<'_>> {
    node.children().find_map(Name::cast)
}

fn path_of(node: Node<'_>) -> Option<Path<'_>> {
    node.children().find_map(Path::cast)
}

pub(crate) fn expr_of(node: Node<'_>) -> Option<Expr<'_>> {
    node.children().find_map(Expr::cast)
}

fn type_of(node: Node<'_>) -> Option<Type<'_>> {
    node.children().find_map(Type::cast)
}

fn body_of(node: Node<'_>) -> Option<Body<'_>> {
    node.children().find_map(Body::cast)
}

pub(crate) fn params_of<'t>(node: Node<'t>) -> impl Iterator<Item = Param<'t>> {
    node.child(K::Params)
        .into_iter()
        .flat_map(|p| p.children().filter_map(Param::cast))
}

/// The documentation of a node that has one: the text of its `///` lines, without the slashes and the first space of each line.
pub fn docs_of(node: Node<'_>) -> Option<String> {
    let docs = node.child(K::Docs)?;
    let lines: Vec<&str> = docs
        .text()
        .lines()
        .map(|line| {
            let line = line.trim_start().trim_start_matches("///");
            line.strip_prefix(' ').unwrap_or(line).trim_end()
        })
        .collect();
    Some(lines.join("\n"))
}

impl Tree {
    /// The item, typed.
    pub fn item(&self) -> Item<'_> {
        Item::cast(self.root()).unwrap_or(Item::Error(self.root()))
    }
}

ast_enum! {
    /// What stands in a file, in a `{ … }` body, or in an `if` or `for` over declarations.
    Item, Error {
        /// `app shop`, `app shop { domain: String }`
        App,
        /// `use acme.targets.{eu_cluster, us as america}`
        Use,
        /// `pub kind web_app { … }`, `extern kind K is workload { … }`
        Kind,
        /// `type Port = Int where 1..65535`
        TypeDef,
        /// `unit req`, `unit kreq = 1000req`
        UnitDef,
        /// `fn rails(args: [String]): Run = image("…", args: args)`
        FnDef,
        /// `let shared: Map<EnvValue> = { … }`
        Let,
        /// `env prod { … }`, `env preview[pr: Int where 1..999999] { … }`
        Env,
        /// `policy backups(db: postgres) { … }`
        Policy,
        /// `waive backups for db { reason = "…", until = "2026-01-01" }`
        Waive,
        /// `test wide { assert = … }`
        Test,
        /// `moved a to b`
        Moved,
        /// `service api { … }`, `worker background[q.queue] { … }`, `secret stripe_key`
        Decl,
        /// `if search { … } else { … }`
        If,
        /// `for t in tenants { … }`, `for k, v in m { … }`
        For,
        /// `domain: String = "x" changes replace`: an input, in a kind or an app
        FieldDecl,
        /// `api.scale = 2`: in a declaration, an environment, a policy, a test
        Field,
        /// `out url: secret later Url = x grants read_write`
        Out,
        /// `require storage > 1GiB else "too small"`
        Require,
        /// `each worker { scale = 1 }`: in an environment
        Each,
    }
}

impl<'t> Item<'t> {
    /// The name it gives, where it gives one. A field's name is a path: see [`Field::path`].
    pub fn name(self) -> Option<Name<'t>> {
        name_of(self.node())
    }

    /// Its documentation.
    pub fn docs(self) -> Option<String> {
        docs_of(self.node())
    }

    /// Is it `pub`?
    pub fn is_pub(self) -> bool {
        self.node().child(K::PubKw).is_some()
    }
}

ast_node! {
    /// A name that is being given: of a declaration, a field, a parameter, a binding.
    Name
}

impl<'t> Name<'t> {
    /// The name.
    pub fn text(self) -> &'t str {
        self.0.text()
    }
}

ast_node! {
    /// A `{ … }` with items.
    Body
}

impl<'t> Body<'t> {
    /// What stands in it.
    pub fn items(self) -> impl Iterator<Item = Item<'t>> {
        self.0.children().filter_map(Item::cast)
    }

    /// The fields (`path = value`) in it.
    pub fn fields(self) -> impl Iterator<Item = Field<'t>> {
        self.0.children().filter_map(Field::cast)
    }
}

ast_node! {
    /// A path: `db`, `acme.targets`, `api.scale`, `background["default"].scale`, `"/api"`, `"${k}"`.
    /// It names a thing, a field, or the key of an entry.
    Path
}

/// One step of a [`Path`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Segment<'t> {
    /// `api` or `.scale`
    Name(Name<'t>),
    /// `["default"]`
    Index(Expr<'t>),
    /// `"/api"` or `"${k}"`, as the first step only
    Text(StringLit<'t>),
}

impl<'t> Segment<'t> {
    /// The node of this step (for an index: of the expression).
    pub fn node(self) -> Node<'t> {
        match self {
            Segment::Name(name) => name.0,
            Segment::Index(expr) => expr.node(),
            Segment::Text(text) => text.0,
        }
    }
}

impl<'t> Path<'t> {
    /// Its steps, at least one.
    pub fn segments(self) -> impl Iterator<Item = Segment<'t>> {
        self.0.children().filter_map(|c| match c.kind() {
            K::Name => Some(Segment::Name(Name(c))),
            K::StringLit => Some(Segment::Text(StringLit(c))),
            K::Index => expr_of(c).map(Segment::Index),
            _ => None,
        })
    }

    /// The name, if the path is just one name.
    pub fn as_name(self) -> Option<Name<'t>> {
        let mut segments = self.segments();
        match (segments.next(), segments.next()) {
            (Some(Segment::Name(name)), None) => Some(name),
            _ => None,
        }
    }

    /// Its names, if it has nothing but names (`acme.targets`).
    pub fn names(self) -> impl Iterator<Item = Name<'t>> {
        self.0.children().filter_map(Name::cast)
    }
}
