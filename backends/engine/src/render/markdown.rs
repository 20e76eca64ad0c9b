//! A plan as Markdown, for a comment on a pull request. Pure.
//!
//! What must be seen stands first and is never left out; detail is folded, and where there is
//! more than fits, whole parts are left out and counted: nothing is cut within a line.

use std::fmt::Write as _;

use super::markdown_text::{code, html, plain};
use crate::plan::{DataFate, Goal, NodeAction};
use crate::render::{
    conflict_text, drift_text, healed, name_of, policies_line, secret_text, summary_line,
};
use crate::view::{ChangeView, PlanView};

/// How a plan is written as Markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Markdown {
    /// The most bytes it may have. GitHub takes 65,536 characters in a comment, and no character
    /// is less than a byte.
    pub limit: usize,
    /// Where the whole plan can be read, for when it does not fit.
    pub link: Option<String>,
}

impl Default for Markdown {
    fn default() -> Self {
        Self {
            limit: 65_535,
            link: None,
        }
    }
}

/// What is kept free for the words that say what was left out, and the foot.
const RESERVE: usize = 1_024;

/// The hidden line by which a comment about this environment is found again, to be updated.
pub fn marker(view: &PlanView) -> String {
    // A comment of HTML must not hold `--`, and names don't need much.
    let safe = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_alphanumeric() { c } else { '_' })
            .collect()
    };
    format!(
        "<!-- plat:plan {} {} -->",
        safe(&view.app),
        safe(&view.environment)
    )
}

/// The plan as Markdown, at most `how.limit` bytes of it.
pub fn render_markdown(view: &PlanView, how: &Markdown) -> String {
    let mut page = Page {
        out: String::new(),
        limit: how.limit.saturating_sub(RESERVE),
    };
    page.must(&head(view));
    page.list("**Can't be applied:**", &stoppers(view), how);
    page.list("**Data that is lost for good:**", &lost(view), how);
    let first = |what| matches!(what, NodeAction::Destroy | NodeAction::Replace);
    let (grave, rest): (Vec<&ChangeView>, Vec<&ChangeView>) =
        view.changes.iter().partition(|change| first(change.what));
    let rows = |changes: &[&ChangeView]| changes.iter().map(|c| row(c)).collect::<Vec<_>>();
    page.list("**Destroyed or made anew:**", &rows(&grave), how);
    page.list(
        "**Changed outside of the source since the last apply:**",
        &drifted(view),
        how,
    );
    page.list("**Held by others:**", &conflicts(view), how);
    page.list(
        "**Not known, so nothing is planned for them:**",
        &unknown(view),
        how,
    );
    page.list("**Secrets:**", &secrets(view), how);
    page.list("**Changes:**", &rows(&rest), how);
    page.list("**Before it begins:**", &warnings(view), how);
    page.list("**Policies:**", &policies(view), how);
    page.list("**Good to know:**", &notes(view), how);
    page.details(&view.changes, how);
    page.out.push_str(&foot(view, how));
    page.out
}

struct Page {
    out: String,
    /// How long it may become, but for the foot.
    limit: usize,
}

impl Page {
    fn must(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn fits(&self, text: &str) -> bool {
        self.out.len() + text.len() <= self.limit
    }

    /// A title and its lines, as many as fit; how many don't is said.
    fn list(&mut self, title: &str, lines: &[String], how: &Markdown) {
        if lines.is_empty() {
            return;
        }
        let begin = format!("\n{title}\n\n");
        // Room for the line that counts what is left out.
        let room = self.limit.saturating_sub(200);
        if self.out.len() + begin.len() > room {
            return;
        }
        self.out.push_str(&begin);
        for (at, line) in lines.iter().enumerate() {
            if self.out.len() + line.len() + 3 > room {
                let _ = writeln!(self.out, "- … and {} more{}", lines.len() - at, seen(how));
                return;
            }
            let _ = writeln!(self.out, "- {line}");
        }
    }

    /// What changes in full, folded, one block for each; those that don't fit are counted.
    fn details(&mut self, changes: &[ChangeView], how: &Markdown) {
        let mut left_out = 0;
        let mut begun = false;
        for change in changes {
            let Some(block) = detail(change) else {
                continue;
            };
            let begin = if begun { "" } else { "\n" };
            if self.fits(&format!("{begin}{block}")) {
                self.out.push_str(begin);
                self.out.push_str(&block);
                begun = true;
            } else {
                left_out += 1;
            }
        }
        if left_out > 0 {
            let what = if left_out == 1 { "change" } else { "changes" };
            let _ = writeln!(
                self.out,
                "\nThe detail of {left_out} {what} does not fit here{}",
                seen(how)
            );
        }
    }
}

/// Where the rest is.
fn seen(how: &Markdown) -> String {
    match &how.link {
        Some(link) => format!(
            ": see [the whole plan](<{}>)",
            link.replace(['<', '>', '\n'], "")
        ),
        None => ": `platc plan` shows all".to_owned(),
    }
}

fn head(view: &PlanView) -> String {
    let mut title = format!("{} → {}", plain(&view.app), plain(&view.environment));
    if !view.targets.is_empty() {
        let _ = write!(title, " · {}", plain(&view.targets.join(", ")));
    }
    match view.goal {
        Goal::Apply => {}
        Goal::Destroy => title.push_str(" · destroy"),
        Goal::Adopt => title.push_str(" · take on record"),
    }
    if let Some(compared) = &view.compares {
        let _ = write!(
            title,
            " · {} → {}",
            plain(&compared.from),
            plain(&compared.to)
        );
    }
    if let Some(number) = view.returns_to {
        let _ = write!(title, " · back to release {number}");
    }
    format!(
        "{}\n### {title}\n\n**{}**\n",
        marker(view),
        plain(&summary_line(view))
    )
}

fn foot(view: &PlanView, how: &Markdown) -> String {
    let mut text = String::new();
    if !view.nothing_to_do && view.compares.is_none() {
        let _ = write!(text, "\n<sub>plan <code>{}</code>", html(&view.id));
        if let Some(link) = &how.link {
            let _ = write!(text, " · <a href=\"{}\">the whole plan</a>", html(link));
        }
        text.push_str("</sub>\n");
    }
    text
}

fn at(place: Option<&plat_model::Place>) -> String {
    place.map_or_else(String::new, |place| {
        format!(" ({})", code(&place.to_string()))
    })
}

fn stoppers(view: &PlanView) -> Vec<String> {
    problems(view, true)
}

/// What came of the policies: all in a line, then what those say that warn.
fn policies(view: &PlanView) -> Vec<String> {
    if view.policies.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![plain(&policies_line(&view.policies))];
    for policy in &view.policies {
        lines.extend(policy.warnings.iter().map(|warning| {
            format!(
                "{}: {}{}",
                code(&policy.name),
                plain(&warning.message),
                at(warning.place.as_ref())
            )
        }));
    }
    lines
}

fn warnings(view: &PlanView) -> Vec<String> {
    problems(view, false)
}

fn problems(view: &PlanView, stops: bool) -> Vec<String> {
    view.problems
        .iter()
        .filter(|problem| problem.stops == stops)
        .map(|problem| {
            let next = problem.next.as_deref().map(plain);
            let next = next.map_or_else(String::new, |next| format!(". {next}"));
            format!(
                "{}{}{next}",
                plain(&problem.message),
                at(problem.place.as_ref())
            )
        })
        .collect()
}

fn lost(view: &PlanView) -> Vec<String> {
    view.changes
        .iter()
        .flat_map(|change| &change.operations)
        .filter(|operation| operation.data == DataFate::Destroyed)
        .map(|operation| plain(operation.holds.as_deref().unwrap_or(&operation.label)))
        .collect()
}

fn drifted(view: &PlanView) -> Vec<String> {
    view.drift
        .iter()
        .map(|drift| plain(&drift_text(drift)))
        .collect()
}

fn secrets(view: &PlanView) -> Vec<String> {
    let text = |s: &crate::view::SecretView| format!("{} {}", code(&s.name), secret_text(s.since));
    view.secrets.iter().map(text).collect()
}

fn conflicts(view: &PlanView) -> Vec<String> {
    let text = |c| plain(&conflict_text(c));
    view.conflicts.iter().map(text).collect()
}

fn unknown(view: &PlanView) -> Vec<String> {
    view.blocked
        .iter()
        .map(|blocked| format!("{}: {}", plain(&blocked.label), plain(&blocked.why)))
        .collect()
}

fn notes(view: &PlanView) -> Vec<String> {
    view.told_notes()
        .map(|note| {
            let about = match (&note.node, &note.field) {
                (Some(node), Some(field)) => format!("{}: ", code(&format!("{node}.{field}"))),
                (Some(node), None) => format!("{}: ", code(node.as_str())),
                _ => String::new(),
            };
            format!("{about}{}{}", plain(&note.message), at(note.place.as_ref()))
        })
        .collect()
}

/// A change in a line, with what forces it where it is made anew.
fn row(change: &ChangeView) -> String {
    let what = match change.what {
        NodeAction::Destroy => "destroyed".to_owned(),
        NodeAction::Replace => "made anew".to_owned(),
        NodeAction::Create => "new".to_owned(),
        NodeAction::Change => "changed".to_owned(),
        NodeAction::Heal => plain(healed(&change.operations)),
        NodeAction::Move => "renamed".to_owned(),
    };
    let mut text = format!("{} {what}", code(&name_of(change)));
    if let Some(from) = &change.moved_from {
        let _ = write!(text, ", was {}", code(from.as_str()));
    }
    if change.what == NodeAction::Replace {
        let fields = change.fields.iter().filter(|f| f.replaces);
        let mut forced: Vec<String> = fields.map(|f| code(f.field.as_str())).collect();
        if forced.is_empty() {
            let hows = change.operations.iter().filter_map(|o| o.how.as_deref());
            forced = hows.map(plain).collect();
            forced.dedup();
        }
        if !forced.is_empty() {
            let _ = write!(text, " because of {}", forced.join(", "));
        }
    }
    let kept = change
        .operations
        .iter()
        .filter(|o| o.data == DataFate::Kept);
    for operation in kept {
        let what = operation.holds.as_deref().unwrap_or("its data");
        let _ = write!(text, "; {} is kept", plain(what));
    }
    text.push_str(&at(change.place.as_ref()));
    text
}

/// The fields and the operations of a change; `None` where the line says it all.
fn detail(change: &ChangeView) -> Option<String> {
    let mut lines = Vec::new();
    for field in &change.fields {
        let place = field
            .place
            .as_ref()
            .map_or_else(String::new, |p| format!("   {p}"));
        let by = field
            .set_by
            .as_ref()
            .map_or_else(String::new, |env| format!(" ({env})"));
        if let Some(old) = &field.old {
            lines.push(format!("- {} = {old}", field.field));
        }
        if let Some(new) = &field.new {
            lines.push(format!("+ {} = {new}{place}{by}", field.field));
        }
    }
    for operation in &change.operations {
        let how = operation
            .how
            .as_ref()
            .map_or_else(String::new, |how| format!("   {how}"));
        let parts: Vec<&str> = operation.changes.iter().map(|c| c.path.as_str()).collect();
        if !how.is_empty() || !parts.is_empty() {
            let parts = if parts.is_empty() {
                String::new()
            } else {
                format!("   {}", parts.join(", "))
            };
            lines.push(format!("# {}{how}{parts}", operation.object));
        }
    }
    if lines.is_empty() {
        return None;
    }
    let body: Vec<String> = lines
        .iter()
        .map(|line| super::markdown_text::single(line))
        .collect();
    let body = body.join("\n");
    let fence = "`".repeat(super::markdown_text::longest_run(&body, '`').max(2) + 1);
    Some(format!(
        "<details><summary><code>{}</code></summary>\n\n{fence}diff\n{body}\n{fence}\n\n</details>\n",
        html(&name_of(change))
    ))
}
