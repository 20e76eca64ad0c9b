//! What others may know of a definition without reading its body.
//!
//! These queries are firewalls: an edit inside a body leaves them equal, and what depends on
//! them is not looked at again.

use std::sync::Arc;

use plat_model::Change;
use plat_syntax::ast::{self, Item, Type};

use super::{NodeRef, Ty, TypeReader};
use crate::check::{circle, parent_of, tells, told};
use crate::db::{Db, ItemId, Space, tree};
use crate::diag::{Cause, Diag, Spot};
use crate::names::{Names, path_names};

/// A parameter.
#[derive(Clone, PartialEq, Eq, Hash, Debug, salsa::SalsaValue)]
pub struct ParamHead {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub ty: Ty,
    /// What it is when not given.
    pub default: Option<NodeRef>,
}

/// A case of a variant.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct CaseHead {
    /// Its type.
    pub of: ItemId,
    /// Its name.
    pub name: Arc<str>,
    /// Is it made from a plain value?
    pub implicit: bool,
    /// Its parts.
    pub params: Vec<ParamHead>,
}

/// What a type is.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub enum TypeBody {
    /// Another name.
    Alias(Ty),
    /// One of several cases.
    Variant(Vec<CaseHead>),
}

/// A `type`.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct TypeDef {
    /// What it is.
    pub body: TypeBody,
    /// The names of its members.
    pub members: Vec<Arc<str>>,
    /// What is wrong with it.
    pub diags: Vec<Diag>,
}

/// The definition of a type.
#[salsa::tracked]
pub fn type_def(db: &dyn Db, item: ItemId) -> TypeDef {
    let mut reader = TypeReader::new(db, item);
    let mut members = Vec::new();
    let mut body = TypeBody::Alias(Ty::Unknown);
    if let Some(tree) = tree(db, item)
        && let Item::TypeDef(def) = tree.item()
    {
        members = def
            .members()
            .filter_map(|m| m.name())
            .map(|n| Arc::from(n.text()))
            .collect();
        body = match variant_cases(def.ty()) {
            Some(cases) => TypeBody::Variant(
                cases
                    .into_iter()
                    .map(|case| CaseHead {
                        of: item,
                        name: Arc::from(case.name().map_or("", ast::Name::text)),
                        implicit: case.is_implicit(),
                        params: reader.params(case.params()),
                    })
                    .collect(),
            ),
            None => TypeBody::Alias(reader.read_or_unknown(def.ty())),
        };
    }
    let mut diags = reader.diags;
    if let TypeBody::Alias(alias) = &body {
        let first = head_of(alias);
        let next = |at| if at == item { first } else { aliased(db, at) };
        if let Some(circle) = circle(item, next) {
            if tells(db, item, &circle) {
                let message = format!("the type `{}` is defined by itself", item.name(db));
                let diag = Diag::error("E0311", name_spot(db, item), message);
                diags.push(told(db, diag, &circle));
            }
            body = TypeBody::Alias(Ty::Unknown);
        } else if endless(first, next) {
            body = TypeBody::Alias(Ty::Unknown);
        }
    }
    TypeDef {
        body,
        members,
        diags,
    }
}

/// Does a chain of aliases run into a circle?
fn endless(first: Option<ItemId>, next: impl Fn(ItemId) -> Option<ItemId>) -> bool {
    let mut seen = Vec::new();
    let mut at = first;
    while let Some(item) = at {
        if seen.contains(&item) {
            return true;
        }
        seen.push(item);
        at = next(item);
    }
    false
}

/// The type that an alias is another name of. Reads the trees only, so that no query waits for
/// itself.
fn aliased(db: &dyn Db, item: ItemId) -> Option<ItemId> {
    let tree = tree(db, item).as_ref()?;
    let Item::TypeDef(def) = tree.item() else {
        return None;
    };
    if variant_cases(def.ty()).is_some() {
        return None;
    }
    let mut reader = TypeReader::new(db, item);
    head_of(&reader.read_or_unknown(def.ty()))
}

fn head_of(ty: &Ty) -> Option<ItemId> {
    match ty {
        Ty::Named(item) => Some(*item),
        Ty::Refined(inner, _) | Ty::Labelled(_, inner) | Ty::Optional(inner) => head_of(inner),
        _ => None,
    }
}

/// The cases, if the type is a variant.
pub fn variant_cases(ty: Option<Type<'_>>) -> Option<Vec<ast::VariantCase<'_>>> {
    match ty? {
        Type::VariantCase(case) => Some(vec![case]),
        Type::TypeUnion(union) => union
            .alternatives()
            .map(|a| match a {
                Type::VariantCase(case) => Some(case),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// The place of an item's name.
pub fn name_spot(db: &dyn Db, item: ItemId) -> Spot {
    let range = tree(db, item)
        .as_ref()
        .map(|tree| {
            let named = tree.item().name();
            named.map_or_else(|| tree.root().range(), |name| name.node().range())
        })
        .unwrap_or_default();
    Spot::new(item, range)
}

/// A field of a kind, or an input of an app.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct FieldHead {
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub ty: Ty,
    /// Where it is declared; `None` for those every kind has.
    pub at: Option<NodeRef>,
    /// What it is when not given.
    pub default: Option<NodeRef>,
    /// What changing it does, where that is said.
    pub changes: Option<Change>,
    /// May `set` reach it from another package?
    pub open: bool,
}

/// An out of a kind.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub struct OutHead {
    /// Its name.
    pub name: Arc<str>,
    /// Its type, where written; else it is that of its value.
    pub ty: Option<Ty>,
    /// The permission that reading it gives.
    pub grants: Option<Arc<str>>,
    /// Is it what the bare name of the declaration gives?
    pub implicit: bool,
    /// Where it stands.
    pub at: NodeRef,
}

/// What others may know of a kind.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub struct KindHead {
    /// Do the backends implement it?
    pub external: bool,
    /// Can only other kinds be made of it?
    pub abstract_: bool,
    /// The kinds it takes over, nearest first.
    pub parents: Vec<ItemId>,
    /// Its fields, those it takes over first.
    pub fields: Vec<FieldHead>,
    /// What others may read.
    pub outs: Vec<OutHead>,
    /// What is wrong with it.
    pub diags: Vec<Diag>,
}

impl KindHead {
    /// A field by its name.
    pub fn field(&self, name: &str) -> Option<&FieldHead> {
        self.fields.iter().find(|f| f.name.as_ref() == name)
    }

    /// The place of a field among the fields.
    pub fn number(&self, name: &str) -> Option<u32> {
        let at = self.fields.iter().position(|f| f.name.as_ref() == name)?;
        u32::try_from(at).ok()
    }

    /// An out by its name.
    pub fn out(&self, name: &str) -> Option<&OutHead> {
        self.outs.iter().find(|o| o.name.as_ref() == name)
    }

    /// The out that the bare name gives.
    pub fn implicit_out(&self) -> Option<&OutHead> {
        self.outs.iter().find(|o| o.implicit)
    }
}

/// The head of a kind.
#[salsa::tracked(cycle_result = kind_of_itself)]
pub fn kind_head(db: &dyn Db, item: ItemId) -> KindHead {
    let mut head = KindHead::default();
    let Some(tree) = tree(db, item) else {
        return head;
    };
    let Item::Kind(kind) = tree.item() else {
        return head;
    };
    head.external = kind.is_extern();
    head.abstract_ = kind.is_abstract();
    let mut reader = TypeReader::new(db, item);
    if let Some(path) = kind.parent() {
        inherit(db, item, path, &mut head);
    } else {
        head.fields.push(FieldHead {
            name: Arc::from("name"),
            ty: Ty::String,
            at: None,
            default: None,
            changes: None,
            open: false,
        });
    }
    for entry in kind.items() {
        match entry {
            Item::FieldDecl(field) => add_field(item, field, &mut reader, &mut head),
            Item::Field(field) => new_default(item, field, &mut head),
            Item::Out(out) => {
                let Some(name) = out.name() else { continue };
                let out_head = OutHead {
                    name: Arc::from(name.text()),
                    ty: out.ty().map(|ty| reader.read(ty)),
                    grants: out.grants().map(|g| Arc::from(g.text())),
                    implicit: out.is_implicit(),
                    at: NodeRef::new(item, out.node().id()),
                };
                if head.out(&out_head.name).is_some_and(|o| o.at.item == item) {
                    let spot = Spot::new(item, name.node().range());
                    let message = format!("`{}` gives `{}` twice", item.name(db), name.text());
                    head.diags.push(Diag::error("E0206", spot, message));
                    continue;
                }
                head.outs.retain(|o| o.name != out_head.name);
                head.outs.push(out_head);
            }
            _ => {}
        }
    }
    head.diags.extend(reader.diags);
    head
}

fn kind_of_itself(db: &dyn Db, _: salsa::Id, item: ItemId) -> KindHead {
    let circle = circle(item, |at| parent_of(db, at));
    let circle = circle.unwrap_or_else(|| vec![item]);
    let message = format!("the kind `{}` takes itself over", item.name(db));
    let diag = Diag::error("E0312", name_spot(db, item), message);
    let diag = tells(db, item, &circle).then(|| told(db, diag, &circle));
    KindHead {
        diags: diag.into_iter().collect(),
        ..KindHead::default()
    }
}

fn inherit(db: &dyn Db, item: ItemId, path: ast::Path<'_>, head: &mut KindHead) {
    let names = Names {
        db,
        file: item.file(db),
    };
    let spot = Spot::new(item, path.node().range());
    let text = path_names(Some(path));
    let Some(parent) = names.kind(&text) else {
        let text = text.join(".");
        let diag = Diag::error("E0201", spot, format!("there is no kind `{text}`"))
            .misses(Space::Kind, &text);
        head.diags
            .push(diag.suggest(&text, spot, &names.like(Space::Kind, &text)));
        return;
    };
    let above = kind_head(db, parent);
    if !above.abstract_ {
        head.diags.push(
            Diag::error(
                "E0312",
                spot,
                format!(
                    "`{}` is not an abstract kind, so it cannot be taken over",
                    parent.name(db)
                ),
            )
            .related(name_spot(db, parent), "declared here"),
        );
        return;
    }
    head.fields.clone_from(&above.fields);
    head.outs.clone_from(&above.outs);
    head.parents.push(parent);
    head.parents.extend(&above.parents);
}

fn add_field(
    item: ItemId,
    field: ast::FieldDecl<'_>,
    reader: &mut TypeReader<'_>,
    head: &mut KindHead,
) {
    let Some(name) = field.name() else { return };
    let spot = Spot::new(item, name.node().range());
    let changes = field.changes().and_then(|word| match word.text() {
        "in_place" => Some(Change::InPlace),
        "replace" => Some(Change::Replace),
        "grow_only" => Some(Change::GrowOnly),
        other => {
            let spot = Spot::new(item, word.node().range());
            let words = ["in_place", "replace", "grow_only"];
            let message = format!("changing a field does not do `{other}`");
            reader.diags.push(
                Diag::error("E0313", spot, message)
                    .note("it may be `in_place`, `replace` or `grow_only`")
                    .suggest(other, spot, &words),
            );
            None
        }
    });
    let at = NodeRef::new(item, field.node().id());
    let new = FieldHead {
        name: Arc::from(name.text()),
        ty: reader.read_or_unknown(field.ty()),
        at: Some(at),
        default: field.default().map(|_| at),
        changes,
        open: field.is_open(),
    };
    match head.field(name.text()) {
        Some(old) if old.at.is_some_and(|n| n.item == item) => {
            let message = format!("the field `{}` is declared twice", name.text());
            reader.diags.push(Diag::error("E0206", spot, message));
        }
        Some(_) => {
            let message = format!("there is a field `{}` already, taken over", name.text());
            reader.diags.push(
                Diag::error("E0206", spot, message)
                    .help("write `NAME = value` to give it another default"),
            );
        }
        None => head.fields.push(new),
    }
}

/// `port = 3000` in a kind: another default for a field that it takes over.
fn new_default(item: ItemId, field: ast::Field<'_>, head: &mut KindHead) {
    let Some(path) = field.path() else { return };
    let Some(name) = path.as_name() else { return };
    let at = NodeRef::new(item, field.node().id());
    match head
        .fields
        .iter_mut()
        .find(|f| f.name.as_ref() == name.text() && f.at.is_some_and(|n| n.item != item))
    {
        Some(found) => found.default = Some(at),
        None => {
            let spot = Spot::new(item, name.node().range());
            let message = format!("there is no field `{}` to give a default to", name.text());
            let names: Vec<&str> = head.fields.iter().map(|f| f.name.as_ref()).collect();
            let diag = Diag::error("E0207", spot, message).suggest(name.text(), spot, &names);
            let diag = match name.text() {
                // `let` is a name too, where it stands before `=`.
                "let" => diag
                    .because(Cause::Nameless)
                    .help("a value inside of a kind is named: `let NAME = …`"),
                "require" => {
                    diag.help("a kind asks without `=`: `require CONDITION else \"message\"`")
                }
                _ => diag.note("a field of its own is written `NAME: TYPE = default`"),
            };
            head.diags.push(diag);
        }
    }
}

/// The signature of a `fn`.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub struct FnHead {
    /// Its parameters.
    pub params: Vec<ParamHead>,
    /// The type of its result.
    pub result: Option<Ty>,
    /// What is wrong with it.
    pub diags: Vec<Diag>,
}

/// The head of a `fn`.
#[salsa::tracked]
pub fn fn_head(db: &dyn Db, item: ItemId) -> FnHead {
    let mut reader = TypeReader::new(db, item);
    let Some(tree) = tree(db, item) else {
        return FnHead::default();
    };
    let Item::FnDef(def) = tree.item() else {
        return FnHead::default();
    };
    let params = reader.params(def.params());
    let result = Some(reader.read_or_unknown(def.result()));
    FnHead {
        params,
        result,
        diags: reader.diags,
    }
}

/// The inputs of an app, or the keys of a family of environments.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub struct InputsHead {
    /// The inputs.
    pub fields: Vec<FieldHead>,
    /// What is wrong with them.
    pub diags: Vec<Diag>,
}

/// The head of an `app`.
#[salsa::tracked]
pub fn app_head(db: &dyn Db, item: ItemId) -> InputsHead {
    let mut reader = TypeReader::new(db, item);
    let mut head = KindHead::default();
    if let Some(tree) = tree(db, item)
        && let Item::App(app) = tree.item()
    {
        for input in app.inputs() {
            add_field(item, input, &mut reader, &mut head);
        }
    }
    InputsHead {
        fields: head.fields,
        diags: reader.diags,
    }
}
