//! Diagnostics as SARIF 2.1.0 (OASIS), for tools that collect findings.

use std::collections::BTreeSet;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use plat_model::Digest;
use plat_syntax::{Diagnostic, Explanation, Label, LineIndex, Severity, TextRange};
use serde_json::{Value, json};

use crate::report::Sources;

/// What stands in a path as it is: RFC 3986's unreserved characters, and the slash.
const IN_A_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What was found in a package.
pub struct Found {
    /// The package's name.
    pub package: String,
    /// The diagnostics.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that they speak of.
    pub sources: Sources,
}

/// A run for each package; places are relative to its directory.
pub fn log(packages: &[Found]) -> Value {
    let runs: Vec<Value> = packages.iter().map(run).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": runs,
    })
}

fn run(found: &Found) -> Value {
    let codes: BTreeSet<&str> = found.diagnostics.iter().map(|d| d.code).collect();
    let rules: Vec<Value> = codes.iter().map(|code| rule(code)).collect();
    let mut sorted: Vec<&Diagnostic> = found.diagnostics.iter().collect();
    sorted.sort_by(|a, b| a.order().cmp(&b.order()));
    let results: Vec<Value> = sorted
        .into_iter()
        .map(|diagnostic| {
            let index = codes.iter().position(|code| *code == diagnostic.code);
            result(diagnostic, index.unwrap_or(0), &found.sources)
        })
        .collect();
    json!({
        "tool": { "driver": {
            "name": "platc",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules,
        }},
        "automationDetails": { "id": format!("plat/check/{}/", found.package) },
        "columnKind": "unicodeCodePoints",
        "results": results,
    })
}

/// What `platc explain` says of a code.
fn rule(code: &str) -> Value {
    let mut all = plat_syntax::EXPLANATIONS
        .iter()
        .chain(plat_semantics::explanations());
    let title = all
        .find(|e: &&Explanation| e.code == code)
        .map_or("", |e| e.title);
    json!({
        "id": code,
        "shortDescription": { "text": title },
        "help": { "text": format!("`platc explain {code}` tells more") },
    })
}

fn result(diagnostic: &Diagnostic, rule: usize, sources: &Sources) -> Value {
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut message = diagnostic.message.clone();
    for more in diagnostic.notes.iter().chain(&diagnostic.help) {
        message.push('\n');
        message.push_str(more);
    }
    let related: Vec<Value> = diagnostic
        .labels()
        .skip(1)
        .enumerate()
        .map(|(id, label)| {
            let mut at = location(label, sources);
            let also = id >= diagnostic.related.len();
            let text = label.text.as_deref().or(also.then_some("and here"));
            if let (Some(at), Some(text)) = (at.as_object_mut(), text) {
                at.insert("id".to_owned(), json!(id));
                at.insert("message".to_owned(), json!({ "text": text }));
            }
            at
        })
        .collect();
    // The same finding has the same print wherever lines move to.
    let file = &diagnostic.primary.file;
    let print = format!("{}\n{file}\n{}", diagnostic.code, diagnostic.message);
    let print = Digest::of(print.as_bytes());
    let mut result = json!({
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": level,
        "message": { "text": message },
        "locations": [location(&diagnostic.primary, sources)],
        "relatedLocations": related,
        "partialFingerprints": { "plat/v1": print.as_str() },
    });
    if let (Some(result), Some(fix)) = (result.as_object_mut(), &diagnostic.fix) {
        let changes: Vec<Value> = fix
            .edits
            .iter()
            .map(|edit| {
                json!({
                    "artifactLocation": artifact(&edit.file),
                    "replacements": [{
                        "deletedRegion": region(sources.text(&edit.file), edit.range),
                        "insertedContent": { "text": edit.new_text },
                    }],
                })
            })
            .collect();
        let fix = json!([{ "description": { "text": fix.title }, "artifactChanges": changes }]);
        result.insert("fixes".to_owned(), fix);
    }
    result
}

fn location(label: &Label, sources: &Sources) -> Value {
    json!({ "physicalLocation": {
        "artifactLocation": artifact(&label.file),
        "region": region(sources.text(&label.file), label.range),
    }})
}

fn artifact(file: &str) -> Value {
    let uri = utf8_percent_encode(file, IN_A_PATH).to_string();
    json!({ "uri": uri, "uriBaseId": "%SRCROOT%" })
}

fn region(text: &str, range: TextRange) -> Value {
    let index = LineIndex::new(text);
    let (line, column) = index.line_column(text, range.start);
    let (end_line, end_column) = index.line_column(text, range.end);
    json!({
        "startLine": line,
        "startColumn": column,
        "endLine": end_line,
        "endColumn": end_column,
    })
}
