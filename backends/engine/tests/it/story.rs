//! Stories: an app is changed, again and again, by a `platc` that is killed, on a target that
//! loses answers, throttles, fails, is slow, and is changed by others.
//!
//! Each step of a story edits the app and applies it, disturbed; then it is applied undisturbed
//! until nothing is left to do. After each step: nothing was made twice, nothing is left over, no
//! data is gone without its word, nothing protected was taken away, and the world is the one that
//! an undisturbed apply makes of that version.
//!
//! The stories come from one seed (`PLAT_CRASH_SEED`; `PLAT_CRASH_CASES` says how many), so that
//! every run is the same. One that fails is shrunk to the fewest edits and disturbances and told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use plat_engine::{
    ApplyOptions, DataWord, EngineError, Interrupts, ObjectId, Outcome, Plan, Words,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};

use crate::app::graph;
use crate::world::{Crash, Fault, Meddling};
use crate::{Bench, run};

#[derive(Clone)]
pub(crate) struct Story {
    /// Whether the target keeps the token of an operation in its things.
    tokens: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    edits: Vec<Edit>,
    events: Vec<Event>,
    /// The edits are taken back before it is applied in peace.
    given_up: bool,
}

#[derive(Clone, Copy, Debug)]
enum Edit {
    Add { n: u8, store: bool, protect: bool },
    Remove { n: u8 },
    Scale { n: u8, to: u8 },
    Region { n: u8, to: u8 },
    Need { n: u8, on: u8 },
    Hub { n: u8 },
    Protect { n: u8, yes: bool },
    Rename { n: u8 },
}

#[derive(Clone, Copy, Debug)]
enum Event {
    /// `platc` is killed at that call.
    Killed { at: u64 },
    /// It is killed, and the target does what it was asked for some calls later.
    Late { at: u64, lands: u64 },
    /// What it is can't be read, the first time one looks.
    Blind { n: u8 },
    /// A call for that node goes wrong.
    Wrong { n: u8, fault: Fault },
    /// Somebody else does something when the target is called for the n-th time from now.
    Others { n: u8, after: u64, what: Meddling },
}

const NODES: u8 = 6;

fn edit() -> impl Strategy<Value = Edit> {
    let n = 0..NODES;
    prop_oneof![
        6 => (n.clone(), any::<bool>(), prop::bool::weighted(0.1))
            .prop_map(|(n, store, protect)| Edit::Add { n, store, protect }),
        2 => n.clone().prop_map(|n| Edit::Remove { n }),
        3 => (n.clone(), 0..3_u8).prop_map(|(n, to)| Edit::Scale { n, to }),
        1 => (n.clone(), 0..2_u8).prop_map(|(n, to)| Edit::Region { n, to }),
        3 => (n.clone(), 0..NODES).prop_map(|(n, on)| Edit::Need { n, on }),
        1 => n.clone().prop_map(|n| Edit::Hub { n }),
        1 => (n.clone(), any::<bool>()).prop_map(|(n, yes)| Edit::Protect { n, yes }),
        1 => n.prop_map(|n| Edit::Rename { n }),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        3 => Just(Fault::LosesAnswer),
        1 => Just(Fault::Passes),
        1 => Just(Fault::Throttles),
        1 => Just(Fault::Conflicts),
        1 => Just(Fault::Fails),
        1 => Just(Fault::NotReady),
        1 => (1..3_000_u16).prop_map(Fault::Takes),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    let what = prop_oneof![
        Just(Meddling::Touch),
        Just(Meddling::Edit),
        Just(Meddling::Stop),
        Just(Meddling::Remove),
        Just(Meddling::Replace),
    ];
    prop_oneof![
        6 => (1..90_u64).prop_map(|at| Event::Killed { at }),
        2 => (10..70_u64, 1..6_u64).prop_map(|(at, lands)| Event::Late { at, lands }),
        3 => (0..NODES, fault()).prop_map(|(n, fault)| Event::Wrong { n, fault }),
        1 => (0..NODES).prop_map(|n| Event::Blind { n }),
        1 => (0..NODES, 1..12_u64, what)
            .prop_map(|(n, after, what)| Event::Others { n, after, what }),
    ]
}

fn story() -> impl Strategy<Value = Story> {
    let step = (
        prop::collection::vec(edit(), 1..5),
        prop::collection::vec(event(), 0..4),
        prop::bool::weighted(0.3),
    )
        .prop_map(|(edits, events, given_up)| Step {
            edits,
            events,
            given_up,
        });
    (any::<bool>(), prop::collection::vec(step, 1..5))
        .prop_map(|(tokens, steps)| Story { tokens, steps })
}

#[derive(Clone, Default)]
struct Node {
    store: bool,
    scale: u8,
    region: u8,
    needs: BTreeSet<u8>,
    hub: bool,
    protect: Option<bool>,
    renamed: u8,
}

/// A version of the app.
#[derive(Clone, Default)]
struct App(BTreeMap<u8, Node>);

impl App {
    fn path(&self, n: u8) -> Option<String> {
        Some(match self.0.get(&n)?.renamed {
            0 => format!("n{n}"),
            times => format!("n{n}x{times}"),
        })
    }

    fn edit(&mut self, edit: Edit) {
        let (Edit::Add { n, .. }
        | Edit::Remove { n }
        | Edit::Scale { n, .. }
        | Edit::Region { n, .. }
        | Edit::Need { n, .. }
        | Edit::Hub { n }
        | Edit::Protect { n, .. }
        | Edit::Rename { n }) = edit;
        match edit {
            Edit::Add { store, protect, .. } => {
                self.0.entry(n).or_insert(Node {
                    store,
                    protect: protect.then_some(true),
                    ..Node::default()
                });
                return;
            }
            Edit::Remove { .. } => {
                self.0.remove(&n);
                return;
            }
            _ => {}
        }
        let Some(node) = self.0.get_mut(&n) else {
            return;
        };
        match edit {
            Edit::Scale { to, .. } => node.scale = to,
            Edit::Region { to, .. } => node.region = to,
            // Only earlier ones: no circles.
            Edit::Need { on, .. } if on < n => {
                node.needs.insert(on);
            }
            Edit::Hub { .. } => node.hub = !node.hub,
            Edit::Protect { yes, .. } => node.protect = Some(yes),
            Edit::Rename { .. } => node.renamed += 1,
            _ => {}
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (n, node) in &self.0 {
            let path = self.path(*n).unwrap();
            for times in 1..=node.renamed {
                let from = match times {
                    1 => format!("n{n}"),
                    _ => format!("n{n}x{}", times - 1),
                };
                text += &format!("moved {from} to n{n}x{times}\n");
            }
            let mut needs: Vec<String> = node.needs.iter().filter_map(|n| self.path(*n)).collect();
            if node.hub {
                needs.push("hub".into());
            }
            let kind = if node.store { "store" } else { "thing" };
            text += &format!(
                "{kind} {path} name=n{n} scale={} region=r{} needs={}",
                node.scale,
                node.region,
                needs.join(",")
            );
            if let Some(protect) = node.protect {
                text += &format!(" protect={protect}");
            }
            text.push('\n');
        }
        text
    }

    fn protected(&self) -> BTreeSet<ObjectId> {
        let yes = self.0.iter().filter(|(_, node)| node.protect == Some(true));
        yes.map(|(n, node)| id(*n, node.store)).collect()
    }
}

fn id(n: u8, store: bool) -> ObjectId {
    ObjectId::new(format!("{}/n{n}", if store { "store" } else { "thing" }))
}

impl fmt::Debug for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keeps = if self.tokens { "keeps" } else { "can't keep" };
        writeln!(f, "a target that {keeps} tokens")?;
        let mut app = App::default();
        for (i, step) in self.steps.iter().enumerate() {
            let before = app.clone();
            for edit in &step.edits {
                app.edit(*edit);
            }
            writeln!(f, "{}. the app is now", i + 1)?;
            for line in app.text().lines() {
                writeln!(f, "       {line}")?;
            }
            for event in &step.events {
                writeln!(f, "   {event:?}")?;
            }
            if step.given_up {
                writeln!(f, "   and that is taken back")?;
                app = before;
            }
        }
        Ok(())
    }
}

/// Data of the even nodes may be lost, that of the odd ones may not.
fn words() -> Words {
    let even = (0..NODES).step_by(2).map(|n| id(n, true).to_string());
    Words {
        data: DataWord::Of(even.collect()),
        ..Words::default()
    }
}

async fn once(bench: &Bench, text: &str) -> Result<(Plan, Outcome), EngineError> {
    let engine = bench.engine();
    let plan = engine.plan(&graph(text), &words()).await?;
    let options = ApplyOptions::default();
    let never = Interrupts::default();
    let outcome = engine.apply(&plan, &options, &never, |_| {}).await?;
    Ok((plan, outcome))
}

/// One `platc` that is killed at a call; whether it came so far.
async fn killed(bench: &mut Bench, text: &str, at: u64, lands: u64) -> bool {
    let crash = Crash::landing(at, lands);
    let cut = bench.crashing(&crash);
    let killed = tokio::select! {
        biased;
        () = crash.tripped.notified() => true,
        _ = once(&cut, text) => false,
    };
    let pid = bench.machine.pid;
    bench.machine.ended.lock().unwrap().push(pid);
    bench.machine.pid += 1;
    killed
}

/// Plays a story; how many disturbances it had, or what went wrong, after what.
fn play(story: &Story) -> Result<u64, String> {
    run(async {
        let mut told = Vec::new();
        let mut disturbed = 0;
        match played(story, &mut told, &mut disturbed).await {
            Ok(()) => Ok(disturbed),
            Err(why) => Err(format!("{why}\nWhat happened:\n  {}", told.join("\n  "))),
        }
    })
}

async fn played(story: &Story, told: &mut Vec<String>, disturbed: &mut u64) -> Result<(), String> {
    let mut bench = Bench::new();
    bench.fake.tokens = story.tokens;
    let mut app = App::default();
    for (i, step) in story.steps.iter().enumerate() {
        let before = app.clone();
        for edit in &step.edits {
            app.edit(*edit);
        }
        let text = app.text();
        bench.fake.with(|w| w.protecting = app.protected());
        let mut moves = false;
        for event in &step.events {
            *disturbed += 1;
            match *event {
                Event::Killed { at } => {
                    let killed = killed(&mut bench, &text, at, 0).await;
                    told.push(format!("{}: killed at call {at}: {killed}", i + 1));
                }
                Event::Late { at, lands } => {
                    moves = true;
                    let killed = killed(&mut bench, &text, at, lands).await;
                    told.push(format!("{}: killed at call {at}, late: {killed}", i + 1));
                }
                Event::Blind { n } => bench.fake.with(|w| {
                    w.unreadable.insert(id(n, true));
                    w.unreadable.insert(id(n, false));
                }),
                Event::Wrong { n, fault } => {
                    moves |= fault == Fault::Conflicts;
                    bench.fake.with(|w| {
                        for store in [true, false] {
                            w.faults.entry(id(n, store)).or_default().push(fault);
                        }
                    });
                }
                Event::Others { n, after, what } => {
                    moves = true;
                    bench.fake.with(|w| {
                        let at = w.calls + after;
                        for store in [true, false] {
                            w.meddling.push((at, id(n, store), what));
                        }
                    });
                }
            }
        }
        if step.given_up {
            app = before.clone();
        }
        let text = app.text();
        if !settled(&mut bench, &text, moves, i, told).await? {
            if step.given_up {
                // What was begun can't be taken back without a word.
                return Ok(());
            }
            // Its word is not given: the edits are taken back.
            app = before;
            let text = app.text();
            bench.fake.with(|w| w.protecting = app.protected());
            if !settled(&mut bench, &text, moves, i, told).await? {
                // And what was begun of them can't be taken back without a word either.
                return Ok(());
            }
        }
        nothing_amiss(&bench, &app.text()).await?;
        bench.fake.with(|w| {
            w.protected = app.protected();
            w.faults.clear();
        });
    }
    Ok(())
}

/// Applies until nothing is left to do; `false` when it is refused.
async fn settled(
    bench: &mut Bench,
    text: &str,
    moves: bool,
    step: usize,
    told: &mut Vec<String>,
) -> Result<bool, String> {
    for _ in 0..16 {
        let ended = once(bench, text).await;
        bench.machine.ended.lock().unwrap().push(bench.machine.pid);
        bench.machine.pid += 1;
        bench.fake.with(|w| w.unreadable.clear());
        let (plan, outcome) = match ended {
            Ok(ended) => ended,
            Err(EngineError::Refused(why)) => {
                told.push(format!("{}: refused: {}", step + 1, why[0].message));
                return Ok(false);
            }
            Err(EngineError::Stale { moved, .. }) if moves => {
                told.push(format!("{}: stale: {moved:?}", step + 1));
                continue;
            }
            Err(error) => return Err(format!("an apply could not begin: {error}")),
        };
        let does: Vec<String> = plan
            .operations
            .iter()
            .map(|o| format!("{:?} {}", o.action, o.object))
            .collect();
        let failed: Vec<String> = outcome.failed.iter().map(|(_, e)| e.to_string()).collect();
        told.push(format!("{}: {does:?}, failed {failed:?}", step + 1));
        if let Some(trouble) = outcome.trouble {
            return Err(format!("the state could not be written: {trouble}"));
        }
        let quiet = bench
            .fake
            .with(|w| w.under_way.is_empty() && w.meddling.is_empty());
        if plan.is_empty() && quiet {
            return Ok(true);
        }
    }
    Err("16 applies did not finish it".into())
}

async fn nothing_amiss(bench: &Bench, text: &str) -> Result<(), String> {
    let fresh = Bench::new();
    once(&fresh, text).await.map_err(|e| e.to_string())?;
    let (is, should) = (bench.fake.things(), fresh.fake.things());
    if is != should {
        return Err(format!("there is {is:#?}\nand there should be {should:#?}"));
    }
    bench.fake.with(|w| {
        if let Some(violation) = w.violations.first() {
            return Err(violation.clone());
        }
        if let Some((id, _)) = w.things.iter().find(|(_, thing)| thing.stopped) {
            return Err(format!("{id} stays stopped"));
        }
        let even = words();
        for (id, _) in &w.destroyed {
            if !even.data.allows(None, id) {
                return Err(format!("the data of {id} was lost without its word"));
            }
        }
        for (id, data) in &w.data_made {
            let held = w.things.values().filter(|t| t.data == Some(*data)).count();
            let kept = w.kept.values().filter(|d| *d == data).count();
            let gone = w.destroyed.iter().filter(|(_, d)| d == data).count();
            if held + kept + gone != 1 {
                return Err(format!(
                    "the data {data} of {id} is held {held} times, kept {kept} and destroyed {gone}"
                ));
            }
        }
        Ok(())
    })
}

pub(crate) fn setting(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Plays stories until that many disturbances have happened; the first one that goes wrong, told.
pub(crate) fn tell(disturbances: u64, flawed: bool) -> Result<u64, String> {
    let seed = setting("PLAT_CRASH_SEED", 20);
    let count = AtomicU64::new(0);
    for batch in 0.. {
        let mut runner = TestRunner::new(Config {
            cases: 100,
            rng_seed: RngSeed::Fixed(seed + batch),
            failure_persistence: None,
            // One that is expected need not be told well.
            max_shrink_iters: if flawed { 0 } else { 20_000 },
            ..Config::default()
        });
        let ended = runner.run(&story(), |story| match play(&story) {
            Ok(disturbed) => {
                count.fetch_add(disturbed, Ordering::Relaxed);
                Ok(())
            }
            Err(why) => Err(TestCaseError::fail(why)),
        });
        match ended {
            Ok(()) => {}
            Err(TestError::Fail(why, story)) => {
                return Err(format!(
                    "PLAT_CRASH_SEED={}\n{story:?}\n{why}",
                    seed + batch
                ));
            }
            Err(TestError::Abort(why)) => return Err(why.to_string()),
        }
        if count.load(Ordering::Relaxed) >= disturbances {
            break;
        }
    }
    Ok(count.into_inner())
}

#[test]
fn every_story_ends_well() {
    if let Err(told) = tell(setting("PLAT_CRASH_CASES", 10_000), false) {
        panic!("{told}");
    }
}
