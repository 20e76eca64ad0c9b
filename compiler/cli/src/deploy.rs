//! Plans and applies of one environment: the engine and its targets, as the commands use them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plat_engine::{
    ApplyOptions, Attach, Backend, DataWord, Engine, Host as _, Inspect, Interrupts, Markdown,
    NodeStatus, Outcome, Plan, PlanView, PolicyResult, S3, Scope, Shared, State, Style,
    ThisMachine, Words, render_markdown, render_sarif, render_text,
};
use plat_model::{Cases, Graph, Hold, TargetId};
use tokio::runtime::Runtime;

use crate::causes;
use crate::cli::{self, Form};
use crate::failure::{Failure, Stop};
use crate::progress::Progress;
use crate::states;
use crate::suggest::count;
use crate::targets::{self, Place};
use crate::terminal::{Paint, Terminal, harmless};
use crate::words::{self, said};

/// The command that began an apply, for the list of releases and for what to do next.
pub struct Began {
    /// It: `platc up dev`.
    pub command: String,
    /// What was said for a plan that was made before: it does exactly that, for as long as nothing
    /// has changed.
    pub said: Option<Said>,
}

/// How a plan that was made before was named, for people.
pub struct Said {
    /// The command that applies it: `platc apply x.plan`.
    pub apply: String,
    /// The one that makes it anew: `platc plan dev -o x.plan`.
    pub plan: String,
}

impl Began {
    /// By a command that plans.
    pub const fn by(command: String) -> Self {
        Self {
            command,
            said: None,
        }
    }
}

/// One environment of an app, where it runs.
pub struct Deployment {
    /// Whose things these are.
    pub scope: Scope,
    /// Shows what runs.
    pub inspect: Arc<dyn Inspect>,
    /// Gets people to where things run.
    pub attach: Arc<dyn Attach>,
    /// The environment's own target.
    pub backend: Arc<dyn Backend>,
    engine: Engine,
    runtime: Runtime,
}

impl Deployment {
    /// The environment of this scope on the target at that place, for the package at `root`. Its
    /// state is in that bucket, else with its target.
    ///
    /// # Errors
    /// The target is not built yet, or can't be used.
    pub fn open(
        scope: Scope,
        place: &Place,
        state: Option<S3>,
        root: &Path,
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| crate::failure::io("starting the runtime", &error))?;
        let target = targets::reach(place, root)?;
        let store = match state {
            Some(bucket) => Arc::new(
                bucket
                    .store(&scope)
                    .map_err(|error| states::failure(&error))?,
            ),
            None => target
                .backend
                .state(&scope)
                .map_err(|error| causes::backend_failure(&error))?,
        };
        terminal.detail(format!("state of {scope}: {}", store.place()));
        let backends = BTreeMap::from([(TargetId::main(), Arc::clone(&target.backend))]);
        let engine = Engine::new(scope.clone(), backends, store, Arc::new(ThisMachine));
        Ok(Self {
            scope,
            inspect: target.inspect,
            attach: target.attach,
            backend: target.backend,
            engine,
            runtime,
        })
    }

    /// With the cases of the program's variants, so that plans show values as people write them.
    pub fn writing(self, cases: Cases) -> Self {
        let engine = self.engine.writing(cases);
        Self { engine, ..self }
    }

    /// With what came of the program's policies, which plans of it tell.
    pub fn judged(self, policies: Vec<PolicyResult>) -> Self {
        let engine = self.engine.judged(policies);
        Self { engine, ..self }
    }

    /// Waits for something of the target.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// How each declaration is.
    ///
    /// # Errors
    /// The target can't be asked.
    pub fn status(&self) -> Result<Vec<NodeStatus>, Failure> {
        self.wait(self.inspect.status(&self.scope))
            .map_err(|error| causes::backend_failure(&error))
    }

    /// What was last applied; nothing where that can't be read, since it only tells more of what
    /// is there.
    pub fn applied(&self) -> Option<Shared<Graph>> {
        let ledger = self.engine.ledger();
        self.wait(async {
            let number = ledger.load().await.ok()?.last_release()?.number;
            ledger.release(number).await.ok()??.graph
        })
    }

    /// Waits until no other apply of this environment is under way.
    ///
    /// # Errors
    /// The state can't be read.
    pub fn wait_for_others(&self, terminal: &Terminal) -> Result<(), Failure> {
        let never = Interrupts::default();
        let waiting = self.engine.wait_for_others(&never, |holder| {
            terminal.say(format!("waiting for {holder}"))
        });
        self.wait(waiting)
            .map_err(|error| causes::engine_failure(&error))
    }

    /// Nobody else is at work on it: what is as it should be may not stay so.
    ///
    /// # Errors
    /// Another apply is under way, or that can't be read.
    pub fn nobody_else(&self) -> Result<(), Failure> {
        self.wait(self.engine.ledger().nobody_else(&ThisMachine))
            .map_err(|error| causes::state_failure(&error))
    }

    /// Plans to make the world what the graph says, with what is allowed beyond the ordinary.
    ///
    /// # Errors
    /// It is refused, or something can't be read.
    pub fn plan(&self, graph: Graph, words: &cli::Words) -> Result<Plan, Failure> {
        let applied = self.applied();
        words::name_data(&words.data, &self.scope, applied.as_deref(), &graph)?;
        let plan = self
            .wait(self.engine.plan(&graph.into(), &said(words)))
            .map_err(|error| causes::engine_failure(&error))?;
        words::name_fields(&words.take, &plan)?;
        Ok(plan)
    }

    /// Plans to take everything away, but what other environments hold.
    ///
    /// # Errors
    /// Something is held, or can't be read.
    pub fn plan_destroy(&self, data: DataWord, held: &[Hold]) -> Result<Plan, Failure> {
        let words = Words {
            data,
            ..Words::default()
        };
        self.wait(self.engine.plan_destroy(&words, held))
            .map_err(|error| causes::engine_failure(&error))
    }

    /// Plans to go back to a release; without a number to the last whole one before this.
    ///
    /// # Errors
    /// There is none, it is refused, or something can't be read.
    pub fn plan_return(&self, number: Option<u64>, words: &cli::Words) -> Result<Plan, Failure> {
        self.wait(self.engine.plan_return(number, &said(words)))
            .map_err(|error| causes::engine_failure(&error))
    }

    /// Plans to take on record what is there and is not on it.
    ///
    /// # Errors
    /// Something can't be read.
    pub fn plan_adopt(&self) -> Result<Plan, Failure> {
        self.wait(self.engine.plan_adopt())
            .map_err(|error| causes::engine_failure(&error))
    }

    /// What is remembered of the environment.
    ///
    /// # Errors
    /// It can't be read.
    pub fn state(&self) -> Result<State, Failure> {
        self.wait(self.engine.ledger().load())
            .map_err(|error| causes::state_failure(&error))
    }

    /// Keeps a plan, so that it can be applied by its id.
    ///
    /// # Errors
    /// It can't be written.
    pub fn keep(&self, plan: &Plan) -> Result<(), Failure> {
        self.wait(self.engine.ledger().keep_plan(plan, &ThisMachine))
            .map_err(|error| causes::state_failure(&error))
    }

    /// The recent plan of that id.
    ///
    /// # Errors
    /// It can't be read.
    pub fn recent(&self, id: &str) -> Result<Option<Plan>, Failure> {
        self.wait(self.engine.ledger().recent_plan(id))
            .map_err(|error| causes::state_failure(&error))
    }

    /// Does exactly this plan, showing what happens. What went wrong has been told when it
    /// returns.
    ///
    /// # Errors
    /// It could not be begun, or not all of it was done.
    pub fn apply(
        &self,
        plan: &Plan,
        began: &Began,
        wait: bool,
        terminal: &Terminal,
    ) -> Result<(), Stop> {
        let progress = Arc::new(Progress::new(plan, terminal));
        let interrupts = Interrupts::default();
        let options = ApplyOptions {
            command: began.command.clone(),
            wait,
            by: crate::who::applies(),
            ..ApplyOptions::default()
        };
        let since = std::time::Instant::now();
        let outcome = self.wait(async {
            let listener = tokio::spawn(listen(interrupts.clone(), Arc::clone(&progress)));
            let shown = Arc::clone(&progress);
            let outcome = self
                .engine
                .apply(plan, &options, &interrupts, move |event| {
                    shown.event(&event)
                })
                .await;
            listener.abort();
            outcome
        });
        progress.end();
        let outcome = outcome.map_err(|error| causes::engine_failure(&error))?;
        tell_outcome(plan, &outcome, began, since.elapsed(), terminal);
        if outcome.is_complete() {
            Ok(())
        } else if outcome.interrupted {
            Err(Stop::Interrupted)
        } else {
            Err(Stop::Reported)
        }
    }
}

async fn listen(interrupts: Interrupts, progress: Arc<Progress>) {
    let Ok(mut terminate) =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
    else {
        return;
    };
    let mut times = 0u8;
    loop {
        tokio::select! {
            heard = tokio::signal::ctrl_c() => if heard.is_err() { return },
            _ = terminate.recv() => {}
        }
        times = times.saturating_add(1);
        interrupts.interrupt();
        progress.interrupted(times);
        if times > 2 {
            // The second one waits for nothing but the state, whose store may not answer. The
            // journal tells the next apply what was begun.
            progress.end();
            std::process::exit(130);
        }
    }
}

/// The plan as text.
pub fn shown(plan: &Plan, paint: Paint, width: usize, kept: bool) -> String {
    text_of(&PlanView::of(plan), paint, width, kept)
}

/// What a plan shows, as text.
pub fn text_of(view: &PlanView, paint: Paint, width: usize, kept: bool) -> String {
    let style = Style {
        color: paint.is_on(),
        width,
        kept,
    };
    harmless_but_colours(&render_text(view, &style))
}

/// Prints what a plan shows in the form that was asked for. `kept` says whether it can be applied
/// by its id.
///
/// # Errors
/// It can't be written.
pub fn print(view: &PlanView, form: &Form, kept: bool, terminal: &Terminal) -> Result<(), Stop> {
    if form.json {
        return terminal.print_json(view);
    }
    if form.sarif {
        return terminal.print_json(&render_sarif(view));
    }
    if form.markdown {
        let how = Markdown {
            link: form.link.clone(),
            ..Markdown::default()
        };
        return terminal.print(render_markdown(view, &how));
    }
    terminal.print(text_of(view, terminal.out(), terminal.width(), kept))
}

impl Form {
    /// Whether people read it on the terminal.
    pub const fn is_text(&self) -> bool {
        !self.json && !self.markdown && !self.sarif
    }
}

/// A plan holds values of the source; its colours are the engine's own.
fn harmless_but_colours(text: &str) -> String {
    text.split_inclusive("\x1b[")
        .map(|piece| match piece.strip_suffix("\x1b[") {
            Some(text) => format!("{}\x1b[", harmless(text)),
            None => harmless(piece).into_owned(),
        })
        .collect()
}

/// Refuses a plan that is sure to fail. Where the plan was shown, it says why already.
///
/// # Errors
/// There is a problem that stops it.
pub fn refuse_sure_failure(plan: &Plan, was_shown: bool) -> Result<(), Failure> {
    let stoppers: Vec<String> = plan
        .stoppers()
        .map(|p| harmless(&p.to_string()).into_owned())
        .collect();
    if stoppers.is_empty() {
        return Ok(());
    }
    let problems = count(stoppers.len(), "problem", "problems");
    let mut failure = Failure::new(format!(
        "this plan would fail, so nothing was changed: it has {problems}"
    ));
    if !was_shown {
        failure.notes = stoppers;
    }
    Err(failure)
}

/// Asks before anything is done; `--yes` answers for scripts.
///
/// # Errors
/// The answer is no, or nobody can answer.
pub fn approve(plan: &Plan, yes: bool, terminal: &Terminal) -> Result<(), Stop> {
    if yes {
        return Ok(());
    }
    if !terminal.can_ask() {
        return Err(Failure::new(
            "nobody approved this plan: there is no terminal to ask on, so nothing was changed",
        )
        .next("say --yes where nobody sits: `platc apply --yes`")
        .into());
    }
    let changes = plan.changes.len().max(1);
    let what = if changes == 1 {
        "this change".to_owned()
    } else {
        format!("these {changes} changes")
    };
    if terminal.confirm(format!("Apply {what}?"))? {
        Ok(())
    } else {
        Err(Failure::new("not approved, so nothing was changed").into())
    }
}

/// Tells what came of an apply.
fn tell_outcome(
    plan: &Plan,
    outcome: &Outcome,
    began: &Began,
    took: Duration,
    terminal: &Terminal,
) {
    let paint = terminal.err();
    if outcome.not_begun {
        terminal.tell("stopped before anything was changed");
        let again = began.said.as_ref().map_or(&began.command, |s| &s.apply);
        terminal.tell(format!("  {} `{again}` begins again", paint.hint("→")));
        return;
    }
    for (id, error) in &outcome.failed {
        let operation = plan.operation(*id);
        let place = operation.and_then(|o| o.place.as_ref());
        let place = place.map(|p| format!("{p}: ")).unwrap_or_default();
        let mut failure = Failure::new(format!(
            "{place}{}: {}",
            harmless(&error.what),
            harmless(&error.why)
        ));
        if !error.log.is_empty() {
            failure = failure.note("the last lines it wrote:");
            for line in &error.log {
                failure = failure.note(format!("  {}", paint.dim(harmless(line))));
            }
        }
        if outcome.returned.contains(id) {
            failure = failure.note("it went back to what it was: that runs as before");
        }
        if let Some((_, why)) = outcome.not_returned.iter().find(|(back, _)| back == id) {
            failure = failure.note(format!(
                "it could not go back to what it was either: {}: {}",
                harmless(&why.what),
                harmless(&why.why)
            ));
        }
        if let Some(next) = &error.next {
            failure = failure.next(harmless(next));
        }
        if let Some(node) = operation.and_then(|o| o.node.as_ref())
            && !error.log.is_empty()
        {
            failure = failure.next(format!("platc logs {node}"));
        }
        terminal.failure(&failure);
    }
    if let Some(trouble) = &outcome.trouble {
        terminal.failure(&causes::state_failure(trouble));
    }
    for (object, at) in &outcome.data_kept {
        let what = plan
            .operations
            .iter()
            .find(|o| o.object == *object)
            .and_then(|o| o.previous.as_ref())
            .and_then(|o| o.holds_data.as_ref());
        let what = what.map_or_else(|| object.to_string(), |held| held.what.clone());
        terminal.tell(format!(
            "kept: {} in {}",
            harmless(&what),
            paint.bold(harmless(at))
        ));
    }
    let done = count(outcome.done.len(), "operation", "operations");
    let took = crate::progress::seconds(took);
    if outcome.is_complete() {
        let release = outcome
            .release
            .map(|n| format!(" · release {n}"))
            .unwrap_or_default();
        terminal.say(format!("{} {done} in {took}{release}", paint.good("done:")));
        return;
    }
    let mut rest = Vec::new();
    let mut add = |n: usize, what: &str| {
        if n > 0 {
            rest.push(format!("{n} {what}"));
        }
    };
    add(outcome.done.len(), "done");
    add(outcome.failed.len(), "failed");
    add(outcome.returned.len(), "went back");
    add(outcome.skipped.len(), "not begun");
    add(outcome.left.len(), "left under way");
    add(
        outcome.secrets_left.len(),
        "of the secrets not surely brought back",
    );
    add(outcome.blocked, "not planned");
    terminal.tell(format!("not all was done: {}", rest.join(", ")));
    let on = match &began.said {
        // The plan itself is stale now.
        Some(said) => format!("`{}` plans what is left", said.plan),
        None => format!("`{}` goes on from there", began.command),
    };
    terminal.tell(format!("  {} what is done stays; {on}", paint.hint("→")));
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    ThisMachine.now()
}
