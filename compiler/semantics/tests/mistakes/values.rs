//! What is wrong with a value, not with its type; and what may not flow where it is put.

use plat_syntax::SyntaxKind as K;

use super::program::{At, field_name};
use super::{Kind, Plants};

pub const KINDS: &[Kind] = &[
    ("a number that the type refuses", &["E0511"], refused_number),
    ("a text that the type refuses", &["E0511"], refused_text),
    ("a range upside down", &["E0508"], empty_range),
    ("a secret on a command line", &["E0401"], secret_argument),
    ("a secret as a name", &["E0401"], secret_name),
    ("a secret as a label", &["E0401"], secret_label),
    ("a count known only later", &["E0301", "E0403"], later_count),
    ("a condition known only later", &["E0403"], later_condition),
    ("a `let` of itself", &["E0201", "E0314", "E0501"], own_let),
    ("a function of itself", &["E0505"], own_function),
    (
        "an environment that extends itself",
        &["E0605"],
        own_environment,
    ),
    ("an external name that is taken", &["E0507"], taken_name),
    ("overlapping paths", &["E0209", "E0602"], overlapping),
    ("a directory that is not there", &["E0510"], no_directory),
    ("a policy that does not hold", &["E0704"], broken_policy),
    ("a test that fails", &["E0703"], failing_test),
    ("a waiver of nothing", &["E0702"], waiver),
    ("an input that nobody sets", &["E0608"], unset_input),
    ("an order in a circle", &["E0514"], own_order),
    ("a `moved` to nothing", &["E0215"], moved),
    ("division by zero", &["E0502"], by_zero),
    ("what is left out, used", &["E0607"], left_out),
];

fn refused_number(at: &At<'_>, plants: &mut Plants) {
    let limited = matches!(
        at.up(1).and_then(field_name),
        Some("port" | "version" | "retries")
    );
    if at.kind() == K::NumberLit && limited && at.above(3) == Some(K::Decl) {
        plants.replace(at, at.range(), "70000000");
    }
}

fn refused_text(at: &At<'_>, plants: &mut Plants) {
    let field = at.up(1).and_then(field_name);
    let argument = at.up(1).and_then(|a| a.child(K::Name)).map(|n| n.text());
    let limited = field == Some("schedule") || argument == Some("at");
    if at.kind() == K::StringLit && limited {
        plants.replace(at, at.range(), "\"noon\"");
    }
}

fn empty_range(at: &At<'_>, plants: &mut Plants) {
    let ends: Vec<&str> = at.node.children().map(|n| n.text()).collect();
    if at.kind() == K::Range
        && let [low, high] = ends.as_slice()
        && low != high
    {
        plants.replace(at, at.range(), format!("{high}..{low}"));
    }
}

/// A secret that the program has, as an expression.
fn secret(at: &At<'_>) -> Option<&'static str> {
    let text = at.text();
    ["stripe_key", "session_key"]
        .into_iter()
        .find(|name| text.contains(&format!("secret {name}")))
}

fn secret_argument(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::List
        && at.within(K::Call)
        && let Some(secret) = secret(at)
    {
        let (start, end) = at.range();
        plants
            .replace(at, (end - 1, end - 1), format!(", \"${{{secret}}}\""))
            .told_at((start, end));
    }
}

fn secret_name(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Decl
        && let Some(secret) = secret(at)
        && let Some(start) = inside(at)
    {
        let text = format!("    name = {secret}\n");
        plants
            .replace(at, (start, start), text)
            .told_at((start, start));
    }
}

fn secret_label(at: &At<'_>, plants: &mut Plants) {
    let kind = at.node.child(K::Path).map_or("", |n| n.text());
    let runs = matches!(kind, "service" | "worker" | "cron" | "job" | "site");
    if at.kind() == K::Decl
        && runs
        && let Some(secret) = secret(at)
        && let Some(start) = inside(at)
    {
        let text = format!("    labels = {{ key = \"key ${{{secret}}}\" }}\n");
        plants
            .replace(at, (start, start), text)
            .told_at((start, start));
    }
}

/// The beginning of the inside of a declaration that is broken over lines.
fn inside(at: &At<'_>) -> Option<usize> {
    let body = at.node.child(K::Body)?;
    let (start, end) = at.range_of(body);
    at.text()[start..end]
        .starts_with("{\n")
        .then_some(start + 2)
}

fn later_count(at: &At<'_>, plants: &mut Plants) {
    let parent = at.up(1).and_then(field_name);
    let database = at.text().contains("postgres db");
    let database = database && !at.within(K::Kind);
    if at.kind().is_expr() && parent == Some("scale") && database && at.above(1) == Some(K::Field) {
        plants.replace(at, at.range(), "db.port");
    }
}

fn later_condition(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Decl && at.up(1).is_none() && at.text().contains("postgres db") {
        let (_, end) = at.range();
        let text = "\n\nif db.port == 5432 {\n    redis more {}\n}";
        plants.replace(at, (end, end), text).told_at((end, end));
    }
}

fn own_let(at: &At<'_>, plants: &mut Plants) {
    let name = at.up(1).and_then(|l| l.child(K::Name)).map(|n| n.text());
    if at.kind().is_expr()
        && at.above(1) == Some(K::Let)
        && let Some(name) = name
    {
        let whole = at.up(1).map_or((0, 0), |n| at.range_of(n));
        plants.replace(at, at.range(), name).told_at(whole);
    }
}

fn own_function(at: &At<'_>, plants: &mut Plants) {
    let function = at.up(1).filter(|f| f.kind() == K::FnDef);
    let name = function.and_then(|f| f.child(K::Name)).map(|n| n.text());
    if at.kind().is_expr()
        && let Some(name) = name
    {
        plants.replace(at, at.range(), format!("{name}([\"again\"])"));
    }
}

fn own_environment(at: &At<'_>, plants: &mut Plants) {
    let field = at.up(1).and_then(field_name);
    let env = at.up(3).and_then(|e| e.child(K::Name)).map(|n| n.text());
    if at.kind() == K::NameRef
        && field == Some("extends")
        && let Some(name) = env
    {
        let whole = at.up(3).map_or((0, 0), |n| at.range_of(n));
        plants.replace(at, at.range(), name).told_at(whole);
    }
}

fn taken_name(at: &At<'_>, plants: &mut Plants) {
    let kind = at.node.child(K::Path).map_or("", |n| n.text());
    let taken = match kind {
        "service" => "streaming",
        "job" => "migrate",
        "web" => "svc00004",
        _ => return,
    };
    let own = at.node.child(K::Name).map(|n| n.text()) == Some(taken);
    let there = at.text().contains(&format!("{kind} {taken} {{"));
    if at.kind() == K::Decl
        && !own
        && there
        && let Some(start) = inside(at)
    {
        let text = format!("    name = {taken:?}\n");
        plants.replace(at, (start, start), text).told_anywhere();
    }
}

fn overlapping(at: &At<'_>, plants: &mut Plants) {
    let set = at.up(2).and_then(field_name) == Some("set");
    if at.kind() == K::Entry && set && !at.node.text().starts_with("domain") {
        let (_, end) = at.range();
        plants.replace(at, (end, end), format!(", {}", at.node.text()));
    }
}

fn no_directory(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::StringLit && at.node.text().starts_with("\"./") {
        plants.replace(at, at.range(), "\"./nowhere\"");
    }
}

fn broken_policy(at: &At<'_>, plants: &mut Plants) {
    let value = at.up(1).and_then(field_name);
    let files = &at.program.files;
    let watched = files
        .iter()
        .any(|f| f.text.contains("policy databases_keep_backups"));
    let own = files[at.file].package == files[0].package;
    if at.kind().is_expr() && value == Some("backup") && watched && own {
        plants.replace(at, at.range(), "none");
    }
}

fn failing_test(at: &At<'_>, plants: &mut Plants) {
    if at.kind().is_expr() && at.up(1).and_then(field_name) == Some("assert") {
        let text = format!("not ({})", at.node.text());
        plants
            .replace(at, at.range(), text)
            .told_at(at.up(3).map_or((0, 0), |n| at.range_of(n)));
    }
}

fn waiver(at: &At<'_>, plants: &mut Plants) {
    if at.kind() == K::Policy {
        let (_, end) = at.range();
        let text = "\n\nwaive no_such_policy for db { reason = \"none\" }";
        plants.replace(at, (end, end), text).told_at((end, end));
    }
}

fn unset_input(at: &At<'_>, plants: &mut Plants) {
    let set = at.up(2).and_then(field_name) == Some("set");
    if at.kind() == K::Entry && set && field_name(at.node) == Some("domain") {
        let (start, end) = at.range();
        let more = at.text()[end..].starts_with(", ");
        let env = at.up(4).map_or((0, 0), |n| at.range_of(n));
        // Of a family, the values are checked for the keys that are used.
        if at.up(4).is_some_and(|e| e.child(K::Params).is_some()) {
            return;
        }
        plants
            .replace(at, (start, if more { end + 2 } else { end }), "")
            .told_at(env);
    }
}

fn own_order(at: &At<'_>, plants: &mut Plants) {
    let kind = at.node.child(K::Path).map_or("", |n| n.text());
    let name = at.node.child(K::Name).map(|n| n.text());
    let runs = matches!(kind, "service" | "worker" | "cron" | "job");
    let single = at.node.child(K::Index).is_none() && !at.node.text().contains("after ");
    if at.kind() == K::Decl
        && runs
        && single
        && !at.within(K::Kind)
        && let Some(start) = inside(at)
        && let Some(name) = name
    {
        plants.replace(at, (start, start), format!("    after = [{name}]\n"));
    }
}

fn by_zero(at: &At<'_>, plants: &mut Plants) {
    let value = at.above(1) == Some(K::Field) && at.above(3) == Some(K::Decl);
    let quantity = at.node.text().ends_with(char::is_alphabetic);
    if at.kind() == K::NumberLit && value && quantity {
        let (_, end) = at.range();
        plants.replace(at, (end, end), " / 0").told_at(at.range());
    }
}

/// An environment leaves out what others use.
fn left_out(at: &At<'_>, plants: &mut Plants) {
    let used = ["emails", "cache"].into_iter().find(|n| {
        let text = at.text();
        text.contains(&format!("queue {n} ")) || text.contains(&format!("redis {n} "))
    });
    if at.kind() == K::Env
        && let Some(used) = used
        && let Some(body) = at.node.child(K::Body)
    {
        let (start, _) = at.range_of(body);
        let old = at.node.text().contains("omit");
        if !old {
            let text = format!(" omit = [{used}],");
            plants
                .replace(at, (start + 1, start + 1), text)
                .told_anywhere();
        }
    }
}

fn moved(at: &At<'_>, plants: &mut Plants) {
    let single = at.node.child(K::Index).is_none();
    if at.kind() == K::Decl && at.up(1).is_none() && single {
        let (_, end) = at.range();
        let text = "\n\nmoved old_thing to no_such_thing";
        plants.replace(at, (end, end), text).told_at((end, end));
    }
}
