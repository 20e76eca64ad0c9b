//! What a plan found, as SARIF 2.1.0 (OASIS), for tools that collect findings. Pure.
//!
//! Findings are what somebody should look at: what keeps the plan from being applied, data that
//! is lost, what was changed outside of the source, what could not be read, and promises that
//! the target does not keep. Ordinary changes are no findings.

use plat_model::{Digest, Place};
use serde_json::{Value as Json, json};

use super::{conflict_text, drift_text, name_of};
use crate::backend::NoteKind;
use crate::plan::{DataFate, NodeAction};
use crate::view::PlanView;

/// A rule: its id, what it says, and how grave it is.
struct Rule {
    id: &'static str,
    says: &'static str,
    level: &'static str,
}

const RULES: [Rule; 10] = [
    Rule {
        id: "plan/stops",
        says: "The plan can't be applied",
        level: "error",
    },
    Rule {
        id: "plan/warning",
        says: "Good to know before it is applied",
        level: "warning",
    },
    Rule {
        id: "plan/policy",
        says: "A policy warns of it",
        level: "warning",
    },
    Rule {
        id: "plan/data-lost",
        says: "Data is lost for good",
        level: "warning",
    },
    Rule {
        id: "plan/destroyed",
        says: "A declaration is destroyed or made anew",
        level: "note",
    },
    Rule {
        id: "plan/drift",
        says: "Changed outside of the source",
        level: "warning",
    },
    Rule {
        id: "plan/conflict",
        says: "Somebody else holds what the source says",
        level: "warning",
    },
    Rule {
        id: "plan/unknown",
        says: "It could not be read, so nothing is planned for it",
        level: "warning",
    },
    Rule {
        id: "plan/weakened",
        says: "The target keeps this in part",
        level: "note",
    },
    Rule {
        id: "plan/not-built",
        says: "Without effect on this target yet",
        level: "note",
    },
];

/// What a plan found, as a SARIF log.
pub fn render_sarif(view: &PlanView) -> Json {
    let mut results = Vec::new();
    let mut add = |rule: &str, message: String, place: Option<&Place>| {
        results.push(result(rule, &message, place));
    };
    for problem in &view.problems {
        let rule = if problem.stops {
            "plan/stops"
        } else {
            "plan/warning"
        };
        let next = problem
            .next
            .as_ref()
            .map_or_else(String::new, |next| format!(". {next}"));
        add(
            rule,
            format!("{}{next}", problem.message),
            problem.place.as_ref(),
        );
    }
    for policy in &view.policies {
        for warning in &policy.warnings {
            let message = format!("{}: {}", policy.name, warning.message);
            add("plan/policy", message, warning.place.as_ref());
        }
    }
    for change in &view.changes {
        for operation in &change.operations {
            if operation.data == DataFate::Destroyed {
                let what = operation.holds.as_deref().unwrap_or(&operation.label);
                add(
                    "plan/data-lost",
                    format!("{what}: lost for good"),
                    change.place.as_ref(),
                );
            }
        }
        let what = match change.what {
            NodeAction::Destroy => "is destroyed",
            NodeAction::Replace => "is made anew",
            _ => continue,
        };
        add(
            "plan/destroyed",
            format!("{} {what}", name_of(change)),
            change.place.as_ref(),
        );
    }
    for drift in &view.drift {
        let place = view
            .changes
            .iter()
            .find(|c| c.node.is_some() && c.node == drift.node);
        add(
            "plan/drift",
            drift_text(drift),
            place.and_then(|c| c.place.as_ref()),
        );
    }
    for conflict in &view.conflicts {
        add("plan/conflict", conflict_text(conflict), None);
    }
    for blocked in &view.blocked {
        add(
            "plan/unknown",
            format!("{}: {}", blocked.label, blocked.why),
            None,
        );
    }
    for note in &view.notes {
        let rule = match note.kind {
            NoteKind::Weakened => "plan/weakened",
            NoteKind::NotBuilt => "plan/not-built",
            NoteKind::Info => continue,
        };
        let about = match (&note.node, &note.field) {
            (Some(node), Some(field)) => format!("{node}.{field}: "),
            (Some(node), None) => format!("{node}: "),
            _ => String::new(),
        };
        add(
            rule,
            format!("{about}{}", note.message),
            note.place.as_ref(),
        );
    }
    let rules: Vec<Json> = RULES
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id,
                "shortDescription": { "text": rule.says },
                "defaultConfiguration": { "level": rule.level },
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "platc",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "automationDetails": { "id": format!("plat/plan/{}/{}/", view.app, view.environment) },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(rule: &str, message: &str, place: Option<&Place>) -> Json {
    let index = RULES.iter().position(|r| r.id == rule).unwrap_or(0);
    let level = RULES.get(index).map_or("note", |r| r.level);
    // A finding without a place is one of the package.
    let (file, line, column) = place.map_or(("plat.toml", 1, 1), |p| {
        (p.file.as_str(), p.line.max(1), p.column.max(1))
    });
    // The same finding has the same print wherever lines move to.
    let print = Digest::of(format!("{rule}\n{message}").as_bytes());
    json!({
        "ruleId": rule,
        "ruleIndex": index,
        "level": level,
        "message": { "text": message },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": uri(file), "uriBaseId": "%SRCROOT%" },
            "region": { "startLine": line, "startColumn": column },
        }}],
        "partialFingerprints": { "plat/v1": print.as_str() },
    })
}

/// A path as a relative reference of RFC 3986.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-._~/@+".contains(&byte);
        if plain {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
