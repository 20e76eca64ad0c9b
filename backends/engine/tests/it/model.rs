//! The protocol by which several writers share one state, as a model: every order of their calls
//! to the store is gone through, with any of them cut off anywhere, clocks that say anything of
//! another's lease, and a store that loses an answer, fails, or does what it is asked twice.
//!
//! A step of the model is one call of the store. [`crate::two`] runs the real code along ways
//! through this model and compares call by call, so that what is shown here is shown of it. That
//! the model would see a mistake is shown by leaving out one condition at a time.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use crate::memory::{Answer, Call, Spoiled};

/// A step: who makes its next call, what goes wrong with it, and whether, where it looks who holds
/// the lease, its clock says that another's is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Move {
    pub(crate) who: usize,
    pub(crate) spoiled: Option<Spoiled>,
    pub(crate) over: bool,
}

/// A condition that the protocol stands on, left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without {
    /// The state is written over whatever is there.
    StateTag,
    /// The journal is added to wherever it is as long as it was.
    JournalEnd,
    /// Taking the lease does not move the journal.
    JournalClaim,
    /// A release is kept over whatever is there.
    ReleaseTag,
}

/// Where a writer is: before which call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    TakeJournal,
    TakeState,
    TakeLook,
    TakeLease,
    ClaimLook,
    ClaimRead,
    ClaimState,
    ClaimJournal,
    LoadJournal,
    LoadState,
    Intent,
    Result,
    ReleaseLook,
    ReleaseHeld,
    ReleaseKeep,
    CommitState,
    CommitLook,
    CommitJournal,
    Back,
    BackLook,
    BackAgain,
    End,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Lease {
    version: u8,
    fence: u8,
    holder: Option<usize>,
}

/// What the state says: whose releases, in order; whose operation is begun, and whose is done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Says {
    releases: Vec<usize>,
    begun: BTreeSet<usize>,
    done: BTreeSet<usize>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct State {
    version: u8,
    fence: u8,
    says: Says,
    /// Up to which record the journal is taken in.
    taken_in: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Event {
    Took,
    Intent(usize),
    Result(usize),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
struct Journal {
    version: u8,
    records: Vec<(u8, Event)>,
}

impl Journal {
    fn last(&self) -> u8 {
        self.records.last().map_or(0, |(seq, _)| *seq)
    }
}

impl State {
    fn with(&self, journal: &Journal) -> Says {
        let mut says = self.says.clone();
        for (_, event) in journal
            .records
            .iter()
            .filter(|(seq, _)| *seq > self.taken_in)
        {
            match event {
                Event::Took => {}
                Event::Intent(who) => {
                    says.begun.insert(*who);
                }
                Event::Result(who) => {
                    says.begun.remove(who);
                    says.done.insert(*who);
                }
            }
        }
        says
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Writer {
    at: At,
    fence: u8,
    /// The versions and what else it knows of the files, as it last read or wrote them.
    lease: u8,
    state: u8,
    journal: (u8, usize),
    read_journal: Journal,
    says: Says,
    seq: u8,
    kept: Option<u8>,
    /// Something could not be written, and nothing more is begun.
    trouble: bool,
    /// The release that it was told is there.
    told: Option<usize>,
    /// It was told that its intent is written.
    intent: bool,
}

/// All there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Model {
    lease: Lease,
    state: State,
    journal: Journal,
    /// By number, whose release is kept there, and in which version.
    kept: BTreeMap<usize, (u8, usize)>,
    writers: Vec<Writer>,
    /// How often the store may do something wrong yet.
    faults: u8,
    /// Whoever takes the lease plans anew then: no plan is stale.
    anew: bool,
}

impl Model {
    /// One release is there, and all writers have planned from it.
    pub(crate) fn new(writers: usize, faults: u8) -> Self {
        let says = Says {
            releases: vec![usize::MAX],
            ..Says::default()
        };
        let writer = Writer {
            at: At::TakeJournal,
            fence: 0,
            lease: 0,
            state: 0,
            journal: (0, 0),
            read_journal: Journal::default(),
            says: Says::default(),
            seq: 0,
            kept: None,
            trouble: false,
            told: None,
            intent: false,
        };
        Self {
            lease: Lease {
                version: 1,
                fence: 1,
                holder: None,
            },
            state: State {
                version: 1,
                fence: 1,
                says,
                taken_in: 1,
            },
            journal: Journal {
                version: 1,
                records: vec![(2, Event::Took)],
            },
            kept: BTreeMap::from([(1, (1, usize::MAX))]),
            writers: vec![writer; writers],
            faults,
            anew: false,
        }
    }

    /// The same, where whoever takes the lease plans anew.
    fn anew(self) -> Self {
        Self { anew: true, ..self }
    }

    /// All that can happen next.
    pub(crate) fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        for (who, writer) in self.writers.iter().enumerate() {
            if writer.at == At::End {
                continue;
            }
            let calm = Move {
                who,
                spoiled: None,
                over: false,
            };
            moves.push(calm);
            let others = self.lease.holder.is_some_and(|holder| holder != who);
            if writer.at == At::TakeLook && others {
                moves.push(Move { over: true, ..calm });
            }
            let (how, _) = self.call(who);
            if self.faults > 0 && how != "read" {
                for how in [Spoiled::LosesAnswer, Spoiled::Fails, Spoiled::Twice] {
                    moves.push(Move {
                        spoiled: Some(how),
                        ..calm
                    });
                }
            }
        }
        moves
    }

    /// The next call of a writer.
    pub(crate) fn call(&self, who: usize) -> Call {
        match self.writers[who].at {
            At::TakeJournal | At::ClaimLook | At::LoadJournal | At::CommitLook => {
                ("read", "journal")
            }
            At::TakeState | At::ClaimRead | At::LoadState | At::ReleaseHeld => {
                ("read", "state.json")
            }
            At::TakeLook | At::BackLook => ("read", "lease.json"),
            At::TakeLease | At::Back | At::BackAgain => ("write", "lease.json"),
            At::ClaimState | At::CommitState => ("write", "state.json"),
            At::ClaimJournal | At::CommitJournal => ("write", "journal"),
            At::Intent | At::Result => ("append", "journal"),
            At::ReleaseLook => ("read", "releases"),
            At::ReleaseKeep => ("write", "releases"),
            At::End => ("", ""),
        }
    }

    /// The release that a writer was told is there, once it has ended.
    pub(crate) fn told(&self, who: usize) -> Option<usize> {
        self.writers[who].told
    }

    /// What a write is told, by whether it finds what it expects, and how often it is done.
    fn written(how: Option<Spoiled>, fits: bool) -> (bool, Answer) {
        let answer = if fits { Answer::Done } else { Answer::Moved };
        match how {
            None => (fits, answer),
            Some(Spoiled::Fails) => (false, Answer::Failed),
            Some(Spoiled::LosesAnswer) => (fits, Answer::Failed),
            // The second time it finds what the first one wrote.
            Some(Spoiled::Twice) => (fits, Answer::Moved),
        }
    }

    /// Makes a step; what the writer is told, or what must never be.
    pub(crate) fn step(&mut self, next: Move, without: Option<Without>) -> Result<Answer, String> {
        let Move { who, spoiled, over } = next;
        self.faults -= u8::from(spoiled.is_some());
        let mut me = self.writers[who].clone();
        let answer = self.stepped(&mut me, who, spoiled, over, without);
        self.writers[who] = me;
        let answer = answer?;
        self.holds()?;
        Ok(answer)
    }

    /// Somebody with a newer lease has come so far.
    fn newer(&self, who: usize, fence: u8, far: impl Fn(At) -> bool) -> bool {
        let mut others = self.writers.iter().enumerate().filter(|(i, _)| *i != who);
        others.any(|(_, w)| w.fence > fence && far(w.at))
    }

    fn stepped(
        &mut self,
        me: &mut Writer,
        who: usize,
        spoiled: Option<Spoiled>,
        over: bool,
        without: Option<Without>,
    ) -> Result<Answer, String> {
        let lacks = |what| without == Some(what);
        let mut answer = Answer::Done;
        me.at = match me.at {
            At::TakeJournal => At::TakeState,
            At::TakeState => {
                me.state = self.state.version;
                me.fence = self.state.fence;
                At::TakeLook
            }
            At::TakeLook => {
                me.lease = self.lease.version;
                me.fence = me.fence.max(self.lease.fence) + 1;
                match self.lease.holder {
                    Some(holder) if holder == who || !over => At::End,
                    _ => At::TakeLease,
                }
            }
            At::TakeLease => {
                let done;
                (done, answer) = Self::written(spoiled, me.lease == self.lease.version);
                if done {
                    self.lease.version += 1;
                    self.lease.fence = me.fence;
                    self.lease.holder = Some(who);
                    me.lease = self.lease.version;
                }
                match answer {
                    Answer::Done => At::ClaimLook,
                    Answer::Moved => At::TakeJournal,
                    Answer::Failed => At::End,
                }
            }
            At::ClaimLook => {
                me.journal = (self.journal.version, self.journal.records.len());
                me.read_journal = self.journal.clone();
                At::ClaimRead
            }
            At::ClaimRead => {
                me.state = self.state.version;
                me.seq = me.read_journal.last().max(self.state.taken_in);
                me.says = self.state.says.clone();
                // What it reads here it writes again, with its own number.
                me.kept = Some(self.state.taken_in);
                if self.state.fence > me.fence {
                    At::Back
                } else {
                    At::ClaimState
                }
            }
            At::ClaimState => {
                let fits = me.state == self.state.version || lacks(Without::StateTag);
                let done;
                (done, answer) = Self::written(spoiled, fits);
                if done {
                    self.state.version += 1;
                    self.state.fence = me.fence;
                    self.state.says = me.says.clone();
                    self.state.taken_in = me.kept.unwrap_or_default();
                    me.state = self.state.version;
                }
                match answer {
                    Answer::Done => At::ClaimJournal,
                    Answer::Moved => At::ClaimLook,
                    Answer::Failed => At::Back,
                }
            }
            At::ClaimJournal => {
                me.kept = None;
                me.seq += 1;
                let claims = !lacks(Without::JournalClaim);
                let fits = me.journal.0 == self.journal.version;
                let done;
                (done, answer) = Self::written(spoiled, fits);
                if done && claims {
                    self.journal.version += 1;
                    self.journal.records = me.read_journal.records.clone();
                    self.journal.records.push((me.seq, Event::Took));
                    me.journal = (self.journal.version, self.journal.records.len());
                }
                match answer {
                    Answer::Done => At::LoadJournal,
                    Answer::Moved => At::ClaimLook,
                    Answer::Failed => At::Back,
                }
            }
            At::LoadJournal => {
                me.read_journal = self.journal.clone();
                At::LoadState
            }
            At::LoadState => {
                me.says = self.state.with(&me.read_journal);
                let planned = Model::new(1, 0).state.says;
                // Else the plan is stale.
                if self.anew || me.says == planned {
                    At::Intent
                } else {
                    At::Back
                }
            }
            At::Intent | At::Result => {
                let begins = me.at == At::Intent;
                let event = if begins {
                    Event::Intent(who)
                } else {
                    Event::Result(who)
                };
                let (version, len) = me.journal;
                let fits = if lacks(Without::JournalEnd) {
                    len == self.journal.records.len()
                } else {
                    version == self.journal.version
                };
                let done;
                (done, answer) = Self::written(spoiled, fits);
                if done {
                    let claimed = |at| at_least(at, At::LoadJournal);
                    if self.newer(who, me.fence, claimed) {
                        return Err(format!("{who} adds to the journal of another"));
                    }
                    self.journal.version += 1;
                    self.journal.records.push((me.seq + 1, event));
                }
                if !begins {
                    me.says.begun.remove(&who);
                    me.says.done.insert(who);
                }
                if answer == Answer::Done {
                    me.journal = (self.journal.version, self.journal.records.len());
                    me.seq += 1;
                    me.intent |= begins;
                }
                match (answer, begins) {
                    (Answer::Done, true) => At::Result,
                    (Answer::Moved, _) => At::End,
                    (answer, _) => {
                        me.trouble |= answer == Answer::Failed;
                        At::ReleaseLook
                    }
                }
            }
            At::ReleaseLook => {
                let there = self.kept.get(&me.number());
                me.kept = there.map(|(version, _)| *version);
                if there.is_some() {
                    At::ReleaseHeld
                } else {
                    At::ReleaseKeep
                }
            }
            At::ReleaseHeld => {
                if me.state == self.state.version {
                    At::ReleaseKeep
                } else {
                    At::Back
                }
            }
            At::ReleaseKeep => {
                let there = self.kept.get(&me.number()).map(|(version, _)| *version);
                let done;
                let fits = there == me.kept || lacks(Without::ReleaseTag);
                (done, answer) = Self::written(spoiled, fits);
                if done {
                    let version = there.unwrap_or_default() + 1;
                    self.kept.insert(me.number(), (version, who));
                }
                match answer {
                    Answer::Done => At::CommitState,
                    Answer::Moved => At::ReleaseLook,
                    Answer::Failed => At::Back,
                }
            }
            At::CommitState => {
                let fits = me.state == self.state.version || lacks(Without::StateTag);
                let done;
                (done, answer) = Self::written(spoiled, fits);
                if done {
                    self.state.version += 1;
                    self.state.fence = me.fence;
                    self.state.says = me.says.clone();
                    self.state.says.releases.push(who);
                    self.state.taken_in = me.seq;
                }
                if answer == Answer::Done {
                    At::CommitLook
                } else {
                    At::Back
                }
            }
            At::CommitLook => {
                let same = me.journal.0 == self.journal.version;
                if same { At::CommitJournal } else { At::Back }
            }
            At::CommitJournal => {
                let done;
                (done, answer) = Self::written(spoiled, me.journal.0 == self.journal.version);
                if done {
                    self.journal.version += 1;
                    self.journal.records = vec![(me.seq + 1, Event::Took)];
                }
                if answer == Answer::Done {
                    me.told = Some(me.number());
                }
                At::Back
            }
            At::Back | At::BackAgain => {
                let again = me.at == At::BackAgain;
                let done;
                (done, answer) = Self::written(spoiled, me.lease == self.lease.version);
                if done {
                    self.lease.version += 1;
                    self.lease.holder = None;
                    self.lease.fence = me.fence;
                }
                if answer == Answer::Moved && !again {
                    At::BackLook
                } else {
                    At::End
                }
            }
            At::BackLook => {
                me.lease = self.lease.version;
                let ours = self.lease.fence == me.fence && self.lease.holder.is_some();
                if ours { At::BackAgain } else { At::End }
            }
            At::End => At::End,
        };
        Ok(answer)
    }

    /// What must hold after every step.
    fn holds(&self) -> Result<(), String> {
        let releases = &self.state.says.releases;
        for (i, who) in releases.iter().enumerate() {
            let kept = self.kept.get(&(i + 1)).map(|(_, whose)| whose);
            if kept != Some(who) {
                return Err(format!(
                    "release {} is {who}'s, and {kept:?}'s is kept",
                    i + 1
                ));
            }
        }
        let now = self.state.with(&self.journal);
        for (who, writer) in self.writers.iter().enumerate() {
            if let Some(number) = writer.told
                && releases.get(number - 1) != Some(&who)
            {
                return Err(format!(
                    "{who} was told of release {number}, which is not its own"
                ));
            }
            if writer.intent && !now.begun.contains(&who) && !now.done.contains(&who) {
                return Err(format!("what {who} began is forgotten"));
            }
        }
        Ok(())
    }
}

impl Writer {
    fn number(&self) -> usize {
        self.says.releases.len() + 1
    }
}

fn at_least(at: At, other: At) -> bool {
    at as u8 >= other as u8 && !matches!(at, At::Back | At::BackLook | At::BackAgain | At::End)
}

/// Goes through all that can happen where writers are cut short at most `switches` times, each for
/// any time and anywhere; how many situations there are, or the way to one that must not be. Few
/// suffice to find most mistakes (Musuvathi and Qadeer, "Iterative context bounding for systematic
/// testing of multithreaded programs", PLDI 2007).
fn explore(start: Model, switches: usize, without: Option<Without>) -> Result<usize, String> {
    let mut seen = HashSet::from([(start.clone(), 0, switches)]);
    let mut queue = VecDeque::from([(start, 0, switches)]);
    while let Some((model, last, left)) = queue.pop_front() {
        for next in model.moves() {
            let cuts = next.who != last && model.writers[last].at != At::End;
            let Some(left) = left.checked_sub(usize::from(cuts)) else {
                continue;
            };
            let mut after = model.clone();
            if let Err(why) = after.step(next, without) {
                return Err(format!("{why}\nafter {next:?} of {model:#?}"));
            }
            let after = (after, next.who, left);
            if !seen.contains(&after) {
                seen.insert(after.clone());
                queue.push_back(after);
            }
        }
    }
    Ok(seen.len())
}

#[test]
fn of_two_writers_no_two_win_whatever_the_store_does() {
    let situations = explore(Model::new(2, 1), 4, None).unwrap();
    assert!(situations > 2_000, "{situations}");
}

#[test]
fn of_three_writers_no_two_win() {
    let situations = explore(Model::new(3, 0).anew(), 2, None).unwrap();
    assert!(situations > 2_000, "{situations}");
}

#[test]
fn each_condition_is_needed() {
    for without in [
        Without::StateTag,
        Without::JournalEnd,
        Without::JournalClaim,
        Without::ReleaseTag,
    ] {
        let found = explore(Model::new(3, 0).anew(), 2, Some(without));
        assert!(found.is_err(), "nobody misses {without:?}");
    }
}
