//! Programs that are well-typed by construction.
//!
//! A program is made from the outside in: what is declared first may be spoken of by what is declared later, and every
//! value is made for the type that is wanted there (`value`). Nothing in it may fail: no division by what may be
//! zero, no number out of its bounds, no text that is no name. So whatever the compiler says against one of these
//! programs is a mistake, of the compiler or in here.

mod declaration;
mod definition;
mod value;

use crate::Choices;

/// A program: its files with their items, and how its environments are asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// The files of the package.
    pub files: Vec<File>,
    /// The environments, with a key where they are families: `dev`, `preview[7]`.
    pub environments: Vec<String>,
}

/// One file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Its path in the package.
    pub path: String,
    /// What stands first in it; it may not be moved.
    pub head: String,
    /// Its items; in any order they mean the same.
    pub items: Vec<String>,
}

impl File {
    /// The file as text.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n\n", self.head);
        for item in &self.items {
            text.push_str(item);
            text.push_str("\n\n");
        }
        text
    }
}

impl Program {
    /// Its files as path and text.
    pub fn texts(&self) -> Vec<(String, String)> {
        self.files
            .iter()
            .map(|f| (f.path.clone(), f.text()))
            .collect()
    }

    /// The same program with its items in another order.
    #[must_use]
    pub fn shuffled(&self, choices: &mut Choices<'_>) -> Program {
        let mut other = self.clone();
        for file in &mut other.files {
            for at in (1..file.items.len()).rev() {
                file.items.swap(at, choices.below(at + 1));
            }
        }
        other
    }
}

/// A type that values are made of.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Ty {
    Bool,
    Int,
    Text,
    Bytes,
    Duration,
    List(Box<Ty>),
    Map(Box<Ty>),
    Optional(Box<Ty>),
    Range,
    Record(Vec<(String, Ty)>),
    /// A union of texts, by its name.
    Choice(usize),
    Variant(usize),
    Refined(usize),
    /// A quantity of a dimension of the program's own.
    Seats(usize),
    Function(Box<Ty>, Box<Ty>),
}

/// A name in scope, and what it holds.
#[derive(Clone, Debug)]
struct Known {
    name: String,
    ty: Ty,
}

/// A variant type: its name, and its cases with their parts.
#[derive(Clone, Debug)]
struct Variant {
    name: String,
    cases: Vec<(String, Vec<(String, Ty)>)>,
}

/// A function: its name, its parameters, its result.
#[derive(Clone, Debug)]
struct Function {
    name: String,
    params: Vec<(String, Ty)>,
    result: Ty,
}

/// A kind of the program's own: its inputs.
#[derive(Clone, Debug)]
struct Kind {
    name: String,
    inputs: Vec<(String, Ty)>,
    /// It has an `out` that is text.
    out: Option<String>,
}

/// A declaration outside of `if` and `for`.
#[derive(Clone, Debug)]
struct Declared {
    name: String,
    kind: &'static str,
}

/// The program as it is made.
struct Maker<'c, 'b> {
    choices: &'c mut Choices<'b>,
    count: usize,
    choices_of: Vec<(String, Vec<String>)>,
    variants: Vec<Variant>,
    refined: Vec<String>,
    /// The unit of the base, and one that is a multiple of it; the dimension.
    units: Vec<(String, String, String)>,
    functions: Vec<Function>,
    kinds: Vec<Kind>,
    declared: Vec<Declared>,
    scope: Vec<Known>,
    environments: Vec<String>,
}

impl Program {
    /// A program of about `size` items.
    pub fn new(choices: &mut Choices<'_>, size: usize) -> Program {
        let mut maker = Maker {
            choices,
            count: 0,
            choices_of: Vec::new(),
            variants: Vec::new(),
            refined: Vec::new(),
            units: Vec::new(),
            functions: Vec::new(),
            kinds: Vec::new(),
            declared: Vec::new(),
            scope: Vec::new(),
            environments: Vec::new(),
        };
        let names = ["main.plat", "more.plat"];
        let mut files: Vec<File> = names
            .iter()
            .take(1 + maker.choices.below(2))
            .map(|path| File {
                path: (*path).to_owned(),
                head: "app made".to_owned(),
                items: Vec::new(),
            })
            .collect();
        maker.inputs(&mut files[0].head);
        for _ in 0..=size {
            let item = maker.item();
            let at = maker.choices.below(files.len());
            files[at].items.push(item);
        }
        for item in maker.environments() {
            let at = maker.choices.below(files.len());
            files[at].items.push(item);
        }
        Program {
            files,
            environments: maker.environments,
        }
    }
}

impl Maker<'_, '_> {
    /// A new name that begins so.
    fn fresh(&mut self, begin: &str) -> String {
        self.count += 1;
        format!("{begin}{}", self.count)
    }

    /// An item of a file.
    fn item(&mut self) -> String {
        let documented = self.choices.chance(10);
        let item = match self.choices.below(20) {
            0 => self.choice_type(),
            1 | 2 => self.variant_type(),
            3 => self.refined_type(),
            4 => self.unit(),
            5 | 6 => self.function(),
            7..=9 => self.let_item(),
            10 | 11 => self.kind(),
            12 => self.instance(),
            13 => self.conditional(),
            14 => self.repeated(),
            15 => self.policy(),
            16 => self.test(),
            _ => self.declaration(),
        };
        if documented {
            return format!("/// About this.\n/// And more of it.\n{item}");
        }
        item
    }

    /// A type, no deeper than this.
    fn ty(&mut self, depth: usize) -> Ty {
        let plain = 5;
        match self.choices.below(if depth == 0 { plain } else { 14 }) {
            0 => Ty::Bool,
            1 => Ty::Int,
            2 => Ty::Text,
            3 => Ty::Bytes,
            4 => Ty::Duration,
            5 => Ty::List(Box::new(self.ty(depth - 1))),
            6 => Ty::Map(Box::new(self.ty(depth - 1))),
            7 => match self.ty(depth - 1) {
                already @ Ty::Optional(_) => already,
                inner => Ty::Optional(Box::new(inner)),
            },
            8 => Ty::Range,
            9 => {
                let count = 1 + self.choices.below(3);
                let names = ["first", "second", "third"];
                let fields = names.iter().take(count);
                Ty::Record(
                    fields
                        .map(|n| ((*n).to_owned(), self.ty(depth - 1)))
                        .collect(),
                )
            }
            10 if !self.choices_of.is_empty() => {
                Ty::Choice(self.choices.below(self.choices_of.len()))
            }
            11 if !self.variants.is_empty() => Ty::Variant(self.choices.below(self.variants.len())),
            12 if !self.refined.is_empty() => Ty::Refined(self.choices.below(self.refined.len())),
            13 if !self.units.is_empty() => Ty::Seats(self.choices.below(self.units.len())),
            _ => Ty::Int,
        }
    }

    /// A type as it is written.
    fn show(&self, ty: &Ty) -> String {
        match ty {
            Ty::Bool => "Bool".into(),
            Ty::Int => "Int".into(),
            Ty::Text => "String".into(),
            Ty::Bytes => "Bytes".into(),
            Ty::Duration => "Duration".into(),
            Ty::Range => "Range<Int>".into(),
            Ty::List(inner) => format!("[{}]", self.show(inner)),
            Ty::Map(inner) => format!("Map<{}>", self.show(inner)),
            Ty::Optional(inner) => format!("{}?", self.show(inner)),
            Ty::Record(fields) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(n, t)| format!("{n}: {}", self.show(t)))
                    .collect();
                format!("{{ {} }}", fields.join(", "))
            }
            Ty::Choice(n) => self.choices_of[*n].0.clone(),
            Ty::Variant(n) => self.variants[*n].name.clone(),
            Ty::Refined(n) => self.refined[*n].clone(),
            Ty::Seats(n) => self.units[*n].2.clone(),
            Ty::Function(from, to) => format!("fn({}): {}", self.show(from), self.show(to)),
        }
    }
}
