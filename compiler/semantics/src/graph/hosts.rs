//! Addresses that are written out where a reference is meant.
//!
//! A workload reaches what it refers to, and nothing else. So an address in its environment that is
//! that of a declaration it does not refer to would be denied when it is used: better told now. What a
//! declaration is known as is said by its kind, in a `let known_as` of texts; `*` is everywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use salsa::plumbing::AsId as _;

use super::links::nodes;
use super::piece::{path, reached};
use crate::check::lower;
use crate::db::ItemId;
use crate::diag::{Diag, Spot};
use crate::eval::{Cx, Data, Eval, InstId, Kind, LinkVal, Val};
use crate::types::{Ty, kind_head};

/// The `let` of a kind that says what its declarations are known as.
const KNOWN_AS: &str = "known_as";

/// An address that is written out.
struct Suspect<'db> {
    from: InstId,
    value: Val<'db>,
    host: String,
    to: InstId,
}

/// Tells of addresses in environments that are those of declarations.
pub(super) fn literal_hosts(eval: &mut Eval<'_>, world: usize) {
    let all = nodes(eval, world);
    let mut known: BTreeMap<String, InstId> = BTreeMap::new();
    let mut everywhere: BTreeSet<InstId> = BTreeSet::new();
    let said = Arc::from(KNOWN_AS);
    for inst in &all {
        for host in known_as(eval, world, *inst, &said) {
            if host == "*" {
                everywhere.insert(*inst);
            } else {
                known.entry(host).or_insert(*inst);
            }
        }
    }
    if known.is_empty() {
        return;
    }
    let mut environments: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    let mut suspects = Vec::new();
    for inst in all {
        for value in environment_values(eval, world, inst, &mut environments) {
            literals(&value, |value, host| {
                if let Some(to) = known.get(&host).copied() {
                    suspects.push(Suspect {
                        from: inst,
                        value: value.clone(),
                        host,
                        to,
                    });
                }
            });
        }
    }
    if suspects.is_empty() {
        return;
    }
    eval.need_links(world);
    let from: BTreeSet<InstId> = suspects.iter().map(|s| s.from).collect();
    let reached: BTreeSet<(InstId, InstId)> = eval
        .world(world)
        .into_iter()
        .flat_map(|w| &w.links)
        .filter(|link| from.contains(&link.from))
        .map(|link| (link.from, link.to))
        .collect();
    for suspect in suspects {
        let reaches = |to: InstId| reached.contains(&(suspect.from, to));
        let permitted = suspect.to == suspect.from
            || reaches(suspect.to)
            || everywhere.iter().any(|to| reaches(*to));
        if !permitted {
            tell(eval, world, &suspect);
        }
    }
}

/// The hosts that a declaration is known as, by its kind.
fn known_as(eval: &mut Eval<'_>, world: usize, inst: InstId, name: &Arc<str>) -> Vec<String> {
    let Some(kind) = eval.kind_of(inst) else {
        return Vec::new();
    };
    let Some(said) = lower(eval.db, kind).lets.get(name) else {
        return Vec::new();
    };
    let cx = Cx {
        world,
        item: kind,
        inst: Some(inst),
        kind: Kind::Default,
    };
    let value = eval.kind_let(name, &cx, said.expr.span);
    let Data::List(values) = &value.data else {
        return Vec::new();
    };
    let texts = values.iter().filter_map(Val::text);
    texts
        .map(|text| host_of(&text).unwrap_or(&text).to_lowercase())
        .collect()
}

/// The numbers of a kind's fields that hold an environment: texts by name that may be secret and
/// known later.
fn environment_fields(eval: &Eval<'_>, kind: ItemId) -> Vec<u32> {
    let holds_text = |ty: &Ty| match ty.plain(eval.db).1 {
        Ty::Map(inner) => {
            let (labels, ty) = inner.plain(eval.db);
            labels.secret && labels.later && ty == Ty::Text
        }
        _ => false,
    };
    (0u32..)
        .zip(&kind_head(eval.db, kind).fields)
        .filter(|(_, field)| holds_text(&field.ty))
        .map(|(number, _)| number)
        .collect()
}

fn field_of<'db>(
    eval: &mut Eval<'db>,
    world: usize,
    inst: InstId,
    number: u32,
) -> Option<Val<'db>> {
    let instance = eval.world(world)?.instance(inst)?;
    let (item, parent, span) = (instance.item, instance.parent, instance.decl.name_span);
    let cx = Cx {
        world,
        item,
        inst: parent,
        kind: Kind::Declared,
    };
    Some(eval.field_at(&cx, span, inst, number))
}

/// The addresses that are written out in an environment.
fn literals<'db>(value: &Val<'db>, mut found: impl FnMut(&Val<'db>, String)) {
    let Data::Map(entries) = &value.data else {
        return;
    };
    for (_, value) in entries.iter() {
        let Some(text) = value.text() else { continue };
        if let Some(host) = host_of(&text).map(str::to_lowercase) {
            found(value, host);
        }
    }
}

/// What the declarations of a piece are known as, and the addresses that they write out.
#[derive(Clone, PartialEq, Eq, Debug, Default, salsa::SalsaValue)]
pub(super) struct Addresses {
    /// Hosts, and the paths of the declarations that are known as these.
    pub known: Vec<(String, Arc<str>)>,
    /// Those written out.
    pub asked: Vec<Asked>,
}

/// An address that is written out by one that does not refer to what is everywhere.
#[derive(Clone, PartialEq, Eq, Debug, salsa::SalsaValue)]
pub(super) struct Asked {
    /// Its host.
    pub host: String,
    /// The paths of the declaration and of those that it refers to.
    pub permitted: BTreeSet<Arc<str>>,
}

/// Those of a piece whose links are these.
pub(super) fn addresses(
    eval: &mut Eval<'_>,
    world: usize,
    all: &[InstId],
    links: &[LinkVal],
) -> Addresses {
    let mut addresses = Addresses::default();
    let said = Arc::from(KNOWN_AS);
    for inst in all {
        for host in known_as(eval, world, *inst, &said) {
            addresses.known.push((host, path(eval, *inst)));
        }
    }
    let reached = reached(links);
    let mut environments: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for inst in all {
        let mut hosts = Vec::new();
        for value in environment_values(eval, world, *inst, &mut environments) {
            literals(&value, |_, host| hosts.push(host));
        }
        if hosts.is_empty() {
            continue;
        }
        let to = reached.get(inst).map(Vec::as_slice).unwrap_or_default();
        let everywhere = |to: &InstId, eval: &mut Eval<'_>| {
            let hosts = known_as(eval, world, *to, &said);
            hosts.iter().any(|host| host == "*")
        };
        if to.iter().any(|to| everywhere(to, eval)) {
            continue;
        }
        let to = to.iter().chain([inst]);
        let permitted: BTreeSet<Arc<str>> = to.map(|to| path(eval, *to)).collect();
        addresses.asked.extend(hosts.into_iter().map(|host| Asked {
            host,
            permitted: permitted.clone(),
        }));
    }
    addresses
}

/// The environments of a declaration. What fields of a kind hold one is looked up once.
fn environment_values<'db>(
    eval: &mut Eval<'db>,
    world: usize,
    inst: InstId,
    known: &mut BTreeMap<u64, Vec<u32>>,
) -> Vec<Val<'db>> {
    let Some(kind) = eval.kind_of(inst) else {
        return Vec::new();
    };
    let fields = known
        .entry(kind.as_id().as_bits())
        .or_insert_with(|| environment_fields(eval, kind));
    fields
        .iter()
        .filter_map(|number| field_of(eval, world, inst, *number))
        .collect()
}

/// The host of an address: of `https://user@api.example.com:443/v1`, of `db:5432`, of
/// `api.example.com`. A word alone is no address.
fn host_of(text: &str) -> Option<&str> {
    let (scheme, rest) = match text.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, text),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            (host, true)
        }
        _ => (host, false),
    };
    let good = !host.is_empty()
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    (good && (scheme || port || host.contains('.'))).then_some(host)
}

fn tell(eval: &mut Eval<'_>, world: usize, suspect: &Suspect<'_>) {
    let Suspect {
        from,
        value,
        host,
        to,
    } = suspect;
    let to = *to;
    let (from_path, to_path) = (eval.path_of(*from), eval.path_of(to));
    let site = value.origin.0.site;
    let spot = Spot {
        item: site.item,
        range: site.span,
    };
    let message = if *host == to_path {
        format!(
            "`{host}` is written out, and `{from_path}` does not refer to it: it would be denied"
        )
    } else {
        format!(
            "`{host}` is `{to_path}`, which `{from_path}` does not refer to: it would be denied"
        )
    };
    let out = eval.kind_of(to).and_then(|kind| {
        let head = kind_head(eval.db, kind);
        let url = head.outs.iter().find(|out| out.name.as_ref() == "url");
        url.or(head.outs.first()).map(|out| out.name.clone())
    });
    let mut diag = Diag::warning("W0502", spot, message);
    if let Some(out) = out {
        diag = diag.help(format!(
            "refer to it: `{to_path}.{out}` gives the address and permits the connection"
        ));
    }
    let declared = eval
        .world(world)
        .and_then(|w| w.instance(to))
        .map(|i| Spot {
            item: i.item,
            range: i.decl.name_span,
        });
    if let Some(declared) = declared {
        diag = diag.related(declared, format!("`{to_path}` is declared here"));
    }
    let cx = Cx {
        world,
        item: site.item,
        inst: None,
        kind: Kind::Declared,
    };
    eval.error(&cx, diag);
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn hosts_are_found_in_addresses_and_words_are_none() {
        for (text, host) in [
            ("https://api.stripe.com", Some("api.stripe.com")),
            (
                "https://user:pw@api.stripe.com:443/v1?x=1",
                Some("api.stripe.com"),
            ),
            ("http://api/", Some("api")),
            ("db:5432", Some("db")),
            ("api.stripe.com", Some("api.stripe.com")),
            ("api", None),
            ("a sentence. With dots.", None),
            ("", None),
            ("1:x", None),
        ] {
            assert_eq!(host_of(text), host, "{text}");
        }
    }
}
