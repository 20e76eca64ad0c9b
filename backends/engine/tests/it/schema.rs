//! The documented form of a plan is the form that plans have: `docs/plan.schema.json`.

use std::collections::BTreeSet;

use plat_engine::{DataWord, PlanView, Words};
use serde_json::Value as Json;

use crate::app::graph;
use crate::world::Fault;
use crate::{Bench, judged, run};

fn schema() -> Json {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/plan.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Plans that together have every field and every word there is.
async fn plans() -> Vec<PlanView> {
    let shop = "store db size=1GiB region=north\nthing api prod:scale=2 needs=db url=http://a/\n\
                thing old\nstore logs\nbudget 900USD/month";
    let bench = Bench::new();
    let first = bench.up(shop).await;
    let judging = bench.engine().judged(vec![judged()]);
    let judging = judging.plan(&graph(shop), &Words::default()).await.unwrap();
    bench.fake.with(|world| {
        world.things.get_mut(&"thing/api".into()).unwrap().stopped = true;
        world.things.remove(&"thing/old".into());
        let db = world.things.get_mut(&"store/db".into()).unwrap();
        db.spec["size"] = 5.into();
        db.version += 1;
        world.touched.insert(
            "store/db".into(),
            plat_engine::Changed {
                by: Some("kubectl".into()),
                at: Some(1_700_000_000_000),
                held: vec![plat_engine::HeldField {
                    path: "size".into(),
                    by: "kubectl".into(),
                    value: Some(5.into()),
                }],
            },
        );
        world.unreadable.insert("store/logs".into());
        world.problems = vec![plat_engine::Problem {
            stops: true,
            node: Some("api".into()),
            place: None,
            message: "no".into(),
            next: Some("do".into()),
        }];
    });
    let healing = bench.plan(shop).await.unwrap();
    bench.fake.with(|world| {
        world.unreadable.clear();
        world.problems.clear();
    });
    let words = Words {
        data: DataWord::Of(["db".to_owned()].into()),
        ..Words::default()
    };
    let changed = "store db size=1GiB region=south\nthing api needs=db memory=512\nthing new\n\
                   store main name=logs\nmoved logs to main";
    let changing = bench.engine().plan(&graph(changed), &words).await.unwrap();
    let destroying = bench
        .engine()
        .plan_destroy(&Words::default(), &[])
        .await
        .unwrap();
    let fresh = Bench::new();
    fresh
        .fake
        .with(|w| w.faults.insert("thing/api".into(), vec![Fault::NotReady]));
    let plan = fresh.plan(shop).await.unwrap();
    fresh.apply(&plan).await.unwrap();
    let resuming = fresh.plan(shop).await.unwrap();
    let mut returning = bench.engine().plan_return(Some(1), &words).await.unwrap();
    returning.secrets = vec![plat_engine::SecretReturn {
        target: plat_model::TargetId::main(),
        name: "key".into(),
        version: "1".into(),
        since: 1_700_000_000_000,
    }];
    let plans = [
        first, judging, healing, changing, destroying, resuming, returning,
    ];
    let mut views: Vec<PlanView> = plans.iter().map(PlanView::of).collect();
    views.push(PlanView::comparing(
        &graph(shop),
        &graph(changed),
        "a",
        "b",
        &plat_model::Cases::default(),
    ));
    views
}

/// Of a value there is no form but the one its store reads: what is written as data holds
/// references, and what is shown for those who look for mistakes holds nothing.
#[test]
fn no_secret_value_can_be_written() {
    let value = plat_engine::SecretValue::new("hunter2");
    assert_eq!(format!("{value:?}"), "SecretValue(…)");
    let lost = plat_engine::SecretReturn {
        target: plat_model::TargetId::main(),
        name: "stripe_key".into(),
        version: "3f9c".into(),
        since: 1,
    };
    let expected = serde_json::json!({
        "target": "main", "name": "stripe_key", "version": "3f9c", "since": 1,
    });
    assert_eq!(serde_json::to_value(&lost).unwrap(), expected);
}

#[test]
fn plans_are_as_they_are_documented() {
    let schema = jsonschema::validator_for(&schema()).unwrap();
    for view in run(plans()) {
        let view = serde_json::to_value(view).unwrap();
        let errors: Vec<String> = schema
            .iter_errors(&view)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new());
    }
}

#[test]
fn every_field_has_its_sentence() {
    let mut silent = Vec::new();
    described(&schema(), "", &mut silent);
    assert_eq!(silent, Vec::<String>::new());
}

/// Collects the properties that say nothing of themselves.
fn described(at: &Json, path: &str, silent: &mut Vec<String>) {
    let Json::Object(map) = at else {
        return;
    };
    for (name, property) in map
        .get("properties")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
    {
        let path = format!("{path}.{name}");
        if property.get("description").is_none() && property.get("$ref").is_none() {
            silent.push(path.clone());
        }
        described(property, &path, silent);
    }
    for (name, definition) in map
        .get("$defs")
        .and_then(Json::as_object)
        .into_iter()
        .flatten()
    {
        described(definition, name, silent);
    }
    if map.get("type") == Some(&"object".into())
        && map.get("additionalProperties") != Some(&false.into())
    {
        silent.push(format!("{path} takes what is not documented"));
    }
}

/// What is documented and never there would be a promise that nobody keeps.
#[test]
fn every_documented_field_is_one_that_plans_have() {
    let schema = schema();
    let mut documented = BTreeSet::new();
    names(&schema, &mut documented);
    for definition in schema["$defs"].as_object().unwrap().values() {
        names(definition, &mut documented);
    }
    let mut found = BTreeSet::new();
    for view in run(plans()) {
        keys(&serde_json::to_value(view).unwrap(), &mut found);
    }
    let missing: Vec<_> = documented.difference(&found).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn names(schema: &Json, out: &mut BTreeSet<String>) {
    let properties = schema.get("properties").and_then(Json::as_object);
    out.extend(properties.into_iter().flat_map(|p| p.keys().cloned()));
}

fn keys(value: &Json, out: &mut BTreeSet<String>) {
    match value {
        Json::Object(map) => {
            for (name, value) in map {
                out.insert(name.clone());
                keys(value, out);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| keys(item, out)),
        _ => {}
    }
}
