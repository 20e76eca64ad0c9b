//! What is shown of a name when the pointer rests on it.

use plat_ide::hover;

use crate::common::program;

/// What is shown of each word at which a pointer rests (`$0`), below the word.
fn shown(text: &str) -> String {
    let mut out = String::new();
    let pieces: Vec<&str> = text.split("$0").collect();
    for at in 1..pieces.len() {
        let (before, after) = (pieces[..at].concat(), pieces[at..].concat());
        let (db, file, offset) = program(&format!("{before}$0{after}"));
        let line = after.lines().next().unwrap_or_default();
        out += &format!("=== {line}\n");
        out += &hover::hover(&db, file, offset).map_or_else(String::new, |hover| hover.markdown);
        out += "\n";
    }
    out
}

#[test]
fn what_a_field_becomes_on_each_target_is_said() {
    let text = "app shop\n\n$0postgres db { $0replicas = 2 }\n\n$0service api {\n    $0run = image(\"api:1\")\n    \
                $0scale = 2..4\n    $0rollout = $0canary()\n    $0labels = { team = \"a\" }\n}\n\n\
                $0vm old { image = \"x\" }\n\n\
                env dev { target = local {} }\nenv test { target = local {} }\n\
                env prod { target = kubernetes { context = \"c\" } }\n";
    insta::assert_snapshot!(shown(text));
}

/// The value of an entry of a map is asked for as that of a field is.
#[test]
fn an_entry_of_a_map_has_its_value_in_each_environment() {
    let text = "app shop\n\npostgres db {}\n\nservice api {\n    run = image(\"api:1\")\n    env = { $0LEVEL = \"info\", $0URL = db.url }\n}\n\n\
                env dev { target = local {}, set = { api.env.LEVEL = \"debug\" } }\n\
                env prod { target = kubernetes { context = \"c\" } }\n";
    insta::assert_snapshot!(shown(text));
}

/// What is a default is shown as it would be written.
#[test]
fn a_default_that_a_case_is_made_from_is_its_value() {
    let text = "app shop\n\nservice api {\n    run = image(\"api:1\")\n}\n\nenv dev { target = local {} }\n\
                env prod { target = local {}, set = { api.$0scale = 3 } }\n";
    let said = shown(text);
    assert!(said.contains("**dev**: `1`"), "{said}");
    assert!(said.contains("**prod**: `3`"), "{said}");
}
