//! Two applies of one environment at once, one call after another in every order.
//!
//! Each call of an engine (to the state or to the target) waits at a gate. A schedule lets one of
//! the two pass, moves a clock, or spoils an answer of the store. Nothing here sleeps, and nothing
//! depends on how fast the machine is.
//!
//! Whatever the schedule: what was told to be a release is one, with the plan it was told for, and
//! no two have a number; nothing is made twice; and one more apply puts all in order.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use plat_engine::{EngineError, Outcome, Plan, StateError};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseResult};

use crate::app::graph;
use crate::memory::Spoiled;
use crate::model::Model;
use crate::world::{Crash, Gate};
use crate::{Bench, run};

const START: &str = "thing a scale=1\nthing gone";
const FIRST: &str = "thing a scale=2\nthing b needs=a";
const SECOND: &str = "thing a scale=3\nthing c needs=a";

type End = Result<(Plan, Outcome), EngineError>;

/// A `platc` that goes on when it is let.
struct Writer {
    gate: Arc<Gate>,
    bench: Bench,
    future: Pin<Box<dyn Future<Output = End>>>,
    end: Option<End>,
}

impl Writer {
    /// On a machine of its own: nobody can tell whether it lives.
    fn new(bench: &Bench, name: &'static str, text: &'static str) -> Self {
        let gate = Arc::new(Gate::default());
        let mut bench = bench.crashing(&Crash::gated(&gate));
        bench.machine.name = name;
        bench.machine.clock = Arc::new(bench.machine.clock.load(Ordering::SeqCst).into());
        bench.memory.spoiled = Arc::default();
        bench.memory.calls = Arc::default();
        let engine = bench.engine();
        let future = async move {
            let plan = engine.plan(&graph(text), &Default::default()).await?;
            let never = Default::default();
            let options = Default::default();
            let outcome = engine.apply(&plan, &options, &never, |_| {}).await?;
            Ok((plan, outcome))
        };
        Self {
            gate,
            bench,
            future: Box::pin(future),
            end: None,
        }
    }

    /// One that has planned already.
    fn planned(bench: &Bench, name: &'static str, plan: Plan) -> Self {
        let mut writer = Self::new(bench, name, START);
        let engine = writer.bench.engine();
        writer.future = Box::pin(async move {
            let never = Default::default();
            let options = Default::default();
            let outcome = engine.apply(&plan, &options, &never, |_| {}).await?;
            Ok((plan, outcome))
        });
        writer
    }

    fn calls(&self) -> usize {
        self.bench.memory.calls.lock().unwrap().len()
    }

    /// Lets it come so far that it has made one more call of the store, or has ended.
    async fn call(&mut self) {
        let before = self.calls();
        while self.end.is_none() && self.calls() == before {
            if let Poll::Ready(end) = futures::poll!(self.future.as_mut()) {
                self.end = Some(end);
            } else if self.gate.is_waited_at() && self.calls() == before {
                self.gate.open();
            } else {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Lets it pass one call; whether it came to its end.
    async fn step(&mut self) -> bool {
        if self.end.is_some() {
            return true;
        }
        self.gate.open();
        // It yields here and there without passing anything.
        for _ in 0..4 {
            if let Poll::Ready(end) = futures::poll!(self.future.as_mut()) {
                self.end = Some(end);
                return true;
            }
            tokio::task::yield_now().await;
        }
        false
    }

    fn clock(&self, ahead: u64) {
        self.bench.machine.clock.fetch_add(ahead, Ordering::SeqCst);
    }

    fn spoil(&self, how: Spoiled) {
        self.bench.memory.spoiled.lock().unwrap().push_back(how);
    }
}

#[derive(Debug, Clone, Copy)]
enum Choice {
    /// One of the two passes so many calls.
    Goes { who: usize, calls: u8 },
    /// Its clock is so much ahead of what it was, in seconds.
    Clock { who: usize, ahead: u8 },
    /// Something is wrong with its next write of the state.
    Spoil { who: usize, how: Spoiled },
}

/// A world with something in it.
async fn begun() -> Bench {
    let mut bench = Bench::new();
    bench.up(START).await;
    bench.machine.ended.lock().unwrap().push(1);
    bench.machine.pid = 2;
    bench
}

/// Two at once by a schedule, then each to its end; then one more.
async fn raced(start: &Bench, choices: &[Choice]) -> TestCaseResult {
    let mut bench = start.copy();
    let mut two = [
        Writer::new(&bench, "one", FIRST),
        Writer::new(&bench, "two", SECOND),
    ];
    for choice in choices {
        match *choice {
            Choice::Goes { who, calls } => {
                for _ in 0..calls {
                    two[who].step().await;
                }
            }
            Choice::Clock { who, ahead } => two[who].clock(u64::from(ahead) * 1_000),
            Choice::Spoil { who, how } => two[who].spoil(how),
        }
    }
    for writer in &mut two {
        for _ in 0..1_000 {
            if writer.step().await {
                break;
            }
        }
    }

    // Both have ended; whoever comes next finds what is true.
    bench.machine.clock.fetch_add(3_600_000, Ordering::SeqCst);
    bench.machine.pid = 3;
    let state = bench.engine().ledger().load().await;
    let state = state.map_err(|e| TestCaseError::fail(e.to_string()))?;
    for writer in &two {
        let end = writer.end.as_ref();
        prop_assert!(end.is_some(), "it came to no end");
        if let Some(Ok((plan, outcome))) = end
            && let Some(number) = outcome.release
        {
            let release = state.releases.iter().find(|r| r.number == number);
            prop_assert!(
                release.is_some_and(|r| r.plan == plan.digest),
                "release {number} was told, and is not there"
            );
        }
        if let Some(Err(error)) = end {
            let lost = matches!(
                error,
                EngineError::Stale { .. }
                    | EngineError::State(
                        StateError::Busy { .. } | StateError::LeaseLost | StateError::Store(_)
                    )
            );
            prop_assert!(lost, "{error}");
        }
    }
    for head in &state.releases {
        let kept = bench.engine().ledger().release(head.number).await;
        let kept = kept.map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(kept.map(|release| release.head), Some(head.clone()));
    }
    let mut numbers: Vec<u64> = state.releases.iter().map(|r| r.number).collect();
    numbers.dedup();
    prop_assert_eq!(numbers.len(), state.releases.len());

    for _ in 0..5 {
        let plan = bench.plan(SECOND).await.unwrap();
        if plan.is_empty() {
            break;
        }
        bench.apply(&plan).await.unwrap();
    }
    prop_assert!(bench.plan(SECOND).await.unwrap().is_empty());
    let things: Vec<String> = bench.fake.things().into_keys().collect();
    prop_assert_eq!(things, ["thing/a", "thing/c"]);
    for thing in ["thing/a", "thing/b", "thing/c"] {
        let log = bench.fake.with(|w| w.log.clone());
        let mut there = false;
        for line in log.iter().filter(|line| line.ends_with(thing)) {
            prop_assert!(
                !(there && line.starts_with("create")),
                "made twice: {log:?}"
            );
            there = !line.starts_with("delete");
        }
    }
    Ok(())
}

/// Pauses one at each of its calls, for as long as the other takes for each number of its own;
/// the other's clock says that the lease is over, or not.
fn paused_everywhere(step: usize) -> Result<usize, String> {
    let mut races = 0;
    for fences in [true, false] {
        for ahead in [0, 60] {
            run(async {
                let mut start = begun().await;
                start.fake.fences = fences;
                for paused in (1..80).step_by(step) {
                    for passed in (1..80).step_by(5) {
                        races += 1;
                        let choices = [
                            Choice::Goes {
                                who: 0,
                                calls: paused,
                            },
                            Choice::Clock { who: 1, ahead },
                            Choice::Goes {
                                who: 1,
                                calls: passed,
                            },
                        ];
                        let raced = raced(&start, &choices).await;
                        raced.map_err(|e| format!("{paused} calls, then {passed}: {e}"))?;
                    }
                }
                Ok::<_, String>(())
            })?;
        }
    }
    Ok(races)
}

/// Races of two, one of them paused at some of its calls.
pub(crate) fn raced_from_each_call() -> Result<(), String> {
    paused_everywhere(5).map(|_| ())
}

#[test]
fn wherever_one_pauses_and_however_far_the_other_comes() {
    assert!(paused_everywhere(3).unwrap() > 1_500);
}

fn choice() -> impl Strategy<Value = Choice> {
    let how = prop_oneof![
        Just(Spoiled::LosesAnswer),
        Just(Spoiled::Fails),
        Just(Spoiled::Twice),
    ];
    prop_oneof![
        8 => (0..2_usize, 1..20_u8).prop_map(|(who, calls)| Choice::Goes { who, calls }),
        1 => (0..2_usize, 0..70_u8).prop_map(|(who, ahead)| Choice::Clock { who, ahead }),
        1 => (0..2_usize, how).prop_map(|(who, how)| Choice::Spoil { who, how }),
    ]
}

proptest! {
    #![proptest_config(Config {
        cases: 400,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(11),
        ..Config::default()
    })]

    /// Clocks are wrong in both directions, heartbeats come late, the store loses an answer, fails
    /// or does what it is asked twice.
    #[test]
    fn whatever_the_order_no_two_win(
        choices in prop::collection::vec(choice(), 1..24),
        fences in any::<bool>(),
    ) {
        run(async {
            let mut start = begun().await;
            start.fake.fences = fences;
            raced(&start, &choices).await
        })?;
    }
}

/// The real code goes a way through the model ([`crate::model`]): each of its calls is the one that
/// the model makes, with the same answer, and at the end the same is told.
async fn followed(start: &Bench, picks: &[u8]) -> TestCaseResult {
    let mut model = Model::new(2, 2);
    let mut two = Vec::new();
    for (name, more) in [("one", "thing b"), ("two", "thing c")] {
        let plan = start.plan(&format!("{START}\n{more}")).await;
        let plan = plan.map_err(|e| TestCaseError::fail(e.to_string()))?;
        two.push((name, plan));
    }
    let bench = start.copy();
    let mut two: Vec<Writer> = two
        .into_iter()
        .map(|(name, plan)| Writer::planned(&bench, name, plan))
        .collect();
    let mut picks = picks.iter();
    loop {
        let moves = model.moves();
        let Some(count) = NonZeroUsize::new(moves.len()) else {
            break;
        };
        let pick = picks.next().map_or(0, |pick| usize::from(*pick) % count);
        let next = moves[pick];
        let wanted = model.call(next.who);
        let answer = model.step(next, None).map_err(TestCaseError::fail)?;

        let writer = &mut two[next.who];
        // What it says the time is, is what it goes by: that it is over, or that it never is.
        let time = if next.over { u64::MAX } else { 0 };
        writer.bench.machine.clock.store(time, Ordering::SeqCst);
        writer
            .bench
            .memory
            .spoiled
            .lock()
            .unwrap()
            .extend(next.spoiled);
        writer.call().await;
        let did = writer.bench.memory.calls.lock().unwrap().last().copied();
        prop_assert_eq!(did, Some((wanted, answer)), "{:?}", next);
    }
    for (who, writer) in two.iter_mut().enumerate() {
        // Who is refused may still read what was released, to tell how its plan would differ now.
        let calls = writer.calls();
        while writer.end.is_none() {
            writer.call().await;
        }
        let more = writer.bench.memory.calls.lock().unwrap();
        let more: Vec<_> = more[calls..].iter().map(|(call, _)| *call).collect();
        let reads = more.iter().all(|call| *call == ("read", "releases"));
        prop_assert!(reads, "the model has ended: {more:?}");
        let told = match &writer.end {
            Some(Ok((_, outcome))) => outcome.release,
            _ => None,
        };
        prop_assert_eq!(told, model.told(who).map(|number| number as u64));
    }
    Ok(())
}

proptest! {
    #![proptest_config(Config {
        cases: 600,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(12),
        ..Config::default()
    })]

    #[test]
    fn the_real_code_goes_the_ways_of_the_model(
        picks in prop::collection::vec(any::<u8>(), 1..80),
        fences in any::<bool>(),
    ) {
        run(async {
            let mut start = begun().await;
            start.fake.fences = fences;
            followed(&start, &picks).await
        })?;
    }
}
