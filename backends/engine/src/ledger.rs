//! State, journal and lease in their store: reading them, and writing them under the lease.

use std::sync::Arc;

use plat_model::Digest;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StateError;
use crate::journal::{self, Event, Journal, Record};
use crate::lease::{Alive, Holder, Host, Lease, Watch};
use crate::object::Scope;
use crate::plan::Plan;
use crate::recover::replay;
use crate::sabotage::{self, Flaw};
use crate::sealed;
use crate::state::{Release, ReleaseHead, State};
use crate::store::{Blob, Expect, LOG as JOURNAL, Store, StoreError};

const STATE: &str = "state.json";
const LEASE: &str = "lease.json";
/// How many releases keep their graph.
pub(crate) const RELEASES: usize = 50;
/// How many plans are kept to be applied by their short digest.
const PLANS: usize = 20;
/// For how long a sign of life counts where nobody can look at the process, in milliseconds.
pub(crate) const TTL: u64 = 30_000;

/// The state of a scope in its store.
#[derive(Clone)]
pub struct Ledger {
    store: Arc<dyn Store>,
    scope: Scope,
    watch: Arc<Watch>,
}

/// What was read, and what it was made of: only who is about to write asks for its tags.
struct Read {
    state: State,
    state_blob: Option<Blob>,
    journal: Journal,
    journal_blob: Option<Blob>,
}

fn expect(tag: Option<&Digest>) -> Expect {
    if sabotage::has(Flaw::Unconditional) {
        return Expect::Anything;
    }
    tag.map_or(Expect::Absent, |tag| Expect::Tag(tag.clone()))
}

/// That a file is still as it was read.
fn as_read(read: Option<&Blob>) -> Expect {
    expect(read.map(Blob::tag).as_ref())
}

impl Ledger {
    /// The ledger of a scope. Nothing is read yet.
    pub fn new(store: Arc<dyn Store>, scope: Scope) -> Self {
        Self {
            store,
            scope,
            watch: Arc::default(),
        }
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        self.store.place()
    }

    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.store.place())
    }

    fn opened<T: DeserializeOwned>(
        &self,
        what: &'static str,
        format: u32,
        name: &str,
        blob: &Blob,
    ) -> Result<T, StateError> {
        sealed::open(what, format, &blob.bytes).map_err(|why| StateError::Unreadable {
            place: self.at(name),
            why,
        })
    }

    fn sealed<T: Serialize>(
        &self,
        what: &str,
        format: u32,
        name: &str,
        content: &T,
    ) -> Result<Vec<u8>, StateError> {
        sealed::seal(what, format, content).map_err(|error| StateError::Unwritable {
            place: self.at(name),
            why: error.to_string(),
        })
    }

    /// The state with what the journal adds to it. Takes no lease and changes nothing.
    ///
    /// # Errors
    /// It can't be read, is of a newer platc, or is damaged.
    pub async fn load(&self) -> Result<State, StateError> {
        let Read {
            mut state, journal, ..
        } = self.read().await?;
        replay(&mut state, &journal.records);
        Ok(state)
    }

    async fn read(&self) -> Result<Read, StateError> {
        // The journal first: a commit in between moves its content into the state, where its
        // numbers say so; the other way round it would be missed.
        let journal_blob = self.store.read(JOURNAL).await?;
        let state_blob = self.store.read(STATE).await?;
        let state = match &state_blob {
            Some(blob) => {
                let state: State = self.opened("state", State::FORMAT, STATE, blob)?;
                if state.scope != self.scope {
                    return Err(StateError::OtherScope {
                        place: self.at(STATE),
                        found: state.scope,
                        wanted: self.scope.clone(),
                    });
                }
                state
            }
            None => State {
                releases: self.kept_heads().await?,
                ..State::new(self.scope.clone())
            },
        };
        let journal = match &journal_blob {
            Some(blob) => {
                journal::parse(&blob.bytes).map_err(|why| StateError::JournalDamaged {
                    place: self.at(JOURNAL),
                    why,
                })?
            }
            None => Journal::default(),
        };
        Ok(Read {
            state,
            state_blob,
            journal,
            journal_blob,
        })
    }

    /// The heads of the releases whose files are there, in order: what is known of them where the
    /// state is lost. What can't be read of them is left out.
    async fn kept_heads(&self) -> Result<Vec<ReleaseHead>, StateError> {
        let mut heads = Vec::new();
        for name in self.store.list("releases").await? {
            let name = format!("releases/{name}");
            let Some(blob) = self.store.read(&name).await? else {
                continue;
            };
            let kept: Result<Release, _> = self.opened("release", Release::FORMAT, &name, &blob);
            heads.extend(kept.ok().map(|release| release.head));
        }
        heads.sort_by_key(|head| head.number);
        heads.dedup_by_key(|head| head.number);
        Ok(heads)
    }

    async fn lease(&self) -> Result<(Option<Lease>, Expect), StateError> {
        let blob = self.store.read(LEASE).await?;
        let lease = match &blob {
            Some(blob) => Some(self.opened("lease", Lease::FORMAT, LEASE, blob)?),
            None => None,
        };
        Ok((lease, as_read(blob.as_ref())))
    }

    /// Who holds the lease now.
    ///
    /// # Errors
    /// It can't be read.
    pub async fn holder(&self, host: &dyn Host) -> Result<Option<Holder>, StateError> {
        let (lease, _) = self.lease().await?;
        let held = lease.as_ref().and_then(|lease| self.held(lease, host));
        Ok(held.map(|(holder, _)| holder.clone()))
    }

    /// Nobody is at work on the environment.
    ///
    /// # Errors
    /// [`StateError::Busy`] when somebody is; that the lease can't be read.
    pub async fn nobody_else(&self, host: &dyn Host) -> Result<(), StateError> {
        let (lease, _) = self.lease().await?;
        lease.map_or(Ok(()), |lease| self.refuse_held(&lease, host))
    }

    fn refuse_held(&self, lease: &Lease, host: &dyn Host) -> Result<(), StateError> {
        match self.held(lease, host) {
            Some((holder, alive)) => Err(StateError::Busy {
                holder: Box::new(holder.clone()),
                elsewhere: alive == Alive::CannotTell,
            }),
            None => Ok(()),
        }
    }

    /// Who holds a lease, as far as somebody can tell who looked before.
    fn held<'l>(&self, lease: &'l Lease, host: &dyn Host) -> Option<(&'l Holder, Alive)> {
        let (holder, alive) = lease.held_at(host)?;
        let over = alive == Alive::CannotTell && self.watch.is_over(lease);
        (!over).then_some((holder, alive))
    }

    /// Takes the lease, once: takes over from a dead holder, and says who else holds it.
    ///
    /// # Errors
    /// [`StateError::Busy`] when a living one holds it; that the store can't be used.
    pub(crate) async fn take(&self, host: &dyn Host, command: &str) -> Result<Held, StateError> {
        let (lease, bytes) = loop {
            let read = self.read().await?;
            let (lease, expected) = self.lease().await?;
            if let Some(lease) = &lease {
                self.refuse_held(lease, host)?;
            }
            let fence = match &lease {
                // A target may remember the number of a state that was lost: none there ever was
                // came near to the time.
                None if read.state_blob.is_none() => host.now(),
                _ => lease.map_or(0, |l| l.fence).max(read.state.fence),
            };
            let lease = Lease {
                fence: fence + 1,
                holder: Some(host.me(command)),
                renewed: host.now(),
                ttl: TTL,
            };
            let bytes = self.sealed("lease", Lease::FORMAT, LEASE, &lease)?;
            match self.store.write(LEASE, &bytes, &expected).await {
                // Another was a little faster: look again who it is.
                Err(StoreError::Moved { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => break (lease, bytes),
            }
        };
        let mut held = Held {
            ledger: self.clone(),
            lease_tag: Digest::of(&bytes),
            lease,
            state_tag: None,
            generation: 0,
            journal_len: 0,
            journal_end: Vec::new(),
            seq: 0,
        };
        // From here on the slower of two writers is out: the state, then the journal, move.
        match held.claim().await {
            Ok(state) => {
                held.generation = state.1.generation;
                held.state_tag = Some(state.0);
                Ok(held)
            }
            Err(error) => {
                // The first error is the one worth telling; a dead holder's lease ends anyway.
                let _ = held.release(host).await;
                Err(error)
            }
        }
    }

    /// The graph and the head of a release; `None` when it is no longer kept.
    ///
    /// # Errors
    /// It can't be read, or is damaged.
    pub async fn release(&self, number: u64) -> Result<Option<Release>, StateError> {
        let name = release_name(number);
        match self.store.read(&name).await? {
            Some(blob) => self
                .opened("release", Release::FORMAT, &name, &blob)
                .map(Some),
            None => Ok(None),
        }
    }

    /// Keeps a plan, so that it can be applied by its short digest; of many, the newest.
    ///
    /// # Errors
    /// It can't be written.
    pub async fn keep_plan(&self, plan: &Plan, host: &dyn Host) -> Result<(), StateError> {
        let mut kept = self.store.list("plans").await?;
        let ending = format!("-{}.plan", plan.digest);
        if kept.iter().any(|name| name.ends_with(&ending)) {
            return Ok(());
        }
        while kept.len() >= PLANS {
            let oldest = kept.remove(0);
            self.store.remove(&format!("plans/{oldest}")).await?;
        }
        let name = format!("plans/{:015}{ending}", host.now());
        let bytes = crate::file::plan_to_bytes(plan).map_err(|why| StateError::Unwritable {
            place: self.at(&name),
            why: why.to_string(),
        })?;
        Ok(self.store.write(&name, &bytes, &Expect::Anything).await?)
    }

    /// The recent plan whose digest begins with `short`; `None` when there is none, or several.
    ///
    /// # Errors
    /// It can't be read, or is damaged.
    pub async fn recent_plan(&self, short: &str) -> Result<Option<Plan>, StateError> {
        let kept = self.store.list("plans").await?;
        let mut fitting = kept.iter().filter(|name| {
            let digest = name.split_once('-').map_or("", |(_, digest)| digest);
            !short.is_empty() && digest.starts_with(short)
        });
        let (Some(name), None) = (fitting.next(), fitting.next()) else {
            return Ok(None);
        };
        let name = format!("plans/{name}");
        match self.store.read(&name).await? {
            Some(blob) => crate::file::plan_from_bytes(&blob.bytes)
                .map(|file| Some(file.plan))
                .map_err(|why| StateError::Unreadable {
                    place: self.at(&name),
                    why,
                }),
            None => Ok(None),
        }
    }
}

fn release_name(number: u64) -> String {
    format!("releases/{number:06}.json")
}

/// The lease, held. Each write shows that it still is: after another has taken it, every one is
/// refused with [`StateError::LeaseLost`].
pub(crate) struct Held {
    ledger: Ledger,
    lease: Lease,
    lease_tag: Digest,
    state_tag: Option<Digest>,
    generation: u64,
    journal_len: u64,
    /// The last record of the journal, as it stands there: it is this holder's own.
    journal_end: Vec<u8>,
    seq: u64,
}

impl Held {
    pub(crate) const fn fence(&self) -> u64 {
        self.lease.fence
    }

    /// Where it is written, for people.
    pub(crate) fn place(&self) -> String {
        self.ledger.place()
    }

    async fn claim(&mut self) -> Result<(Digest, State), StateError> {
        let ledger = self.ledger.clone();
        // A slower writer may still get a write in before the claim: look again, as often as it
        // can have begun one.
        for _ in 0..20 {
            let read = ledger.read().await?;
            let mut state = read.state;
            if state.fence > self.lease.fence {
                return Err(StateError::LeaseLost);
            }
            state.fence = self.lease.fence;
            state.generation += 1;
            let bytes = ledger.sealed("state", State::FORMAT, STATE, &state)?;
            let expected = as_read(read.state_blob.as_ref());
            match ledger.store.write(STATE, &bytes, &expected).await {
                Err(StoreError::Moved { .. }) => continue,
                other => other?,
            }
            let last = read.journal.records.last().map_or(0, |r| r.seq);
            self.seq = last.max(state.journaled) + 1;
            let took = Record {
                seq: self.seq,
                fence: self.lease.fence,
                event: self.took()?,
            };
            // Written whole: what a crash cut short goes.
            let mut journal = Vec::new();
            for record in read.journal.records.iter().chain([&took]) {
                journal.extend(self.encoded(record)?);
            }
            let expected = as_read(read.journal_blob.as_ref());
            match ledger.store.write(JOURNAL, &journal, &expected).await {
                Err(StoreError::Moved { .. }) => continue,
                other => other?,
            }
            self.journal_len = journal.len() as u64;
            self.journal_end = self.encoded(&took)?;
            replay(&mut state, &read.journal.records);
            return Ok((Digest::of(&bytes), state));
        }
        Err(StateError::LeaseLost)
    }

    fn took(&self) -> Result<Event, StateError> {
        let holder = self.lease.holder.clone().ok_or(StateError::LeaseLost)?;
        Ok(Event::Took { holder })
    }

    fn encoded(&self, record: &Record) -> Result<Vec<u8>, StateError> {
        journal::encode(record).map_err(|error| StateError::Unwritable {
            place: self.ledger.at(JOURNAL),
            why: error.to_string(),
        })
    }

    /// Writes records to the journal, with one write; when this returns they are there for good.
    pub(crate) async fn record(&mut self, events: Vec<Event>) -> Result<(), StateError> {
        let mut seq = self.seq;
        let mut bytes = Vec::new();
        let mut last = Vec::new();
        for event in events {
            seq += 1;
            let record = Record {
                seq,
                fence: self.lease.fence,
                event,
            };
            last = self.encoded(&record)?;
            bytes.extend_from_slice(&last);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let store = &self.ledger.store;
        store
            .append(JOURNAL, self.journal_len, &self.journal_end, &bytes)
            .await?;
        self.journal_len += bytes.len() as u64;
        self.journal_end = last;
        self.seq = seq;
        Ok(())
    }

    /// Writes the state, with all of the journal in it, and empties the journal.
    pub(crate) async fn commit(&mut self, state: &State) -> Result<(), StateError> {
        let mut state = state.clone();
        state.fence = self.lease.fence;
        state.generation = self.generation + 1;
        state.journaled = if sabotage::has(Flaw::JournalTakenInTwice) {
            0
        } else {
            self.seq
        };
        let bytes = self.ledger.sealed("state", State::FORMAT, STATE, &state)?;
        let expected = expect(self.state_tag.as_ref());
        self.ledger.store.write(STATE, &bytes, &expected).await?;
        self.state_tag = Some(Digest::of(&bytes));
        self.generation += 1;
        // Its records are in the state now, and their numbers say so: whether it is emptied or
        // not is the same.
        let took = Record {
            seq: self.seq + 1,
            fence: self.lease.fence,
            event: self.took()?,
        };
        let journal = self.encoded(&took)?;
        let old = self.ledger.store.read(JOURNAL).await?;
        let ours = |b: &Blob| {
            b.bytes.len() as u64 == self.journal_len && b.bytes.ends_with(&self.journal_end)
        };
        if !old.as_ref().is_some_and(ours) {
            return Err(StateError::LeaseLost);
        }
        let expected = as_read(old.as_ref());
        self.ledger
            .store
            .write(JOURNAL, &journal, &expected)
            .await?;
        self.journal_len = journal.len() as u64;
        self.journal_end = journal;
        self.seq += 1;
        Ok(())
    }

    /// Keeps the graph of a release. It counts once [`Self::commit`] has written its head, and is
    /// written on condition all the same: a slower writer, long after it lost the lease, may be
    /// about to keep another under this number.
    pub(crate) async fn keep_release(&self, release: &Release) -> Result<(), StateError> {
        let name = release_name(release.head.number);
        let bytes = self
            .ledger
            .sealed("release", Release::FORMAT, &name, release)?;
        let store = &self.ledger.store;
        for _ in 0..20 {
            let there = store.read(&name).await?;
            if there.is_some() {
                // Of an apply that was cut off before its head was written; or of whoever took the
                // lease since, and then it is theirs. In this order: who takes it after this look
                // writes after it too, and moves what is written here on condition.
                self.look_whether_held().await?;
            }
            let expected = as_read(there.as_ref());
            match store.write(&name, &bytes, &expected).await {
                Err(StoreError::Moved { .. }) => {}
                other => return Ok(other?),
            }
        }
        Err(StateError::LeaseLost)
    }

    /// Removes the files of releases whose heads the state no longer has. One that stays behind is
    /// in nobody's way.
    pub(crate) async fn drop_releases(&self, numbers: &[u64]) {
        for number in numbers {
            let _ = self.ledger.store.remove(&release_name(*number)).await;
        }
    }

    /// Whoever takes the lease moves the state first.
    async fn look_whether_held(&self) -> Result<(), StateError> {
        let state = self.ledger.store.read(STATE).await?;
        if state.as_ref().map(Blob::tag) == self.state_tag {
            Ok(())
        } else {
            Err(StateError::LeaseLost)
        }
    }

    /// Gives a sign of life.
    pub(crate) async fn renew(&mut self, host: &dyn Host) -> Result<(), StateError> {
        self.lease.renewed = host.now();
        self.write_lease().await
    }

    /// Gives the lease back.
    pub(crate) async fn release(&mut self, host: &dyn Host) -> Result<(), StateError> {
        self.lease.renewed = host.now();
        self.lease.holder = None;
        self.write_lease().await
    }

    async fn write_lease(&mut self) -> Result<(), StateError> {
        let bytes = self
            .ledger
            .sealed("lease", Lease::FORMAT, LEASE, &self.lease)?;
        let store = &self.ledger.store;
        let expected = Expect::Tag(self.lease_tag.clone());
        match store.write(LEASE, &bytes, &expected).await {
            Err(StoreError::Moved { .. }) => {
                // A sign of life that counted as failed may have come through all the same: only
                // another's number means that another has it.
                let (now, expected) = self.ledger.lease().await?;
                let ours =
                    |lease: &Lease| lease.fence == self.lease.fence && lease.holder.is_some();
                if !now.as_ref().is_some_and(ours) {
                    return Err(StateError::LeaseLost);
                }
                store.write(LEASE, &bytes, &expected).await?;
            }
            other => other?,
        }
        self.lease_tag = Digest::of(&bytes);
        Ok(())
    }
}
