//! What is shown while a plan is applied: lines that move on a terminal, else lines with times.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use plat_engine::{Action, ApplyEvent, OpId, Plan};

use crate::terminal::{Terminal, harmless};

/// Takes the events of one apply.
pub struct Progress {
    terminal: Terminal,
    labels: Vec<(Action, String)>,
    begun: Instant,
    state: Mutex<State>,
}

struct State {
    /// On a terminal.
    lines: Option<Lines>,
    /// When each operation under way began.
    under_way: BTreeMap<OpId, Instant>,
    /// What was said last of each.
    said: BTreeMap<OpId, String>,
    /// What was said to be got beforehand.
    prepares: BTreeSet<String>,
    done: usize,
    ended: bool,
}

struct Lines {
    all: MultiProgress,
    total: ProgressBar,
    one: BTreeMap<OpId, ProgressBar>,
}

impl Progress {
    /// For the operations of this plan.
    pub fn new(plan: &Plan, terminal: &Terminal) -> Self {
        let labels: Vec<(Action, String)> = plan
            .operations
            .iter()
            .map(|o| (o.action, harmless(&o.label).into_owned()))
            .collect();
        let lines = terminal.shows_progress().then(|| {
            let all = MultiProgress::new();
            let total = all.add(ProgressBar::new(labels.len() as u64));
            total.set_style(style("  {pos} of {len} done   {elapsed}"));
            total.enable_steady_tick(TICK);
            Lines {
                all,
                total,
                one: BTreeMap::new(),
            }
        });
        Self {
            terminal: terminal.clone(),
            labels,
            begun: Instant::now(),
            state: Mutex::new(State {
                lines,
                under_way: BTreeMap::new(),
                said: BTreeMap::new(),
                prepares: BTreeSet::new(),
                done: 0,
                ended: false,
            }),
        }
    }

    /// Shows an event.
    pub fn event(&self, event: &ApplyEvent) {
        let mut state = self.state();
        if state.ended {
            return;
        }
        match event {
            ApplyEvent::Waiting { holder } => {
                self.line(&state, &format!("waiting for {holder}"));
            }
            ApplyEvent::Preparing { progress } => {
                // Amounts move too fast for lines that stay.
                if state.prepares.insert(progress.message.clone()) {
                    let total = progress.amount.and_then(|(_, total)| total);
                    let size = total.map(|total| format!(", {}", amount(total, None)));
                    let text = format!("{}{}", progress.message, size.unwrap_or_default());
                    self.line(&state, &harmless(&text));
                }
            }
            ApplyEvent::Started { operation } => self.started(&mut state, *operation),
            ApplyEvent::Progress {
                operation,
                progress,
            } => {
                let amount = progress.amount.map(|(done, total)| amount(done, total));
                let mut text = harmless(&progress.message).into_owned();
                if let Some(amount) = &amount {
                    text = format!("{text} {amount}");
                }
                // Amounts move too fast for lines that stay.
                let new = state.said.get(operation) != Some(&progress.message);
                if new {
                    state.said.insert(*operation, progress.message.clone());
                }
                self.says(&state, *operation, &text, new);
            }
            ApplyEvent::Retrying {
                operation,
                error,
                after,
            } => {
                let text = format!(
                    "{}; tries again in {}",
                    harmless(&error.why),
                    seconds(*after)
                );
                self.says(&state, *operation, &text, true);
            }
            ApplyEvent::Done { operation } => {
                state.done += 1;
                let (_, done) = self.words(*operation);
                let mark = self.terminal.err().good("✓");
                self.ended(&mut state, *operation, &format!("{mark} {done}"));
            }
            ApplyEvent::Failed { operation, .. } => {
                let (doing, _) = self.words(*operation);
                let mark = self.terminal.err().bad("✗");
                self.ended(&mut state, *operation, &format!("{mark} {doing} failed"));
            }
            ApplyEvent::Returning { operation } => {
                let (doing, _) = self.words(*operation);
                self.line(&state, &format!("{doing}: goes back to what it was"));
            }
            ApplyEvent::Returned { operation, error } => {
                let (doing, _) = self.words(*operation);
                let text = match error {
                    None => format!("{doing}: is what it was again"),
                    Some(error) => format!("{doing}: could not go back: {}", harmless(&error.why)),
                };
                self.line(&state, &text);
            }
            ApplyEvent::Skipped { operation, because } => {
                let (doing, _) = self.words(*operation);
                if state.under_way.contains_key(operation) {
                    let text = format!("- stopped: {doing}: nothing of it was changed");
                    self.ended(&mut state, *operation, &text);
                    return;
                }
                let text = format!("- not begun: {doing} ({})", harmless(because));
                let text = self.terminal.err().dim(text);
                self.line(&state, &text);
            }
        }
    }

    /// Somebody asked to stop, so often.
    pub fn interrupted(&self, times: u8) {
        let state = self.state();
        let running = state.under_way.len();
        let text = match (times, running) {
            (..=1, 0) => "stopping: nothing more is begun".to_owned(),
            (..=1, _) => format!(
                "stopping: nothing more is begun; waiting for {running} under way (Ctrl-C again leaves them to the next apply)"
            ),
            (2, _) => "leaving what is under way to the next apply".to_owned(),
            _ => "ending at once: the next apply goes on from the journal".to_owned(),
        };
        let text = self.terminal.err().busy(text);
        self.line(&state, &text);
    }

    /// Leaves the terminal as it should be.
    pub fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        if let Some(lines) = state.lines.take() {
            for bar in lines.one.values() {
                bar.finish_and_clear();
            }
            lines.total.finish_and_clear();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What a panic left half done is but a line on a terminal.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn started(&self, state: &mut State, id: OpId) {
        let (doing, _) = self.words(id);
        state.under_way.insert(id, Instant::now());
        match &mut state.lines {
            Some(lines) => {
                let bar = lines
                    .all
                    .insert_before(&lines.total, ProgressBar::new_spinner());
                bar.set_style(style("  {spinner} {prefix}  {wide_msg}"));
                bar.set_prefix(doing);
                bar.enable_steady_tick(TICK);
                lines.one.insert(id, bar);
            }
            None => self.line(state, &doing),
        }
    }

    fn says(&self, state: &State, id: OpId, text: &str, new: bool) {
        match &state.lines {
            Some(lines) => {
                if let Some(bar) = lines.one.get(&id) {
                    bar.set_message(text.to_owned());
                }
            }
            None if new => {
                let (doing, _) = self.words(id);
                self.line(state, &format!("{doing}: {text}"));
            }
            None => {}
        }
    }

    fn ended(&self, state: &mut State, id: OpId, text: &str) {
        let took = state.under_way.remove(&id).map(|since| since.elapsed());
        if let Some(lines) = &mut state.lines {
            if let Some(bar) = lines.one.remove(&id) {
                bar.finish_and_clear();
                lines.all.remove(&bar);
            }
            lines.total.set_position(state.done as u64);
        }
        let took = took
            .map(|t| format!("   {}", seconds(t)))
            .unwrap_or_default();
        self.line(state, &format!("{text}{}", self.terminal.err().dim(took)));
    }

    /// A line that stays.
    fn line(&self, state: &State, text: &str) {
        match &state.lines {
            Some(lines) => lines.all.suspend(|| self.terminal.say(format!("  {text}"))),
            None => {
                let at = format!("{:>6.1}s", self.begun.elapsed().as_secs_f64());
                self.terminal
                    .say(format!("{} {text}", self.terminal.err().dim(at)));
            }
        }
    }

    /// What is being done, and what then is done: `starting process api`, `process api started`.
    fn words(&self, id: OpId) -> (String, String) {
        let Some((action, label)) = self.labels.get(id.0) else {
            return Default::default();
        };
        let (doing, done) = match action {
            Action::Create => ("making", "made"),
            Action::Update => ("changing", "changed"),
            Action::Replace => ("replacing", "replaced"),
            Action::Delete => ("removing", "removed"),
            Action::Adopt => ("taking over", "taken over"),
            Action::Resume => ("starting", "started"),
            Action::Forget => ("forgetting", "forgotten"),
        };
        (format!("{doing} {label}"), format!("{label} {done}"))
    }
}

const TICK: Duration = Duration::from_millis(100);

fn style(template: &str) -> ProgressStyle {
    // The templates are ours; one that can't be read shows as indicatif's own.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// `1.3 s`, `2 min 5 s`.
pub fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    if whole < 60 {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        format!("{} min {} s", whole / 60, whole % 60)
    }
}

fn amount(done: u64, total: Option<u64>) -> String {
    let mb = |bytes: u64| bytes as f64 / 1e6;
    match total {
        Some(total) => format!("{:.1} of {:.1} MB", mb(done), mb(total)),
        None => format!("{:.1} MB", mb(done)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_amounts_are_for_people() {
        assert_eq!(seconds(Duration::from_millis(1340)), "1.3 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 5 s");
        assert_eq!(amount(1_500_000, Some(9_000_000)), "1.5 of 9.0 MB");
    }
}
