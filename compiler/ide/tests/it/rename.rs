//! What is renamed compiles, says what becomes of what is deployed, and can be renamed again.

use plat_ide::Database;
use plat_ide::rename::{Meaning, rename};

use crate::common::program;

/// The program of one file after what stands at its cursor got another name, and what that means.
fn renamed(text: &str, new: &str) -> Result<(String, Option<Meaning>), String> {
    let (db, file, at) = program(text);
    assert_eq!(wrong(&db), [""; 0], "the program is right before: {text}");
    let renaming = rename(&db, file, at, new)?;
    let mut edits = [renaming.names, renaming.beside].concat();
    edits.sort_by_key(|edit| std::cmp::Reverse((edit.range.start, edit.range.end)));
    let mut text = db.text(file).to_owned();
    for edit in edits {
        let range = edit.range.start as usize..edit.range.end as usize;
        text.replace_range(range, &edit.text);
    }
    let (db, _, _) = program(&text);
    assert_eq!(wrong(&db), [""; 0], "{text}");
    Ok((text, renaming.means))
}

fn wrong(db: &Database) -> Vec<String> {
    let found = db.diagnostics().into_iter();
    found.map(|d| format!("{} {}", d.code, d.message)).collect()
}

/// The `moved`s after a rename.
fn moved(text: &str, new: &str) -> Vec<String> {
    let (text, _) = renamed(text, new).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("moved"));
    lines.map(str::to_owned).collect()
}

/// What is said of a rename, and whether it has to be confirmed.
fn means(text: &str, new: &str) -> (String, bool) {
    let (_, means) = renamed(text, new).unwrap();
    let means = means.unwrap();
    (means.text, means.loses)
}

const LOCAL: &str = "env dev { target = local {} }\n";
const KUBERNETES: &str = "env prod { target = kubernetes { context = \"c\" } }\n";

#[test]
fn what_was_renamed_is_renamed_again_and_back() {
    let of = |renames: &str, name: &str| {
        format!(
            "app shop\n{renames}\nservice $0{name} {{ run = image(\"a:1\") }}\n\
             worker w {{ run = image(\"w:1\"), reach = [{name}] }}\n{LOCAL}"
        )
    };
    let once = of("moved api to front", "front");
    assert_eq!(
        moved(&once, "main"),
        ["moved api to front", "moved front to main"]
    );
    assert_eq!(moved(&once, "api"), ["moved front to api"]);
    let twice = of("moved a to b\nmoved b to c", "c");
    assert_eq!(
        moved(&twice, "d"),
        ["moved a to b", "moved b to c", "moved c to d"]
    );
    assert_eq!(moved(&twice, "b"), ["moved a to c", "moved c to b"]);
    assert_eq!(moved(&twice, "a"), ["moved c to a", "moved b to c"]);
    // What was called so is another.
    let why = renamed(
        &once
            .replace("worker w", "worker $0w")
            .replace("$0front", "front"),
        "api",
    );
    let why = why.unwrap_err();
    assert!(why.contains("goes to `front`"), "{why}");
}

#[test]
fn what_was_renamed_in_a_kind_is_renamed_again_and_back() {
    let text = format!(
        "app shop\nkind web {{\n    service $0main {{ run = image(\"a:1\") }}\n}}\nweb front {{}}\n\
         moved front.server to front.main\nmoved front to back\n{LOCAL}"
    );
    let text = text.replace("moved front to back\n", "");
    assert_eq!(
        moved(&text, "data"),
        [
            "moved front.main to front.data",
            "moved front.server to front.main"
        ]
    );
    assert_eq!(moved(&text, "server"), ["moved front.main to front.server"]);
    // What is around it goes with its parts.
    let around = text.replace("$0", "").replace("web front", "web $0front");
    assert_eq!(
        moved(&around, "back"),
        ["moved front to back", "moved front.server to back.main"]
    );
}

#[test]
fn where_data_would_stay_behind_is_said_before() {
    let db = "app shop\npostgres $0db {}\n";
    let (text, sure) = renamed(&format!("{db}{KUBERNETES}"), "store").unwrap();
    assert!(text.contains("name = \"db\""), "{text}");
    let sure = sure.unwrap();
    assert!(!sure.loses);
    assert!(sure.text.ends_with("where its data is"), "{sure:?}");
    // It is found by its path there, whatever it is called.
    let (says, confirm) = means(&format!("{db}{KUBERNETES}{LOCAL}"), "store");
    assert!(confirm && says.contains("in `dev`, on `local`"), "{says}");
    let named = db.replace("{}", "{ name = \"db\" }");
    assert!(means(&format!("{named}{LOCAL}"), "store").1);
    assert!(!means(&format!("{named}{KUBERNETES}"), "store").1);
    // In a kind, what it is called follows from its path.
    let kind = "app shop\nkind store {\n    postgres $0main {}\n}\nstore front {}\n";
    for text in [
        kind.to_owned(),
        kind.replace("$0", "")
            .replace("store front", "store $0front"),
    ] {
        for target in [KUBERNETES, LOCAL] {
            let (says, confirm) = means(&format!("{text}{target}"), "data");
            assert!(
                confirm && says.contains("`front.main` may hold data"),
                "{says}"
            );
        }
    }
}

#[test]
fn what_says_its_name_stays_as_it_is_called() {
    let text =
        format!("app shop\nservice $0api {{ name = \"api\", run = image(\"a:1\") }}\n{LOCAL}");
    let (says, confirm) = means(&text, "front");
    assert!(!confirm && says.contains("stays as it is called"), "{says}");
}
