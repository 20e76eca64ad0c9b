//! Changes that are offered where nothing is wrong: what they make of a program.

use plat_ide::assists::{AssistKind, assists};
use plat_ide::format::format_typed;
use plat_ide::{Database, FileId, TextRange};

use crate::common::program;

const HEAD: &str = "app shop\nenv dev { target = local {} }\n";

/// What a program becomes by each change of a kind that is offered at its cursor: its title, the text.
fn offered(text: &str, kind: AssistKind) -> Vec<(String, String)> {
    let (db, file, at) = program(&format!("{HEAD}{text}"));
    assert_eq!(wrong(&db), [""; 0], "the program is right before");
    let all = assists(&db, file, TextRange::empty(at)).into_iter();
    let all = all.filter(|assist| assist.kind == kind).map(|assist| {
        let mut edits = assist.edits;
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.range.start));
        let mut text = db.text(file).to_owned();
        for edit in edits {
            assert_eq!(edit.file, file);
            text.replace_range(
                edit.range.start as usize..edit.range.end as usize,
                &edit.text,
            );
        }
        let (changed, _, _) = program(&text);
        assert_eq!(
            wrong(&changed),
            [""; 0],
            "the program is right after: {text}"
        );
        (assist.title, text.strip_prefix(HEAD).unwrap().to_owned())
    });
    all.collect()
}

fn wrong(db: &Database) -> Vec<String> {
    db.diagnostics().into_iter().map(|d| d.message).collect()
}

#[test]
fn a_let_goes_and_its_value_stands_wherever_it_was_named() {
    let text = "/// So many.\nlet cop$0ies = 1 + 1\n\nservice api {\n    run = image(\"a:1\")\n    \
                scale = copies * 2\n    env = { COPIES = \"${copies}\" }\n}\n";
    let made = "service api {\n    run = image(\"a:1\")\n    scale = (1 + 1) * 2\n    env = { \
                COPIES = \"${(1 + 1)}\" }\n}\n";
    let wanted = [(
        "put its value in the place of `copies`".to_owned(),
        made.to_owned(),
    )];
    assert_eq!(offered(text, AssistKind::Inline), wanted);
    // From where it is named, too.
    let there = text.replace("$0", "").replace("copies *", "co$0pies *");
    assert_eq!(offered(&there, AssistKind::Inline), wanted);
}

#[test]
fn a_let_stays_where_its_value_could_mean_something_else() {
    for text in [
        // Others may name it.
        "pub let cop$0ies = 2\nservice api { run = image(\"a:1\"), scale = copies }\n",
        // Its type would be lost.
        "let cop$0ies: Int = 2\nservice api { run = image(\"a:1\"), scale = copies }\n",
        // In the closure `n` is another.
        "let n = 2\nlet o$0ne = n + 1\nlet all = [1, 2].map(|n| n + one)\nservice api { run = \
         image(\"a:1\"), env = { ALL = \"${all.length()}\" } }\n",
        // The file that names it has another `use`.
        "//- /a.plat\nuse shared.{ base }\nlet cop$0ies = base + 1\n//- /b.plat\nlet more = copies\n\
         //- package shared\n//- /c.plat\npub let base = 2\n",
        // Nobody names it.
        "let cop$0ies = 2\nservice api { run = image(\"a:1\"), scale = 2 }\n",
    ] {
        assert_eq!(offered(text, AssistKind::Inline), [], "{text}");
    }
}

#[test]
fn an_amount_is_written_in_other_units_where_it_is_exact_and_short() {
    let titles = |amount: &str| -> Vec<String> {
        let text = format!(
            "postgres db {{ storage = {amount} }}\nservice api {{ run = image(\"a:1\"), env = {{ D = \
             db.url }} }}\n"
        );
        let offered = offered(&text, AssistKind::Rewrite).into_iter();
        offered.map(|(title, _)| title).collect()
    };
    let stop = |amount: &str| -> Vec<String> {
        let text = format!("service api {{ run = image(\"a:1\"), stop = {amount} }}\n");
        let offered = offered(&text, AssistKind::Rewrite).into_iter();
        offered.map(|(title, _)| title).collect()
    };
    insta::assert_debug_snapshot!([
        titles("20$048MiB"),
        stop("9$00s"),
        stop("1$0min"),
        stop("7$0s")
    ]);
}

fn typed(text: &str, ch: &str) -> Option<String> {
    let (db, file, at) = program(text);
    let edits = format_typed(&db, file, at, ch)?;
    Some(applied(&db, file, edits))
}

fn applied(db: &Database, file: FileId, edits: Vec<(TextRange, String)>) -> String {
    let mut text = db.text(file).to_owned();
    for (range, new) in edits.into_iter().rev() {
        text.replace_range(range.start as usize..range.end as usize, &new);
    }
    text
}

#[test]
fn what_is_ended_by_typing_is_formatted_and_nothing_else() {
    let other = "let  b = 2\n";
    // The declaration that a brace ends.
    assert_eq!(
        typed(
            &format!("{other}redis  cache {{\n  memory=64MiB\n}}$0\n{other}"),
            "}"
        ),
        Some(format!(
            "{other}redis cache {{\n    memory = 64MiB\n}}\n{other}"
        ))
    );
    // The line above, not the one that one goes on writing in.
    assert_eq!(
        typed(
            &format!("{other}redis cache {{\n  memory=64MiB\n    $0\n}}\n{other}"),
            "\n"
        ),
        Some(format!(
            "{other}redis cache {{\n    memory = 64MiB\n    \n}}\n{other}"
        ))
    );
    // A text with a mistake is left alone.
    assert_eq!(typed("redis  cache {\n  memory=\n    $0\n}\n", "\n"), None);
}

/// What is added can be compiled: it is an example, and nothing that its type refuses.
#[test]
fn the_missing_fields_are_added_with_values_that_are_right() {
    for kind in [
        "service", "worker", "job", "cron", "function", "site", "daemon", "volume",
    ] {
        let text = format!(
            "app shop\n\n{kind} $0x\n\nenv prod {{ target = kubernetes {{ context = \"c\" }} }}\n"
        );
        let (db, file, at) = program(&text);
        let all = assists(&db, file, TextRange::empty(at)).into_iter();
        let mut repairs = all.filter(|assist| assist.kind == AssistKind::Repair);
        let edits = repairs
            .next()
            .unwrap_or_else(|| panic!("{kind}: nothing is offered"))
            .edits;
        let mut text = db.text(file).to_owned();
        for edit in edits {
            text.replace_range(
                edit.range.start as usize..edit.range.end as usize,
                &edit.text,
            );
        }
        let (db, _, _) = program(&text);
        let wrong: Vec<String> = db.diagnostics().into_iter().map(|d| d.message).collect();
        assert_eq!(wrong, [""; 0], "{text}");
    }
}
