//! What is wrong, when it is asked for, and what can be done about it.

use std::collections::BTreeMap;

use gen_lsp_types::{
    CodeAction, CodeActionKind, CodeActionParams, FullDocumentDiagnosticReport, Uri,
    WorkspaceDiagnosticReport, WorkspaceDocumentDiagnosticReport,
    WorkspaceFullDocumentDiagnosticReport,
};
use plat_ide::assists::{self, Assist, AssistKind};
use plat_ide::moved::{self, Earlier};
use plat_ide::{Diagnostic, Severity, TextRange, fixes};
use serde_json::{Value, json};

use super::{Asked, Here, Refusal, read, write};
use crate::diagnostics;
use crate::package::{MANIFEST, Snapshot};
use crate::position::Lines;

/// `textDocument/codeAction`
pub fn actions(asked: &Asked, params: Value) -> Result<Value, Refusal> {
    let params: CodeActionParams = read(params)?;
    let Some(here) = asked.here() else {
        return Ok(Value::Null);
    };
    let wanted = |kind: &CodeActionKind| {
        let only = params.context.only.as_deref();
        only.is_none_or(|only| {
            only.contains(kind)
                || *kind != CodeActionKind::QuickFix && only.contains(&CodeActionKind::Refactor)
        })
    };
    let mut actions: Vec<CodeAction> = Vec::new();
    if wanted(&CodeActionKind::QuickFix) {
        let range = here.range(params.range);
        for diagnostic in of_file(&here) {
            let touched = touches(diagnostic.primary.range, range);
            if touched {
                actions.extend(quick_fix(asked, &here, &diagnostic));
            }
        }
    }
    let kinds = [
        CodeActionKind::QuickFix,
        CodeActionKind::RefactorExtract,
        CodeActionKind::RefactorInline,
        CodeActionKind::RefactorRewrite,
    ];
    if kinds.iter().any(wanted) {
        let range = here.range(params.range);
        let mut all = assists::assists(&here.snapshot.db, here.file, range);
        if wanted(&CodeActionKind::QuickFix) {
            all.extend(renames(asked, &here, range));
        }
        for assist in all {
            let kind = match assist.kind {
                AssistKind::Repair => CodeActionKind::QuickFix,
                AssistKind::Extract => CodeActionKind::RefactorExtract,
                AssistKind::Inline => CodeActionKind::RefactorInline,
                AssistKind::Rewrite => CodeActionKind::RefactorRewrite,
            };
            let edit = here.snapshot.workspace_edit(assist.edits, &asked.client);
            if let Some(edit) = edit.filter(|_| wanted(&kind)) {
                actions.push(CodeAction {
                    title: assist.title,
                    kind: Some(kind),
                    edit: Some(edit),
                    ..CodeAction::default()
                });
            }
        }
    }
    write(actions)
}

/// The `moved`s that keep what is deployed, for the declaration at a range: by what the last commit
/// has, and by what was last applied on this machine.
fn renames(asked: &Asked, here: &Here<'_>, range: TextRange) -> Vec<Assist> {
    let (snapshot, db) = (here.snapshot, &here.snapshot.db);
    let (false, Some(symbol)) = (snapshot.alone, moved::at(db, here.file, range.start)) else {
        return Vec::new();
    };
    let mut earlier = vec![Earlier {
        told_by: "the last commit".to_owned(),
        declarations: db.deployed_then(snapshot.committed(&*asked.host)),
    }];
    let app = db.app_name().unwrap_or_default();
    for environment in db.environments() {
        // Every other target keeps its record with itself, or where it is told to.
        let here = environment.target.as_deref() == Some("local");
        if !here || environment.says_state || !environment.keys.is_empty() {
            continue;
        }
        let graph = asked.host.applied(&snapshot.root, &app, &environment.name);
        earlier.extend(graph.map(|graph| Earlier::applied(&graph)));
    }
    moved::moved(db, &symbol, &earlier)
}

fn touches(a: TextRange, b: TextRange) -> bool {
    a.start <= b.end && b.start <= a.end
}

fn quick_fix(asked: &Asked, here: &Here<'_>, diagnostic: &Diagnostic) -> Option<CodeAction> {
    let (title, edits) = fixes::fix(&here.snapshot.db, diagnostic)?;
    Some(CodeAction {
        title,
        kind: Some(CodeActionKind::QuickFix),
        diagnostics: Some(vec![here.snapshot.diagnostic(
            diagnostic,
            &here.lines,
            here.encoding,
        )]),
        is_preferred: Some(true),
        edit: Some(here.snapshot.workspace_edit(edits, &asked.client)?),
        ..CodeAction::default()
    })
}

/// What is wrong in a file: of its source; if that is good, in every environment too.
fn of_file(here: &Here<'_>) -> Vec<Diagnostic> {
    let snapshot = here.snapshot;
    let found = diagnostics::of_source(snapshot, here.file);
    let wrong = found.iter().any(|d| d.severity == Severity::Error);
    if wrong || snapshot.only_texts() {
        return found;
    }
    let shown = snapshot.db.shown_name(here.file);
    let mut all = snapshot.db.diagnostics_telling(&|_| {});
    all.retain(|d| d.primary.file == shown);
    all
}

/// `textDocument/diagnostic`
pub fn of_document(asked: &Asked, _: Value) -> Result<Value, Refusal> {
    let mut items = Vec::new();
    for here in asked.everywhere() {
        let found = of_file(&here).into_iter();
        let found = found.map(|d| here.snapshot.diagnostic(&d, &here.lines, here.encoding));
        add(&mut items, found);
    }
    let encoding = asked.client.encoding;
    for snapshot in &asked.packages {
        let path = asked.path.as_deref();
        for diagnostic in snapshot.unreadable.iter() {
            let file = &diagnostic.primary.file;
            if snapshot.files.path_of_shown(file) == path
                && let Some((_, text)) = snapshot.shown(file)
            {
                let lines = Lines::new(text, encoding);
                add(
                    &mut items,
                    [snapshot.diagnostic(diagnostic, &lines, encoding)],
                );
            }
        }
    }
    Ok(json!({ "kind": "full", "items": write(items)? }))
}

/// What several packages find in a file that they have in common is told once.
fn add<T: PartialEq>(items: &mut Vec<T>, found: impl IntoIterator<Item = T>) {
    for one in found {
        if !items.contains(&one) {
            items.push(one);
        }
    }
}

/// `workspace/diagnostic`
pub fn of_all(asked: &Asked, _: Value) -> Result<Value, Refusal> {
    let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for snapshot in &asked.packages {
        for (uri, found) in of_package(asked, snapshot) {
            add(all.entry(uri.0).or_default(), found);
        }
    }
    let items = all.into_iter().map(|(uri, items)| {
        WorkspaceDocumentDiagnosticReport::WorkspaceFullDocumentDiagnosticReport(
            WorkspaceFullDocumentDiagnosticReport {
                uri: Uri(uri),
                version: None,
                full_document_diagnostic_report: FullDocumentDiagnosticReport {
                    result_id: None,
                    items,
                },
            },
        )
    });
    write(WorkspaceDiagnosticReport {
        items: items.collect(),
    })
}

/// What is wrong in each file of a package; those too in which nothing is wrong any more.
fn of_package(asked: &Asked, snapshot: &Snapshot) -> Vec<(Uri, Vec<gen_lsp_types::Diagnostic>)> {
    let encoding = asked.client.encoding;
    let found = diagnostics::of_package(snapshot, &|_| {});
    let mut by_file: BTreeMap<String, Vec<Diagnostic>> = BTreeMap::new();
    for file in snapshot.db.files() {
        if snapshot.db.is_own(file) {
            by_file.insert(snapshot.db.shown_name(file).to_string(), Vec::new());
        }
    }
    by_file.insert(MANIFEST.to_owned(), Vec::new());
    for diagnostic in found {
        let file = diagnostic.primary.file.to_string();
        by_file.entry(file).or_default().push(diagnostic);
    }
    let reports = by_file.into_iter().filter_map(|(shown, found)| {
        let (uri, text) = snapshot.shown(&shown)?;
        let lines = Lines::new(text, encoding);
        let found = found.iter();
        let found = found.map(|d| snapshot.diagnostic(d, &lines, encoding));
        Some((uri, found.collect()))
    });
    reports.collect()
}
