//! Defaults that say the same for every declaration are evaluated once: nobody may notice.

use crate::common::{database, project, render};

const KIND: &str = r#"app x
kind box {
    size: { a: Int, b: Int } = { a = 1, b = 2 }
    label: String = "small"
    shown: String = "${label} ${size.a}"
    require size.a < size.b else "${size.a} is not below ${size.b}"
    require label != "huge" else "nothing is huge"
    config store { values = { SHOWN = shown } }
}
box one {}
box two { size.a = 5 }
box three {}
box four { label = "huge" }
box five {}
box six { size = { a = 1, b = 2 } }
env dev { target = local {} }
env odd { target = local {}, set = { three.size.b = 1, five.label = "large" } }
"#;

#[test]
fn what_is_changed_in_one_is_changed_in_no_other() {
    let text = KIND
        .replace("a = 5", "a = 0")
        .replace("\"huge\" }", "\"big\" }");
    let text = text.replace("b = 1, five", "b = 7, five");
    let db = database(project(&text));
    assert_eq!(render(&db, &db.diagnostics()), "");
    let shown = |env: &str| -> Vec<String> {
        let graph = db.graph(env).unwrap();
        let nodes = graph.nodes.iter();
        let of = |path: &str, values: &plat_model::Value| format!("{path} {values}");
        nodes
            .filter_map(|(path, node)| Some(of(path.as_str(), node.fields.get("values")?)))
            .collect()
    };
    insta::assert_snapshot!([shown("dev").join("\n"), shown("odd").join("\n")].join("\n\n"));
}

#[test]
fn what_one_gives_is_asked_though_it_held_for_another() {
    let db = database(project(KIND));
    insta::assert_snapshot!(render(&db, &db.diagnostics()));
}

/// What is wrong with a default is told of each declaration that has it.
#[test]
fn a_default_that_is_wrong_is_told_at_each_use() {
    let db = database(project(
        "app x\n\
         let none_there = [1, 2]\n\
         kind box {\n    n: Int = none_there[5]\n    config store { values = { N = \"${n}\" } }\n}\n\
         box one {}\nbox two {}\nbox three { n = 1 }\nenv dev { target = local {} }\n",
    ));
    insta::assert_snapshot!(render(&db, &db.diagnostics()));
}
