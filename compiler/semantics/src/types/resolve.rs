//! From types as written to types.

use std::sync::Arc;

use plat_syntax::ast::{self, Expr, Type};

use super::{Labels, NodeRef, ParamHead, RecordField, Ty, Word};
use crate::db::{Db, ItemId, Space};
use crate::diag::{Diag, Spot};
use crate::names::{Names, TypeEntry, path_names};
use crate::units::Dim;

/// The names of the types that the language itself gives.
const BUILT_IN: &[(&str, Ty)] = &[
    ("Bool", Ty::Bool),
    ("Int", Ty::Int),
    ("Decimal", Ty::Decimal),
    ("String", Ty::String),
    ("Text", Ty::Text),
    ("Dir", Ty::Dir),
    ("File", Ty::File),
    ("declaration", Ty::AnyInstance),
    ("link", Ty::Link),
];

/// Reads the types of one item.
pub struct TypeReader<'db> {
    db: &'db dyn Db,
    item: ItemId,
    names: Names<'db>,
    /// What is wrong with them.
    pub diags: Vec<Diag>,
}

impl<'db> TypeReader<'db> {
    /// For the types of this item.
    pub fn new(db: &'db dyn Db, item: ItemId) -> Self {
        let file = item.file(db);
        Self {
            db,
            item,
            names: Names { db, file },
            diags: Vec::new(),
        }
    }

    fn spot(&self, node: plat_syntax::Node<'_>) -> Spot {
        Spot::new(self.item, node.range())
    }

    /// A type that may be missing in the source.
    pub fn read_or_unknown(&mut self, ty: Option<Type<'_>>) -> Ty {
        ty.map_or(Ty::Unknown, |ty| self.read(ty))
    }

    /// A type.
    pub fn read(&mut self, ty: Type<'_>) -> Ty {
        match ty {
            Type::TypeName(name) => self.named(name),
            Type::TypeApp(app) => self.applied(app),
            Type::TypeList(list) => Ty::List(Arc::new(self.read_or_unknown(list.element()))),
            Type::TypeRecord(record) => {
                let fields = record
                    .fields()
                    .filter_map(|field| {
                        let name = field.name()?;
                        Some(RecordField {
                            name: Arc::from(name.text()),
                            ty: self.read_or_unknown(field.ty()),
                            default: field
                                .default()
                                .map(|_| NodeRef::new(self.item, field.node().id())),
                            grants: field.grants().map(|g| Arc::from(g.text())),
                        })
                    })
                    .collect();
                Ty::Record(fields)
            }
            Type::TypeOptional(optional) => self.read_or_unknown(optional.inner()).optional(),
            Type::TypeUnion(union) => self.union(union),
            Type::TypeLiteral(literal) => self.word(literal).map_or(Ty::Unknown, Ty::Word),
            Type::TypeRefined(refined) => {
                let base = self.read_or_unknown(refined.base());
                let at = NodeRef::new(self.item, refined.node().id());
                match base {
                    Ty::Unknown => Ty::Unknown,
                    base => Ty::Refined(Arc::new(base), at),
                }
            }
            Type::TypeLabelled(labelled) => {
                let labels = Labels {
                    secret: labelled.is_secret(),
                    later: labelled.is_later(),
                };
                if labelled.is_live() {
                    let spot = self.spot(labelled.node());
                    self.diags.push(Diag::error(
                        "E0316",
                        spot,
                        "`live` values are reserved for a later version of the language",
                    ));
                }
                self.read_or_unknown(labelled.inner()).labelled(labels)
            }
            Type::TypeFn(function) => {
                let params: Vec<Ty> = function
                    .params()
                    .map(|p| self.read_or_unknown(p.ty()))
                    .collect();
                let result = self.read_or_unknown(function.result());
                Ty::Fn(params.into(), Arc::new(result))
            }
            Type::VariantCase(case) => {
                let kind = case
                    .name()
                    .filter(|_| case.params().next().is_none())
                    .and_then(|name| self.kind_or_word(name.text()));
                kind.unwrap_or_else(|| {
                    let spot = self.spot(case.node());
                    self.diags.push(
                        Diag::error(
                            "E0309",
                            spot,
                            "a variant has no place here without a name of its own",
                        )
                        .help("write `type NAME = …` and use that name here"),
                    );
                    Ty::Unknown
                })
            }
            Type::Error(_) => Ty::Unknown,
        }
    }

    fn kind_or_word(&self, name: &str) -> Option<Ty> {
        if let Some((_, ty)) = BUILT_IN.iter().find(|(n, _)| *n == name) {
            return Some(ty.clone());
        }
        self.names.kind(&[Arc::from(name)]).map(Ty::Instance)
    }

    fn named(&mut self, name: ast::TypeName<'_>) -> Ty {
        let path = path_names(name.path());
        let Some(last) = path.last() else {
            return Ty::Unknown;
        };
        if path.len() == 1 {
            if let Some((_, ty)) = BUILT_IN.iter().find(|(n, _)| *n == last.as_ref()) {
                return ty.clone();
            }
            // What `std` passes on as it is; what may stand there is checked where it is written.
            let package = self.item.file(self.db).package(self.db);
            if last.as_ref() == "Anything" && package.as_ref() == crate::names::STD {
                return Ty::Unknown;
            }
            if last.as_ref() == "Percent" {
                return Ty::Quantity(Dim::percent());
            }
        }
        match self.names.ty(&path) {
            // What the parts that could not be read would have made of it is not known.
            Some(TypeEntry::Item(item)) if *crate::db::is_broken(self.db, item) => {
                return Ty::Unknown;
            }
            Some(TypeEntry::Item(item)) => return Ty::Named(item),
            Some(TypeEntry::Quantity(dim)) => return Ty::Quantity(dim),
            None => {}
        }
        if let Some(kind) = self.names.kind(&path) {
            return if kind.name(self.db).as_ref() == "environment"
                && kind.file(self.db).package(self.db).as_ref() == crate::names::STD
            {
                Ty::Environment
            } else {
                Ty::Instance(kind)
            };
        }
        let spot = self.spot(name.node());
        let text = path.join(".");
        let mut names: Vec<&str> = self.names.like(Space::Type, &text);
        names.extend(self.names.like(Space::Kind, &text));
        names.extend(BUILT_IN.iter().map(|(n, _)| *n));
        names.extend(["List", "Map", "Range", "Percent"]);
        let diag = Diag::error("E0205", spot, format!("there is no type `{text}`"))
            .misses(Space::Type, &text);
        self.diags.push(diag.suggest(&text, spot, &names));
        Ty::Unknown
    }

    fn applied(&mut self, app: ast::TypeApp<'_>) -> Ty {
        let name = app.name().map_or("", ast::Name::text);
        let args: Vec<Type<'_>> = app.args().collect();
        let wanted = match name {
            "Per" => 2,
            "List" | "Map" | "Range" | "Handle" => 1,
            _ => 0,
        };
        let spot = self.spot(app.node());
        if wanted == 0 {
            let diag = Diag::error("E0205", spot, format!("there is no type `{name}<…>`")).suggest(
                name,
                spot,
                &["List", "Map", "Range", "Per", "Handle"],
            );
            self.diags.push(diag);
            return Ty::Unknown;
        }
        if args.len() != wanted {
            let diag = Diag::error(
                "E0310",
                spot,
                format!(
                    "`{name}` takes {wanted} in its angle brackets, not {}",
                    args.len()
                ),
            );
            self.diags.push(diag);
            return Ty::Unknown;
        }
        if name == "Handle" {
            if let [Type::TypeLiteral(literal)] = args.as_slice()
                && let Some(Word::Text(what)) = self.word(*literal)
            {
                return Ty::Handle(what);
            }
            let message = "`Handle` takes a text in its angle brackets";
            self.diags.push(Diag::error("E0310", spot, message));
            return Ty::Unknown;
        }
        let mut types: Vec<Ty> = args.into_iter().map(|a| self.read(a)).collect();
        match (name, types.pop(), types.pop()) {
            ("Per", Some(under), Some(over)) => {
                match (over.plain(self.db).1, under.plain(self.db).1) {
                    (Ty::Quantity(a), Ty::Quantity(b)) => Ty::Quantity(a.times(&b, -1)),
                    (Ty::Unknown, _) | (_, Ty::Unknown) => Ty::Unknown,
                    _ => {
                        let message = "`Per` takes two types of quantities";
                        self.diags.push(Diag::error("E0310", spot, message));
                        Ty::Unknown
                    }
                }
            }
            ("List", Some(inner), _) => Ty::List(Arc::new(inner)),
            ("Map", Some(inner), _) => Ty::Map(Arc::new(inner)),
            ("Range", Some(inner), _) => Ty::Range(Arc::new(inner)),
            _ => Ty::Unknown,
        }
    }

    fn union(&mut self, union: ast::TypeUnion<'_>) -> Ty {
        let is_case = |ty: Type<'_>| match ty {
            Type::VariantCase(case) => {
                case.params().next().is_some()
                    || case
                        .name()
                        .is_some_and(|n| self.kind_or_word(n.text()).is_none())
            }
            _ => false,
        };
        if union.alternatives().any(is_case) {
            let spot = self.spot(union.node());
            self.diags.push(
                Diag::error(
                    "E0309",
                    spot,
                    "a variant has no place here without a name of its own",
                )
                .help("write `type NAME = …` and use that name here"),
            );
            return Ty::Unknown;
        }
        let mut words = Vec::new();
        let mut types = Vec::new();
        for alternative in union.alternatives() {
            match alternative {
                Type::TypeLiteral(literal) => words.extend(self.word(literal)),
                other => types.push(self.read(other)),
            }
        }
        words.sort();
        words.dedup();
        match words.len() {
            0 => {}
            1 => types.extend(words.into_iter().map(Ty::Word)),
            _ => types.push(Ty::Words(words.into())),
        }
        if types.contains(&Ty::Unknown) {
            return Ty::Unknown;
        }
        match (types.len(), types.pop()) {
            (1, Some(only)) => only,
            (_, Some(last)) => {
                types.push(last);
                Ty::Either(types.into())
            }
            _ => Ty::Unknown,
        }
    }

    fn word(&mut self, literal: ast::TypeLiteral<'_>) -> Option<Word> {
        match literal.literal()? {
            Expr::StringLit(text) => text.plain().map(|t| Word::Text(t.into())),
            Expr::NumberLit(number) if number.is_int() => {
                number.digits().map(|(n, _)| Word::Number(n))
            }
            other => {
                let spot = self.spot(other.node());
                let message = "only texts and whole numbers can be types of their own";
                self.diags.push(Diag::error("E0310", spot, message));
                None
            }
        }
    }

    /// Parameters of a function or a case.
    pub fn params<'t>(&mut self, params: impl Iterator<Item = ast::Param<'t>>) -> Vec<ParamHead> {
        params
            .map(|param| ParamHead {
                name: Arc::from(param.name().map_or("", ast::Name::text)),
                ty: self.read_or_unknown(param.ty()),
                default: param
                    .default()
                    .map(|_| NodeRef::new(self.item, param.node().id())),
            })
            .collect()
    }
}
