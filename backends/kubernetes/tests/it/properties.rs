//! What holds for every app.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::prelude::*;
use serde_json::Value;

use crate::program::{lowered, shown};

/// A program of services and databases with any names that the language takes, linked at random.
fn program() -> impl Strategy<Value = String> {
    let name = "[a-z][a-z0-9_]{0,70}[a-z0-9]";
    let names = proptest::collection::btree_set(name, 1..8);
    let links = proptest::collection::vec((any::<u8>(), any::<u8>()), 0..12);
    let kinds = proptest::collection::vec(0..5u8, 8);
    let (app, prefix) = ("[a-z][a-z0-9]{0,60}", "([a-z]{1,9}-)?");
    (names, links, kinds, app, prefix).prop_map(|(names, links, kinds, app, prefix)| {
        // Two names of one external name are an error of the language.
        let mut seen = BTreeSet::new();
        let names: Vec<String> = names
            .into_iter()
            .map(|name| format!("n{}", name.trim_matches('_').replace("__", "_")))
            .filter(|name| seen.insert(name.replace('_', "-")))
            .collect();
        let mut text = format!("app {app}x\n");
        for (i, name) in names.iter().enumerate() {
            let kind = ["service", "worker", "postgres", "redis", "queue"][usize::from(kinds[i])];
            let mut reached = BTreeSet::new();
            for (from, to) in &links {
                let (from, to) = (
                    usize::from(*from) % names.len(),
                    usize::from(*to) % names.len(),
                );
                if from == i && to != i {
                    reached.insert(to);
                }
            }
            match kind {
                "service" | "worker" => {
                    let mut env = String::new();
                    for to in reached {
                        let out = match kinds[to] {
                            0 => "url",
                            2 => "url",
                            3 => "password",
                            4 => "send",
                            _ => continue,
                        };
                        let _ = writeln!(env, "        V{to} = {}.{out}", names[to]);
                    }
                    let _ = writeln!(
                        text,
                        "{kind} {name} {{\n    run = image(\"x:1\")\n    env = {{\n{env}    }}\n}}"
                    );
                }
                _ => {
                    let _ = writeln!(text, "{kind} {name} {{}}");
                }
            }
        }
        let _ = writeln!(
            text,
            "env prod {{ target = kubernetes {{ context = \"c\", prefix = \"{prefix}\" }} }}"
        );
        text
    })
}

/// Every value under a key, at any depth.
fn under<'v>(value: &'v Value, key: &str, out: &mut Vec<&'v Value>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                if name == key {
                    out.push(value);
                }
                under(value, key, out);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| under(item, key, out)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn names_and_labels_keep_to_the_rules(text in program()) {
        let lowered = lowered(&text).unwrap();
        let mut names = BTreeSet::new();
        let ids: BTreeSet<_> = lowered.objects.iter().map(|o| o.id.clone()).collect();
        for object in &lowered.objects {
            let spec = &object.spec;
            let kind = spec["kind"].as_str().unwrap().to_owned();
            let name = spec["metadata"]["name"].as_str().unwrap();
            prop_assert!(names.insert((kind.clone(), name.to_owned())), "{kind} {name} twice");
            prop_assert!(name.len() <= 63 && !name.ends_with('-'), "{name}");
            prop_assert!(
                name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-')),
                "{name}"
            );
            if kind == "StatefulSet" || kind == "CronJob" {
                prop_assert!(name.len() <= 52, "{name}");
            }
            let mut labels = Vec::new();
            under(spec, "labels", &mut labels);
            under(spec, "matchLabels", &mut labels);
            for (key, value) in labels.iter().flat_map(|l| l.as_object().unwrap()) {
                let value = value.as_str().unwrap();
                prop_assert!(value.len() <= 63, "{key}: {value}");
                let ends = |c: char| c.is_ascii_alphanumeric();
                prop_assert!(value.starts_with(ends) && value.ends_with(ends), "{key}: {value}");
            }
            for after in &object.after {
                prop_assert!(ids.contains(after), "{} waits for {after}", object.id);
            }
        }
    }

    #[test]
    fn the_same_program_gives_the_same_bytes(text in program()) {
        prop_assert_eq!(shown(&text), shown(&text));
    }

    #[test]
    fn what_selects_finds_its_own_pods_alone(text in program()) {
        let lowered = lowered(&text).unwrap();
        let mut pods = Vec::new();
        for object in &lowered.objects {
            if let Some(labels) = object.spec.pointer("/spec/template/metadata/labels") {
                pods.push((object.node.clone(), object.spec["kind"].clone(), labels.clone()));
            }
        }
        for object in lowered.objects.iter().filter(|o| o.spec["kind"] == "Service") {
            let selector = object.spec["spec"]["selector"].as_object().unwrap();
            let found: Vec<_> = pods
                .iter()
                .filter(|(_, _, labels)| selector.iter().all(|(k, v)| labels.get(k) == Some(v)))
                .collect();
            prop_assert_eq!(found.len(), 1, "{}", object.id);
            prop_assert_eq!(&found[0].0, &object.node);
        }
    }
}
