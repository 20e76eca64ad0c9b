//! What could be written: at single places, and everywhere in whole programs.

use std::fmt::Write as _;

use plat_ide::completion::completions;
use plat_ide::{Database, FileId};
use plat_syntax::{LexemeKind, SyntaxKind, lexemes};

use crate::common::{northstar, program};

/// The first `most` of what is offered at `$0`: `name kind`, `!` before what must be given.
fn offered(text: &str, most: usize) -> String {
    let (db, file, offset) = program(text);
    let (_, found) = completions(&db, file, offset);
    let mut out = String::new();
    for item in found.iter().take(most) {
        let mark = if item.required { "!" } else { "" };
        let _ = writeln!(out, "{mark}{} {:?} {}", item.label, item.kind, item.detail);
    }
    out
}

fn names(text: &str) -> Vec<String> {
    let (db, file, offset) = program(text);
    let (_, found) = completions(&db, file, offset);
    found.into_iter().map(|item| item.label).collect()
}

fn inserted(text: &str, label: &str) -> (String, Option<String>) {
    let (db, file, offset) = program(text);
    let (_, found) = completions(&db, file, offset);
    let item = found.into_iter().find(|item| item.label == label).unwrap();
    (item.snippet, item.also.map(|(_, text)| text))
}

const APP: &str = "app shop\nenv dev { target = local {} }\n";

#[test]
fn fields_that_must_be_given_come_first() {
    let found = offered(&format!("{APP}service api {{\n    $0\n}}\n"), 4);
    insta::assert_snapshot!(found);
    let given = names(&format!(
        "{APP}service api {{\n    run = image(\"x\")\n    sc$0\n}}\n"
    ));
    assert!(!given.contains(&"run".to_owned()), "it is given already");
    assert!(given.contains(&"scale".to_owned()));
}

#[test]
fn what_a_type_has_values_of_comes_first() {
    let protocol = offered(&format!("{APP}service api {{ run = $0 }}\n"), 5);
    insta::assert_snapshot!(protocol);
    let truth = names(&format!("{APP}postgres db {{ protect = $0 }}\n"));
    assert_eq!(truth[..2], ["false", "true"]);
    let word = "type Size = \"small\" | \"large\"\nkind k { size: Size }\n";
    assert_eq!(
        names(&format!("{APP}{word}k a {{ size = $0 }}"))[..2],
        ["\"large\"", "\"small\""]
    );
    assert_eq!(
        names(&format!("{APP}{word}k a {{ size = \"$0\" }}")),
        ["large", "small"]
    );
}

#[test]
fn units_are_those_of_what_is_wanted() {
    let room = names(&format!("{APP}postgres db {{ storage = 20$0 }}\n"));
    assert!(room.contains(&"GiB".to_owned()), "{room:?}");
    for other in ["EUR", "s", "cpu"] {
        assert!(!room.contains(&other.to_owned()), "{other}: {room:?}");
    }
    let time = names(&format!(
        "{APP}service api {{ run = image(\"x\"), stop = 20$0 }}\n"
    ));
    assert!(
        time.contains(&"min".to_owned()) && !time.contains(&"GiB".to_owned()),
        "{time:?}"
    );
}

#[test]
fn declarations_give_what_they_give() {
    let text = format!("{APP}postgres db\nservice api {{ env = {{ A = db.$0 }} }}\n");
    let found = offered(&text, 30);
    assert!(found.contains("url Out"), "{found}");
    assert!(found.contains("secret later"), "{found}");
}

#[test]
fn names_in_sight_are_offered() {
    let found = names("fn f(first: Int, second: Int): Int = [1].map(|third| $0)\nlet fourth = 4\n");
    for name in ["first", "second", "third", "fourth", "f", "environment"] {
        assert!(found.contains(&name.to_owned()), "{name}: {found:?}");
    }
    let kind = names("kind k {\n    size: Int\n    let twice = size * 2\n    out o = $0\n}\n");
    for name in ["size", "twice"] {
        assert!(kind.contains(&name.to_owned()), "{name}: {kind:?}");
    }
}

#[test]
fn what_is_said_to_a_target_is_completed_by_its_objects() {
    let raw = |what: &str| {
        names(&format!(
            "{APP}service api {{ run = image(\"x\"), raw = [{what}] }}\n"
        ))
    };
    assert_eq!(raw("kubernetes.$0"), ["object", "patch"]);
    assert_eq!(
        raw("kubernetes.pa$0(\"Deployment\", {})"),
        ["object", "patch"]
    );
    for what in [
        "kubernetes.patch(\"$0\", {})",
        "kubernetes.object(\"Dep$0\")",
    ] {
        let found = raw(what);
        for name in ["Deployment", "HorizontalPodAutoscaler", "ResourceQuota"] {
            assert!(found.contains(&name.to_owned()), "{name}: {found:?}");
        }
        // A part of an object is none.
        assert!(!found.contains(&"DeploymentSpec".to_owned()), "{found:?}");
    }
    let paths = raw("kubernetes.patch(\"Deployment\", { spec = { $0 } })");
    assert!(paths.contains(&"replicas".to_owned()), "{paths:?}");
    let deep = raw("kubernetes.patch(\"Deployment\", { spec = { template = { spec = { $0 } } } })");
    assert!(deep.contains(&"nodeSelector".to_owned()), "{deep:?}");
    // Not in the body, and not of what is no target.
    let body = raw("kubernetes.patch(\"Deployment\", { kind = \"$0\" })");
    assert!(!body.contains(&"ResourceQuota".to_owned()), "{body:?}");
}

#[test]
fn objects_that_were_brought_are_named_by_their_api_where_there_are_two() {
    let object = |api: &str| {
        format!(
            "pub type Pool = {{\n    apiVersion: \"{api}\" = \"{api}\"\n    kind: \"Pool\" = \"Pool\"\n}}\n"
        )
    };
    let raw = "service api { run = image(\"x\"), raw = [kubernetes.object(\"$0\", {})] }\n";
    let one = names(&format!(
        "//- /main.plat\n{APP}{raw}//- /objects/kubernetes/a/pool.plat\n{}",
        object("a.example/v1")
    ));
    assert!(one.contains(&"Pool".to_owned()), "{one:?}");
    let two = names(&format!(
        "//- /main.plat\n{APP}{raw}//- /objects/kubernetes/a/pool.plat\n{}//- /objects/kubernetes/b/pool.plat\n{}",
        object("a.example/v1"),
        object("b.example/v1")
    ));
    for name in ["a.example/v1/Pool", "b.example/v1/Pool"] {
        assert!(two.contains(&name.to_owned()), "{two:?}");
    }
}

#[test]
fn secrets_of_the_program_come_first_where_a_secret_may_flow() {
    let text = "secret stripe_key\nsecret mail_key { optional = true }\n\
                service api { run = image(\"x\"), env = { KEY = $0 } }\n";
    let found = names(&format!("{APP}{text}"));
    for name in ["stripe_key", "mail_key"] {
        let at = found.iter().position(|found| found == name);
        assert!(at.is_some_and(|at| at < 4), "{name}: {found:?}");
    }
}

#[test]
fn paths_of_environments_lead_into_declarations() {
    let with = |path: &str| {
        names(&format!(
            "app shop {{ domain: String = \"a\" }}\nservice api {{ run = image(\"x\") }}\n\
             env prod {{\n    target = local {{}}\n    set = {{ {path} }}\n}}\n"
        ))
    };
    let roots = with("$0");
    assert!(roots.contains(&"api".to_owned()) && roots.contains(&"domain".to_owned()));
    assert!(with("api.$0 = 3").contains(&"scale".to_owned()));
    assert!(with("api.resources.$0").contains(&"memory".to_owned()));
}

#[test]
fn numbers_have_units() {
    let found = names(&format!("{APP}let size = 512$0\n"));
    assert!(found.contains(&"MiB".to_owned()), "{found:?}");
    assert_eq!(names(&format!("{APP}let size = 5$012\n")), [""; 0]);
    let begun = names(&format!("{APP}let size = 512Mi$0\n"));
    assert!(begun.contains(&"MiB".to_owned()));
}

#[test]
fn arguments_have_names() {
    let found = offered(
        &format!("{APP}service api {{ run = process([\"a\"], $0) }}\n"),
        2,
    );
    insta::assert_snapshot!(found);
}

#[test]
fn directories_and_files_of_the_package_are_offered_where_they_are_wanted() {
    let found = names(
        "//- /main.plat\napp shop\nsite front { files = dir(\"$0\") }\n//- /web/index.html\n//- /web/img/a.png\n",
    );
    assert_eq!(found, ["./web", "./web/img"]);
}

#[test]
fn what_is_left_to_others_is_named_by_paths() {
    let with = |path: &str| {
        names(&format!(
            "{APP}service api {{ run = image(\"x\") }}\nenv prod {{\n    target = local {{}}\n    leave = \
             [{path}]\n}}\n"
        ))
    };
    assert_eq!(with("$0"), ["api"]);
    assert!(with("api.$0").contains(&"scale".to_owned()));
    assert!(with("api.resources.$0").contains(&"memory".to_owned()));
    let text =
        format!("{APP}service api {{ run = image(\"x\") }}\nenv prod {{ leave = [api.$0] }}\n");
    assert_eq!(inserted(&text, "scale").0, "scale");
}

#[test]
fn images_and_names_of_variables_that_are_in_use_are_offered() {
    let with = |last: &str| {
        names(&format!(
            "{APP}service api {{ run = image(\"shop/api:1.4\"), env = {{ LOG = \"info\", PORT = \"1\" }} }}\n\
             service web {{ run = image(\"shop/web:2.0\") }}\nworker w {{ {last} }}\n"
        ))
    };
    assert_eq!(
        with("run = image(\"$0\")"),
        ["shop/api:1.4", "shop/web:2.0"]
    );
    assert_eq!(
        with("run = image(\"sh$0\")"),
        ["shop/api:1.4", "shop/web:2.0"]
    );
    assert_eq!(with("env = { $0 }"), ["LOG", "PORT"]);
    assert_eq!(with("env = { LOG = \"x\", P$0 = \"2\" }"), ["PORT"]);
    let beside = "let all = [{ slug = \"a\", tier = 1 }, { slug = \"b\", $0 }]\n";
    assert_eq!(names(beside), ["tier"]);
}

#[test]
fn a_kind_of_another_package_brings_its_use() {
    let text = "//- /main.plat\napp shop\nweb$0\n//- package acme\n//- /acme.plat\npub kind web_app { size: Int }\n";
    let (snippet, also) = inserted(text, "web_app");
    assert_eq!(snippet, "web_app");
    assert_eq!(also.unwrap(), "use acme.web_app\n\n");
}

#[test]
fn comments_and_texts_offer_nothing() {
    assert_eq!(names("// a $0\nlet a = 1\n"), [""; 0]);
    assert_eq!(names("let a = \"b $0\"\n"), [""; 0]);
}

#[test]
fn what_is_inserted_goes_on_where_one_goes_on() {
    let text = format!("{APP}service api {{\n    sc$0\n}}\n");
    assert_eq!(inserted(&text, "scale").0, "scale = $0");
    let text = format!("{APP}service api {{\n    sc$0 = 2\n}}\n");
    assert_eq!(inserted(&text, "scale").0, "scale");
    let text = format!("{APP}service api {{ run = $0 }}\n");
    assert_eq!(inserted(&text, "image").0, "image(${1:name})$0");
    let text = "env dev { target = $0 }\n";
    assert_eq!(inserted(text, "local").0, "local {$0\\}");
}

/// Takes a piece out of a file, asks what could be written there, and puts it back.
fn without(db: &mut Database, file: FileId, range: std::ops::Range<usize>) -> Vec<String> {
    let text = db.text(file).to_owned();
    let mut less = text.clone();
    less.replace_range(range.clone(), "");
    db.set_text(file, &less);
    let (_, found) = completions(db, file, u32::try_from(range.start).unwrap());
    db.set_text(file, &text);
    found.into_iter().map(|item| item.label).collect()
}

/// Every so many words are taken out in the tests; all of them by `PLAT_ALL_WORDS=1`.
const STEP: usize = 5;

/// Most of those that are not offered are names that only their author knows: keys of maps, fields
/// of records that no type declares.
#[test]
fn a_word_that_was_taken_out_is_offered() {
    let step = if std::env::var_os("PLAT_ALL_WORDS").is_some() {
        1
    } else {
        STEP
    };
    let mut report = String::new();
    let (mut all, mut right) = (0, 0);
    for name in ["acme", "shop", "tenants", "town"] {
        let mut db = northstar(name);
        let mut missed: Vec<String> = Vec::new();
        let (mut asked, mut offered) = (0, 0);
        for file in db
            .files()
            .into_iter()
            .filter(|f| db.is_own(*f))
            .collect::<Vec<_>>()
        {
            let text = db.text(file).to_owned();
            let given: Vec<u32> = plat_ide::tokens::tokens(&db, file)
                .iter()
                .filter(|token| token.declares)
                .map(|token| token.range.start)
                .collect();
            let words = lexemes(&text).into_iter().filter(|lexeme| {
                let word =
                    matches!(lexeme.kind, LexemeKind::Token(kind) if kind == SyntaxKind::Ident);
                // A name that is being given is for its author to invent.
                word && !given.contains(&lexeme.range.start)
            });
            for lexeme in words.step_by(step) {
                let range = lexeme.range.start as usize..lexeme.range.end as usize;
                let word = text[range.clone()].to_owned();
                asked += 1;
                if without(&mut db, file, range.clone()).contains(&word) {
                    offered += 1;
                } else {
                    let line = text[..range.start].matches('\n').count() + 1;
                    let shown = db.shown_name(file);
                    let source = text.lines().nth(line - 1).unwrap_or_default();
                    missed.push(format!("{shown}:{line} {word}: {}", source.trim()));
                }
            }
        }
        let _ = writeln!(report, "{name}: {offered} of {asked}");
        for miss in missed {
            let _ = writeln!(report, "    {miss}");
        }
        all += asked;
        right += offered;
    }
    let _ = writeln!(report, "all: {right} of {all}");
    if step == STEP {
        insta::assert_snapshot!(report);
    } else {
        eprintln!("{report}");
    }
}

#[test]
fn every_place_has_an_answer() {
    for name in ["shop", "town"] {
        let mut db = northstar(name);
        for file in db
            .files()
            .into_iter()
            .filter(|f| db.is_own(*f))
            .collect::<Vec<_>>()
        {
            let text = db.text(file).to_owned();
            // Of the whole text, and of one that ends there.
            for offset in (0..=text.len()).step_by(31) {
                let at = u32::try_from(offset).unwrap();
                completions(&db, file, at);
                plat_ide::hover::hover(&db, file, at);
                plat_ide::navigate::definition(&db, file, at);
            }
            for offset in (0..=text.len())
                .step_by(97)
                .filter(|at| text.is_char_boundary(*at))
            {
                db.set_text(file, &text[..offset]);
                completions(&db, file, u32::try_from(offset).unwrap());
                plat_ide::tokens::tokens(&db, file);
                plat_ide::folding::folds(&db, file);
                plat_ide::symbols::symbols(&db, file);
            }
            db.set_text(file, &text);
        }
    }
}
