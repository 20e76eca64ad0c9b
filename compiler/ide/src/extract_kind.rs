//! A kind of several declarations that are alike.

use plat_semantics::{Database, FileId, Place, Symbol, SymbolClass};
use plat_syntax::ast::Item;
use plat_syntax::{LexemeKind, Node, ParsedItem, SyntaxKind, TextRange, lexemes};

use crate::FileEdit;
use crate::assists::{Assist, AssistKind};
use crate::navigate::references_of;

/// How the declaration in the kind is called, and how where a field has that name.
const INSIDE: [&str; 2] = ["main", "inner"];

/// Makes a kind of the declaration at whose head a range begins and of those in the file that are
/// like it: of one kind, with the same fields. What is equal in all becomes the kind's body, what
/// differs its inputs. What runs stays: each is called outside as before, and `moved` says where it
/// is now; its documentation stays with the declaration, which is what is around it then. Where
/// something names one of them as a whole, or reads or sets what is not an input then, it names the
/// one inside from then on. Not offered where a comment would be lost.
pub fn extract_kind(db: &Database, file: FileId, range: TextRange) -> Option<Assist> {
    let parse = db.parse(file);
    if !parse.diagnostics.is_empty() {
        return None;
    }
    let all: Vec<Alike<'_>> = parse
        .items
        .iter()
        .filter_map(|item| Alike::of(db, file, item))
        .collect();
    let here = all.iter().find(|one| one.is_headed_at(range.start))?;
    let group: Vec<&Alike<'_>> = all.iter().filter(|one| one.is_like(here)).collect();
    let (first, last) = (group.first()?, group.last()?);
    if group.len() < 2 {
        return None;
    }
    let names: Vec<&str> = here.fields.iter().map(|(name, _)| *name).collect();
    let inside = *INSIDE.iter().find(|name| !names.contains(name))?;
    let differs = |name: &&&str| {
        let value = |one: &Alike<'_>| one.value(name).map(|value| value.text().to_owned());
        let same = group.iter().all(|one| value(one) == value(here));
        !same || !stands_alone(db, file, here, name, &names)
    };
    let inputs: Vec<&str> = names.iter().filter(differs).copied().collect();
    let uses = Uses::of(db, &group, &inputs, inside)?;
    let called = kind_name(db, here.kind)?;
    let mut kind = format!("kind {called} {{\n");
    for input in inputs.iter().filter(|name| **name != "name") {
        let ty = db.about(&here.field(db, file, input)?).ty?;
        kind += &format!("    {input}: {ty}\n");
    }
    if inputs.iter().any(|name| *name != "name") {
        kind += "\n";
    }
    kind += &format!("    {} {inside} {{\n        name = name\n", here.kind);
    for name in names.iter().filter(|name| **name != "name") {
        let value = match inputs.contains(name) {
            true => (*name).to_owned(),
            false => here.value(name)?.text().replace('\n', "\n    "),
        };
        kind += &format!("        {name} = {value}\n");
    }
    kind += "    }\n";
    if !uses.outs.is_empty() || uses.whole {
        kind += "\n";
    }
    if uses.whole {
        kind += &format!("    out {inside} = {inside}\n");
    }
    for out in &uses.outs {
        kind += &format!("    out {out} = {inside}.{out}\n");
    }
    kind += "}\n\n";
    let mut edits = vec![FileEdit {
        file,
        range: TextRange::empty(first.item.offset),
        text: kind,
    }];
    let mut moved = String::from("\n");
    for one in &group {
        edits.push(FileEdit {
            file,
            range: one.stands,
            text: one.written(db.text(file), &called, &inputs, &uses)?,
        });
        moved += &format!("\nmoved {} to {}.{inside}", one.name, one.name);
    }
    edits.push(FileEdit {
        file,
        range: TextRange::empty(last.stands.end),
        text: moved,
    });
    // What stands in one of them is written with it.
    let outside = uses.renamed.iter().filter(|place| {
        let holds =
            |one: &&Alike<'_>| one.stands.start <= place.start && place.end <= one.stands.end;
        !(place.file == file && group.iter().any(holds))
    });
    edits.extend(outside.map(|place| FileEdit {
        file: place.file,
        range: TextRange::empty(place.end),
        text: format!(".{inside}"),
    }));
    Some(Assist {
        title: format!(
            "make `kind {called}` of these {} `{}`s",
            group.len(),
            here.kind
        ),
        kind: AssistKind::Extract,
        edits,
    })
}

/// A declaration that could be one of several.
struct Alike<'t> {
    file: FileId,
    item: &'t ParsedItem,
    /// All of it but its documentation, in its file.
    stands: TextRange,
    /// Its kind and its name: what stands before its fields.
    head: TextRange,
    kind: &'t str,
    name: &'t str,
    symbol: Symbol,
    /// Its fields, in the order of the source: each by a mere name.
    fields: Vec<(&'t str, Node<'t>)>,
}

impl<'t> Alike<'t> {
    fn of(db: &Database, file: FileId, item: &'t ParsedItem) -> Option<Self> {
        let Item::Decl(decl) = item.tree.item() else {
            return None;
        };
        let (kind, name) = (decl.kind()?.node(), item.tree.item().name()?);
        let named = name.node().range().shifted(item.offset);
        let symbol = db.name_at(file, named.start)?.symbol;
        let whole = item.tree.root().range().shifted(item.offset);
        let start = kind.range().shifted(item.offset).start;
        let stands = TextRange::new(start, whole.end);
        let fields: Option<Vec<(&str, Node<'_>)>> = decl
            .fields()
            .map(|field| Some((field.path()?.as_name()?.text(), field.value()?.node())))
            .collect();
        // In a text of several lines the space before a line may count.
        let text = stands.slice(db.text(file));
        let told = lexemes(text).iter().any(|lexeme| {
            matches!(
                lexeme.kind,
                LexemeKind::Comment | LexemeKind::Docs | LexemeKind::Token(SyntaxKind::BlockStart)
            )
        });
        // The types of its fields mean the same everywhere.
        let of_std = db
            .name_at(file, start)
            .is_some_and(|kind| db.about(&kind.symbol).package == "std");
        let plain = decl.key().is_none() && !told && of_std && db.is_deployed(&symbol);
        plain.then_some(Self {
            file,
            item,
            stands,
            head: TextRange::new(start, named.end),
            kind: kind.text(),
            name: name.text(),
            symbol,
            fields: fields?,
        })
    }

    fn is_headed_at(&self, at: u32) -> bool {
        self.head.start <= at && at <= self.head.end
    }

    fn is_like(&self, other: &Self) -> bool {
        let names = |one: &Self| {
            let mut names: Vec<String> = one.fields.iter().map(|(n, _)| (*n).to_owned()).collect();
            names.sort_unstable();
            names
        };
        self.kind == other.kind && names(self) == names(other)
    }

    fn value(&self, name: &str) -> Option<Node<'t>> {
        let mut fields = self.fields.iter();
        fields
            .find(|(own, _)| *own == name)
            .map(|(_, value)| *value)
    }

    /// What a field of it is a field of.
    fn field(&self, db: &Database, file: FileId, name: &str) -> Option<Symbol> {
        let within = |at: TextRange| self.stands.start <= at.start && at.end <= self.stands.end;
        let mut names = db.names_of(file).into_iter();
        let found = names.find(|stands| {
            within(stands.range)
                && matches!(&stands.symbol, Symbol::Field(_, own) if **own == *name)
                && stands.range.slice(db.text(file)) == name
        });
        found.map(|stands| stands.symbol)
    }

    /// The declaration of the new kind, with its own values for what differs.
    fn written(&self, text: &str, kind: &str, inputs: &[&str], uses: &Uses) -> Option<String> {
        let mut fields = Vec::new();
        for (name, value) in self.fields.iter().filter(|(name, _)| inputs.contains(name)) {
            let at = value.range().shifted(self.item.offset);
            fields.push(format!("{name} = {}", uses.written(self.file, text, at)?));
        }
        let long = fields.iter().any(|field| field.contains('\n')) || fields.len() > 2;
        let fields = match (fields.is_empty(), long) {
            (true, _) => "{}".to_owned(),
            (_, false) => format!("{{ {} }}", fields.join(", ")),
            (_, true) => format!("{{\n    {}\n}}", fields.join("\n    ")),
        };
        Some(format!("{kind} {} {fields}", self.name))
    }
}

/// Does a value mean the same in a kind with inputs of these names? Only what names nothing of the
/// program does for certain.
fn stands_alone(
    db: &Database,
    file: FileId,
    one: &Alike<'_>,
    field: &str,
    inputs: &[&str],
) -> bool {
    let Some(value) = one.value(field) else {
        return false;
    };
    let at = value.range().shifted(one.item.offset);
    let within = |range: TextRange| at.start <= range.start && range.end <= at.end;
    let text = db.text(file);
    let names = db.names_of(file).into_iter();
    let known = names.filter(|stands| within(stands.range)).all(|stands| {
        let class = db.class_of(&stands.symbol);
        let of_types = matches!(
            class,
            SymbolClass::Case
                | SymbolClass::Field
                | SymbolClass::Parameter
                | SymbolClass::Unit
                | SymbolClass::Type
                | SymbolClass::Kind
        );
        of_types && !matches!(stands.symbol, Symbol::Local(..))
    });
    let words = lexemes(at.slice(text));
    let hidden = words.iter().any(|word| {
        let word = word.range.slice(at.slice(text));
        inputs.contains(&word) || word == "name" || INSIDE.contains(&word)
    });
    known && !hidden && field != "name"
}

/// What others ask of several declarations that become parts of a kind.
struct Uses {
    /// How the one inside is called.
    inside: &'static str,
    /// The outs that are read, sorted: the kind has them too.
    outs: Vec<String>,
    /// Is one of them a value as a whole, or something of it that the kind does not have?
    whole: bool,
    /// The names that become those of the one inside.
    renamed: Vec<Named>,
}

/// A name in a file.
struct Named {
    file: FileId,
    start: u32,
    end: u32,
}

impl Uses {
    /// None where something would mean something else.
    fn of(
        db: &Database,
        group: &[&Alike<'_>],
        inputs: &[&str],
        inside: &'static str,
    ) -> Option<Self> {
        let mut uses = Self {
            inside,
            outs: Vec::new(),
            whole: false,
            renamed: Vec::new(),
        };
        for one in group {
            for reference in references_of(db, &one.symbol) {
                let place = reference.place;
                let item = item_at(db, place)?;
                // A rename that led here leads on from here.
                if reference.definition || matches!(item.tree.item(), Item::Moved(_)) {
                    continue;
                }
                let rest = db.text(place.file).get(place.range.end as usize..)?;
                let part = db.name_at(place.file, place.range.end + 1);
                let part = part.filter(|_| rest.starts_with('.')).map(|p| p.symbol);
                match part {
                    Some(Symbol::Out(_, out)) => uses.outs.push(out.to_string()),
                    Some(Symbol::Field(_, field))
                        if (inputs.contains(&&*field) || *field == *"name")
                            && field_of_env(item, place) == Some("set") => {}
                    _ => {
                        uses.whole |= is_value(item, place);
                        uses.renamed.push(Named {
                            file: place.file,
                            start: place.range.start,
                            end: place.range.end,
                        });
                    }
                }
            }
        }
        uses.outs.sort_unstable();
        uses.outs.dedup();
        Some(uses)
    }

    /// A piece of a text with the names as they are then.
    fn written(&self, file: FileId, text: &str, range: TextRange) -> Option<String> {
        let within = |place: &&Named| {
            place.file == file && range.start <= place.start && place.end <= range.end
        };
        let mut ends: Vec<u32> = self.renamed.iter().filter(within).map(|p| p.end).collect();
        ends.sort_unstable();
        let mut out = String::new();
        let mut from = range.start;
        for end in ends {
            out += text.get(from as usize..end as usize)?;
            out.push('.');
            out += self.inside;
            from = end;
        }
        out += text.get(from as usize..range.end as usize)?;
        Some(out)
    }
}

/// Does a name stand for a value there, and not in a path that leads to what is deployed?
fn is_value(item: &ParsedItem, place: Place) -> bool {
    let mut nodes = item.tree.nodes();
    let refers = nodes.any(|node| {
        node.kind() == SyntaxKind::NameRef && node.range().shifted(item.offset) == place.range
    });
    let leads = field_of_env(item, place).is_some_and(|field| matches!(field, "omit" | "leave"));
    refers && !leads
}

/// The item that a place is in.
fn item_at(db: &Database, place: Place) -> Option<&ParsedItem> {
    let mut items = db.parse(place.file).items.iter().rev();
    items.find(|item| item.offset <= place.range.start)
}

/// The field of an environment that a place is in, by its name.
fn field_of_env(item: &ParsedItem, place: Place) -> Option<&str> {
    let Item::Env(env) = item.tree.item() else {
        return None;
    };
    let mut fields = env.fields();
    let found = fields.find(|field| {
        let at = field.node().range().shifted(item.offset);
        at.start <= place.range.start && place.range.end <= at.end
    });
    Some(found?.path()?.as_name()?.text())
}

/// A name that nothing in the program has: `shop_service`.
fn kind_name(db: &Database, kind: &str) -> Option<String> {
    let of = db.app_name()?;
    let base = format!("{of}_{}", kind.rsplit('.').next()?);
    let taken = |name: &str| {
        let mut own = db.files().into_iter().filter(|file| db.is_own(*file));
        own.any(|file| db.text(file).contains(name))
    };
    let mut name = base.clone();
    let mut number = 2;
    while taken(&name) {
        name = format!("{base}_{number}");
        number += 1;
    }
    Some(name)
}
