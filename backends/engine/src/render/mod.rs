//! A plan as people read it: on a terminal here, elsewhere in [`markdown`] and [`sarif`]. Pure:
//! colours and width are given.

mod markdown;
mod markdown_text;
mod page;
mod sarif;

pub use self::markdown::{Markdown, marker, render_markdown};
pub use self::sarif::render_sarif;

use self::page::{Line, Page, Role, columns};
use crate::backend::{Note, NoteKind};
use crate::plan::{
    Action, Conflict, DataFate, Drift, DriftKind, Goal, NodeAction, PolicyResult, SpecChange,
};
use crate::time::utc;
use crate::view::{ChangeView, FieldView, OperationView, PlanView};

/// How text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// With ANSI colours.
    pub color: bool,
    /// How many columns there are.
    pub width: usize,
    /// Whether the plan is kept, so that it can be applied by its id.
    pub kept: bool,
}

impl Default for Style {
    /// Plain, 100 columns wide.
    fn default() -> Self {
        Self {
            color: false,
            width: 100,
            kept: false,
        }
    }
}

/// The longest value that is shown whole.
const VALUE: usize = 60;

/// The plan as text, each line ended.
pub fn render_text(view: &PlanView, style: &Style) -> String {
    let mut writer = Writer {
        page: Page::new(*style),
        new: false,
    };
    writer.head(view);
    writer.drift(view);
    writer.conflicts(view);
    for change in &view.changes {
        writer.change(change);
    }
    writer.blocked(view);
    if !view.nothing_to_do {
        writer.notes(view);
    }
    writer.problems(view);
    if !view.nothing_to_do {
        writer.policies(view);
    }
    writer.foot(view);
    writer.page.text()
}

/// The plan as it is written down, section by section.
struct Writer {
    page: Page,
    /// Whether the declaration that is being told of is a new one.
    new: bool,
}

impl Writer {
    fn add(&mut self, line: Line) {
        self.page.add(line);
    }

    fn gap(&mut self) {
        self.page.gap();
    }

    fn head(&mut self, view: &PlanView) {
        let mut line =
            Line::new().push(Role::Strong, format!("{} → {}", view.app, view.environment));
        if !view.targets.is_empty() {
            line = line.push(Role::Dim, format!("   {}", view.targets.join(", ")));
        }
        if let Some(compared) = &view.compares {
            let text = format!("   {} → {}", compared.from, compared.to);
            line = line.push(Role::Change, text);
        }
        match view.goal {
            Goal::Apply => {}
            Goal::Destroy => line = line.push(Role::Remove, "   destroy"),
            Goal::Adopt => line = line.push(Role::Change, "   take on record"),
        }
        if let Some(number) = view.returns_to {
            line = line.push(Role::Change, format!("   back to release {number}"));
        }
        self.add(line);
        self.gap();
        for secret in &view.secrets {
            self.add(
                Line::new()
                    .push(Role::Change, "  ~ ")
                    .push(Role::Strong, format!("secret {}", secret.name))
                    .push(Role::Plain, format!("   {}", secret_text(secret.since))),
            );
        }
        self.gap();
    }

    /// What those say that warn stands above the plan, with the source.
    fn policies(&mut self, view: &PlanView) {
        if view.policies.is_empty() {
            return;
        }
        self.gap();
        let text = format!("  policies: {}", policies_line(&view.policies));
        self.add(Line::new().push(Role::Plain, text).folding());
        self.gap();
    }

    fn drift(&mut self, view: &PlanView) {
        if view.drift.is_empty() {
            return;
        }
        self.add(Line::new().push(
            Role::Plain,
            "  since the last apply, and not by the source:",
        ));
        for drift in &view.drift {
            self.add(
                Line::new()
                    .push(Role::Change, "    ! ")
                    .push(Role::Plain, drift_text(drift))
                    .folding(),
            );
        }
        self.gap();
    }

    fn conflicts(&mut self, view: &PlanView) {
        if view.conflicts.is_empty() {
            return;
        }
        self.add(Line::new().push(Role::Plain, "  held by others:"));
        for conflict in &view.conflicts {
            self.add(
                Line::new()
                    .push(Role::Change, "    ! ")
                    .push(Role::Plain, conflict_text(conflict))
                    .folding(),
            );
        }
        self.gap();
    }

    fn change(&mut self, change: &ChangeView) {
        // New things and those that go stand close together; what changes stands for itself.
        let alone = !matches!(change.what, NodeAction::Create | NodeAction::Destroy);
        if alone {
            self.gap();
        }
        self.new = change.what == NodeAction::Create;
        let (sign, role) = match change.what {
            NodeAction::Destroy => ("-", Role::Remove),
            NodeAction::Replace => ("±", Role::Remove),
            NodeAction::Create => ("+", Role::Add),
            NodeAction::Change => ("~", Role::Change),
            NodeAction::Heal => ("*", Role::Change),
            NodeAction::Move => (">", Role::Change),
        };
        let mut line = Line::new()
            .push(role, format!("  {sign} "))
            .push(Role::Strong, name_of(change));
        if let Some(from) = &change.moved_from {
            line = line.push(Role::Dim, format!("   was {from}"));
        }
        match change.what {
            NodeAction::Replace => line = line.push(role, "   made anew"),
            NodeAction::Heal => {
                line = line.push(Role::Dim, format!("   {}", healed(&change.operations)));
            }
            _ => {}
        }
        self.add(line.at(change.place.as_ref(), None));
        let fields: Vec<_> = change.fields.iter().filter(|f| shown(change, f)).collect();
        let widest = fields.iter().map(|f| columns(f.field.as_str())).max();
        let widest = widest.unwrap_or(0).clamp(9, 28);
        for field in fields {
            self.field(field, widest);
        }
        for operation in &change.operations {
            self.data(operation);
        }
        for operation in &change.operations {
            self.operation(change, operation);
        }
        if alone {
            self.gap();
        }
    }

    fn field(&mut self, field: &FieldView, widest: usize) {
        let name = field.field.as_str();
        let mut line = Line::new()
            .push(Role::Plain, format!("      {name:widest$} "))
            .at(field.place.as_ref(), field.set_by.as_deref());
        // Two values and an arrow share what the name and the place leave.
        let taken = line.len() + columns(&line.place) + 8;
        let most = (self.page.style.width.saturating_sub(taken) / 2).clamp(12, VALUE);
        let new = field.new.as_deref().unwrap_or("none");
        line = match &field.old {
            Some(old) => {
                let (old, new) = short_pair(old, new, most);
                line.push(Role::Dim, old)
                    .push(Role::Plain, format!(" → {new}"))
            }
            None if self.new => line.push(Role::Plain, clipped_to(new, most * 2)),
            None => line
                .push(Role::Dim, "none")
                .push(Role::Plain, format!(" → {}", clipped_to(new, most))),
        };
        if field.replaces {
            line = line.push(Role::Remove, "   makes it anew");
        }
        self.add(line);
    }

    /// What becomes of data, said for each thing that holds some.
    fn data(&mut self, operation: &OperationView) {
        let what = operation.holds.as_deref().unwrap_or("its data");
        let line = Line::new().push(Role::Plain, "      data      ");
        match operation.data {
            DataFate::Untouched => {}
            DataFate::Kept => self.add(
                line.push(
                    Role::Plain,
                    format!("{what}: kept, for when it is made again"),
                )
                .folding(),
            ),
            DataFate::Destroyed => {
                self.add(
                    line.push(Role::Remove, format!("{what}: lost for good"))
                        .folding(),
                );
            }
        }
    }

    /// What is done to the target, where the lines above don't say it already.
    fn operation(&mut self, change: &ChangeView, operation: &OperationView) {
        let said = change.fields.iter().any(|f| f.replaces) && operation.action == Action::Replace
            || change.what == NodeAction::Heal;
        let how = operation.how.as_ref().filter(|_| !said);
        let several = change.operations.len() > 1;
        let changes = if change.fields.is_empty() || several {
            spec_changes(&operation.changes)
        } else {
            String::new()
        };
        let verb = match operation.action {
            Action::Create if change.what != NodeAction::Create => "makes ",
            Action::Delete if change.what != NodeAction::Destroy => "removes ",
            Action::Adopt if change.what != NodeAction::Heal => "takes on record ",
            Action::Resume if change.what != NodeAction::Heal => "starts ",
            _ => "",
        };
        let worth_it = how.is_some() || !changes.is_empty();
        if !worth_it && (verb.is_empty() || change.what == NodeAction::Heal) {
            return;
        }
        let mut line = Line::new().push(Role::Dim, format!("        {verb}{}", operation.object));
        if let Some(how) = how {
            line = line.push(Role::Plain, format!("   {how}"));
        }
        if !changes.is_empty() {
            line = line.push(Role::Dim, format!("   {changes}"));
        }
        self.add(line);
    }

    fn blocked(&mut self, view: &PlanView) {
        if view.blocked.is_empty() {
            return;
        }
        self.gap();
        self.add(Line::new().push(Role::Plain, "  nothing is planned for these:"));
        for blocked in &view.blocked {
            self.add(
                Line::new()
                    .push(Role::Change, "    ? ")
                    .push(Role::Plain, blocked.label.clone())
                    .push(Role::Dim, format!(": {}", blocked.why))
                    .folding(),
            );
        }
    }

    fn notes(&mut self, view: &PlanView) {
        for (kind, title) in [
            (NoteKind::Weakened, "  kept in part on this target:"),
            (NoteKind::NotBuilt, "  without effect on this target yet:"),
            (NoteKind::Info, "  good to know:"),
        ] {
            let notes: Vec<&Note> = view.told_notes().filter(|n| n.kind == kind).collect();
            if notes.is_empty() {
                continue;
            }
            self.gap();
            self.add(Line::new().push(Role::Plain, title));
            for note in notes {
                let about = match (&note.node, &note.field) {
                    (Some(node), Some(field)) => format!("{node}.{field}: "),
                    (Some(node), None) => format!("{node}: "),
                    _ => String::new(),
                };
                self.add(
                    Line::new()
                        .push(Role::Plain, format!("    {about}"))
                        .push(Role::Dim, note.message.clone())
                        .at(note.place.as_ref(), None)
                        .folding(),
                );
            }
        }
    }

    fn problems(&mut self, view: &PlanView) {
        for (stops, title, role) in [
            (false, "  before it begins:", Role::Change),
            (true, "  this can't be applied:", Role::Remove),
        ] {
            let problems: Vec<_> = view.problems.iter().filter(|p| p.stops == stops).collect();
            if problems.is_empty() {
                continue;
            }
            self.gap();
            self.add(Line::new().push(role, title));
            for problem in problems {
                self.add(
                    Line::new()
                        .push(Role::Plain, format!("    {}", problem.message))
                        .at(problem.place.as_ref(), None)
                        .folding(),
                );
                if let Some(next) = &problem.next {
                    self.add(
                        Line::new()
                            .push(Role::Dim, format!("      {next}"))
                            .folding(),
                    );
                }
            }
        }
    }

    fn foot(&mut self, view: &PlanView) {
        self.gap();
        self.add(
            Line::new()
                .push(Role::Plain, format!("  {}", summary_line(view)))
                .folding(),
        );
        if !view.nothing_to_do && view.compares.is_none() {
            let mut line = Line::new().push(Role::Dim, format!("  plan {}", view.id));
            if self.page.style.kept && !view.problems.iter().any(|p| p.stops) {
                let hint = format!(" · apply it with: platc apply {}", view.id);
                line = line.push(Role::Dim, hint);
            }
            self.add(line);
        }
    }
}

/// How many there are of each, in one line.
fn summary_line(view: &PlanView) -> String {
    let counts = &view.counts;
    let mut parts: Vec<String> = [
        (counts.destroy, "to destroy"),
        (counts.replace, "to make anew"),
        (counts.create, "to create"),
        (counts.change, "to change"),
        (counts.heal, "to put right"),
        (counts.rename, "to rename"),
        (view.blocked.len(), "not known"),
        (counts.unchanged, "unchanged"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if view.nothing_to_do {
        let nothing = match view.compares {
            Some(_) => "no difference",
            None => "nothing to do",
        };
        parts.insert(0, nothing.to_owned());
    }
    if let Some(budget) = view.budget.as_ref().filter(|_| !view.nothing_to_do) {
        parts.push(format!(
            "not priced, so the budget of {budget} is not checked"
        ));
    }
    parts.join(" · ")
}

/// What came of all policies, in one line: "3 hold, `small` warns of 2 of 5, 1 waived".
fn policies_line(policies: &[PolicyResult]) -> String {
    let (hold, warn): (Vec<_>, Vec<_>) = policies.iter().partition(|p| p.broken == 0);
    let mut parts = Vec::new();
    match hold.len() {
        0 => {}
        1 => parts.push("1 holds".to_owned()),
        more => parts.push(format!("{more} hold")),
    }
    parts.extend(warn.iter().map(|policy| {
        let (name, broken, asked) = (&policy.name, policy.broken, policy.asked);
        format!("`{name}` warns of {broken} of {asked}")
    }));
    let waived: usize = policies.iter().map(|policy| policy.waived).sum();
    if waived > 0 {
        parts.push(format!("{waived} waived"));
    }
    parts.join(", ")
}

/// What happened to a thing since it was applied, in a sentence.
pub(crate) fn drift_text(drift: &Drift) -> String {
    let what = match drift.what {
        DriftKind::Gone => "is gone",
        DriftKind::Replaced => "was replaced by another",
        DriftKind::Changed => "was changed",
        DriftKind::Stopped => "stopped",
        DriftKind::Stale => "is out of date",
        DriftKind::Ailing => "is not well",
        DriftKind::Unrecorded => "is there, and not on record",
    };
    let mut text = format!("{} {what}", drift.label);
    if let Some(by) = &drift.by {
        text.push_str(&format!(" by {by}"));
    }
    if let Some(at) = drift.at {
        text.push_str(&format!(" at {}", utc(at)));
    }
    if let Some(detail) = &drift.detail {
        text.push_str(&format!(": {detail}"));
    }
    text
}

/// Who holds what, and what becomes of it, in a sentence.
pub(crate) fn conflict_text(conflict: &Conflict) -> String {
    let theirs = conflict.theirs.as_ref();
    let theirs = theirs.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    let then = if conflict.taken {
        "it is taken over"
    } else {
        "it is left, and nothing is applied"
    };
    if conflict.is_whole() {
        let begins = format!("{}: {} made it; {then}", conflict.label, conflict.by);
        let fields = conflict.theirs.as_ref().and_then(|all| all.as_object());
        let of: Vec<String> = fields
            .into_iter()
            .flatten()
            .map(|(path, theirs)| {
                let ours = conflict.ours.get(path);
                let ours = ours.map_or_else(|| "none".to_owned(), ToString::to_string);
                format!("{path} {theirs} → {ours}")
            })
            .collect();
        return match of.as_slice() {
            [] => begins,
            of => format!("{begins}: {}", of.join(", ")),
        };
    }
    format!(
        "{} {}: {} has it at {theirs}, the source says {}; {then}",
        conflict.label, conflict.path, conflict.by, conflict.ours
    )
}

/// Which value a secret gets back.
fn secret_text(since: u64) -> String {
    format!("gets back the value it was given at {}", utc(since))
}

/// A declaration as people call it: `service api`; for what several share what it is.
fn name_of(change: &ChangeView) -> String {
    match &change.node {
        Some(node) if change.kind.is_empty() => node.to_string(),
        Some(node) => format!("{} {node}", change.kind),
        None => change.kind.clone(),
    }
}

/// For a new thing, the source says it all: what an environment adds is worth repeating.
fn shown(change: &ChangeView, field: &FieldView) -> bool {
    change.what != NodeAction::Create || field.set_by.is_some()
}

fn healed(operations: &[OperationView]) -> &str {
    let all = |action| operations.iter().all(|o| o.action == action);
    let how = || operations.iter().filter_map(|o| o.how.as_deref());
    if let Some(anew) = how().find(|how| how.starts_with("started anew")) {
        anew
    } else if all(Action::Resume) && how().next().is_some() {
        "was not ready: waited for again"
    } else if all(Action::Resume) {
        "started again"
    } else if all(Action::Create) {
        "made again"
    } else if all(Action::Adopt) {
        "taken on record"
    } else if all(Action::Forget) {
        "taken off the record"
    } else {
        match operations {
            [one] => one.how.as_deref().unwrap_or("put right"),
            _ => "put right",
        }
    }
}

/// The parts of a spec that change, of many the first.
pub(crate) fn spec_changes(changes: &[SpecChange]) -> String {
    const SHOWN: usize = 3;
    let json = |value: &Option<serde_json::Value>| match value {
        None | Some(serde_json::Value::Null) => "none".to_owned(),
        // Of a digest, what tells it from another.
        Some(serde_json::Value::String(s))
            if s.len() >= 32 && s.chars().all(|c| c.is_ascii_hexdigit()) =>
        {
            s.chars().take(6).collect()
        }
        Some(serde_json::Value::String(s)) if s.chars().all(|c| c.is_ascii_graphic()) => s.clone(),
        Some(value) => value.to_string(),
    };
    let mut parts: Vec<String> = changes
        .iter()
        .take(SHOWN)
        .map(|change| {
            let (old, new) = (json(&change.old), json(&change.new));
            if columns(&old) + columns(&new) <= 24 {
                format!("{} {old} → {new}", change.path)
            } else {
                change.path.clone()
            }
        })
        .collect();
    let more = changes.len().saturating_sub(SHOWN);
    if more > 0 {
        parts.push(format!("{more} more"));
    }
    parts.join(", ")
}

/// Two values, shortened where they are long: what they begin with alike goes first.
fn short_pair(old: &str, new: &str, most: usize) -> (String, String) {
    const CONTEXT: usize = 6;
    if columns(old) <= most && columns(new) <= most {
        return (old.to_owned(), new.to_owned());
    }
    let alike = old.chars().zip(new.chars()).take_while(|(a, b)| a == b);
    let drop = alike.count().saturating_sub(CONTEXT);
    let tail = |text: &str| {
        if drop <= 1 {
            return clipped_to(text, most);
        }
        let rest: String = text.chars().skip(drop).collect();
        clipped_to(&format!("…{rest}"), most)
    };
    (tail(old), tail(new))
}

/// A value, shortened in the middle where it is long.
fn clipped_to(text: &str, most: usize) -> String {
    let length = columns(text);
    if length <= most {
        return text.to_owned();
    }
    let keep = most.saturating_sub(1);
    let head: String = text.chars().take(keep.div_ceil(2)).collect();
    let tail: String = text.chars().skip(length - keep / 2).collect();
    format!("{head}…{tail}")
}
