//! What a cluster's own description of its API says of objects.

use plat_kubernetes::cluster::Schemas;
use serde_json::{Value, json};

fn schemas() -> Schemas {
    let mut schemas = Schemas::default();
    schemas.add(
        "example.com/v1",
        json!({ "components": { "schemas": {
            "com.example.v1.Gear": {
                "type": "object",
                "required": ["spec"],
                "properties": {
                    "apiVersion": { "type": "string" },
                    "kind": { "type": "string" },
                    "metadata": { "type": "object" },
                    "spec": { "allOf": [{ "$ref": "#/components/schemas/com.example.v1.Spec" }], "default": {} },
                },
                "x-kubernetes-group-version-kind": [
                    { "group": "example.com", "version": "v1", "kind": "Gear" },
                ],
            },
            "com.example.v1.Spec": {
                "type": "object",
                "required": ["size", "mode"],
                "properties": {
                    "size": { "type": "integer" },
                    "mode": { "type": "string", "enum": ["on", "off"], "default": "on" },
                    "port": { "x-kubernetes-int-or-string": true },
                    "memory": { "oneOf": [{ "type": "string" }, { "type": "number" }] },
                    "teeth": { "type": "array", "items": { "$ref": "#/components/schemas/com.example.v1.Tooth" } },
                    "labels": { "type": "object", "additionalProperties": { "type": "string" } },
                    "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": { "a": { "type": "boolean" } } },
                },
            },
            "com.example.v1.Tooth": { "type": "object", "properties": { "sharp": { "type": "boolean" } } },
        } } }),
    );
    schemas
}

fn mistakes(spec: &Value) -> Vec<String> {
    let object = json!({
        "apiVersion": "example.com/v1", "kind": "Gear",
        "metadata": { "name": "g", "labels": { "a": "b" } }, "spec": spec,
    });
    let told = schemas().mistakes(&object);
    for mistake in &told {
        // What is only missing may still be said by what changes objects on their way in.
        assert_eq!(mistake.is_missing, mistake.what.ends_with("is missing"));
    }
    told.into_iter().map(|mistake| mistake.what).collect()
}

#[test]
fn an_object_as_described_has_no_mistake() {
    for spec in [
        json!({ "size": 3 }),
        json!({ "size": 3, "mode": "off", "port": "http", "memory": 5, "labels": { "x": "y" } }),
        json!({ "size": 3, "port": 80, "memory": "1Gi", "teeth": [{ "sharp": true }, {}] }),
        json!({ "size": 3, "mode": null, "free": { "a": true, "b": [1] } }),
    ] {
        assert_eq!(mistakes(&spec), Vec::<String>::new(), "{spec}");
    }
}

#[test]
fn each_mistake_is_told_at_its_field() {
    for (spec, told) in [
        (json!({}), "`spec.size` is missing"),
        (json!({ "size": "3" }), "`spec.size` takes a whole number"),
        (json!({ "size": 1.5 }), "`spec.size` takes a whole number"),
        (
            json!({ "size": 3, "sise": 4 }),
            "`spec.sise` is no field that the cluster knows",
        ),
        (
            json!({ "size": 3, "mode": "up" }),
            "`spec.mode` takes \"on\" or \"off\", not \"up\"",
        ),
        (
            json!({ "size": 3, "port": true }),
            "`spec.port` takes a whole number or a text",
        ),
        (
            json!({ "size": 3, "teeth": [{}, { "sharp": "very" }] }),
            "`spec.teeth.1.sharp` takes true or false",
        ),
        (
            json!({ "size": 3, "teeth": {} }),
            "`spec.teeth` takes a list",
        ),
        (
            json!({ "size": 3, "labels": { "x": 1 } }),
            "`spec.labels.x` takes a text",
        ),
        (json!(3), "`spec` takes an object"),
    ] {
        assert_eq!(mistakes(&spec), [told], "{spec}");
    }
}

#[test]
fn of_what_is_not_described_nothing_is_said() {
    let other = json!({ "apiVersion": "example.com/v2", "kind": "Gear", "spec": { "sise": 1 } });
    assert_eq!(schemas().mistakes(&other), []);
    let other = json!({ "apiVersion": "example.com/v1", "kind": "Wheel", "sise": 1 });
    assert_eq!(schemas().mistakes(&other), []);
}
