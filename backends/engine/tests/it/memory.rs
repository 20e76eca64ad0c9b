//! A store and a machine in memory, that a crash can stop at any write.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use plat_engine::{Alive, Blob, Expect, Holder, Host, Store, StoreError};

use crate::world::Crash;

/// What a writer asks of the store: how, and of which file.
pub(crate) type Call = (&'static str, &'static str);

/// What it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Done,
    Moved,
    Failed,
}

/// What goes wrong with a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spoiled {
    /// It is done, and told as failed.
    LosesAnswer,
    /// It is not done.
    Fails,
    /// It is done, and asked for again; the second answer is given.
    Twice,
}

#[derive(Clone)]
pub struct Memory {
    pub files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    pub crash: Arc<Crash>,
    /// How many bytes may still be written; `None` for any number.
    pub room: Arc<Mutex<Option<usize>>>,
    /// What goes wrong with the next writes.
    pub spoiled: Arc<Mutex<VecDeque<Spoiled>>>,
    /// What was asked for, and what was told.
    pub calls: Arc<Mutex<Vec<(Call, Answer)>>>,
    /// How long it takes to add to a file, in milliseconds.
    pub adding: Arc<AtomicU64>,
}

impl Memory {
    pub fn new() -> Self {
        Self {
            files: Arc::default(),
            crash: Crash::never(),
            room: Arc::default(),
            spoiled: Arc::default(),
            calls: Arc::default(),
            adding: Arc::default(),
        }
    }

    fn called<T>(&self, how: &'static str, name: &str, told: &Result<T, StoreError>) {
        let what = match name {
            "journal" => "journal",
            "state.json" => "state.json",
            "lease.json" => "lease.json",
            _ => "releases",
        };
        let answer = match told {
            Ok(_) => Answer::Done,
            Err(StoreError::Moved { .. }) => Answer::Moved,
            Err(StoreError::Failed { .. }) => Answer::Failed,
        };
        self.calls.lock().unwrap().push(((how, what), answer));
    }

    pub fn crashing(&self, crash: &Arc<Crash>) -> Self {
        Self {
            crash: Arc::clone(crash),
            ..self.clone()
        }
    }

    fn takes(&self, place: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let mut room = self.room.lock().unwrap();
        match room.as_mut() {
            None => Ok(()),
            Some(left) if *left >= bytes.len() => {
                *left -= bytes.len();
                Ok(())
            }
            Some(_) => Err(StoreError::Failed {
                what: "writing",
                place: place.to_owned(),
                why: "there is no space left".into(),
                next: Some("free some space there".into()),
            }),
        }
    }
}

impl Memory {
    fn spoilt(
        &self,
        name: &str,
        write: impl Fn() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let unanswered = || StoreError::Failed {
            what: "writing",
            place: name.to_owned(),
            why: "the connection was closed".into(),
            next: None,
        };
        let how = self.spoiled.lock().unwrap().pop_front();
        match how {
            None => write(),
            Some(Spoiled::Fails) => Err(unanswered()),
            Some(Spoiled::LosesAnswer) => {
                let _ = write();
                Err(unanswered())
            }
            Some(Spoiled::Twice) => {
                let _ = write();
                write()
            }
        }
    }
}

#[async_trait]
impl Store for Memory {
    fn place(&self) -> String {
        "memory".into()
    }

    async fn read(&self, name: &str) -> Result<Option<Blob>, StoreError> {
        self.crash.point().await;
        let files = self.files.lock().unwrap();
        let read = Ok(files.get(name).map(|bytes| Blob {
            bytes: bytes.clone(),
        }));
        self.called("read", name, &read);
        read
    }

    async fn write(&self, name: &str, bytes: &[u8], expect: &Expect) -> Result<(), StoreError> {
        self.crash.point().await;
        let written = self.spoilt(name, || {
            let mut files = self.files.lock().unwrap();
            let now = files.get(name).map(|bytes| {
                Blob {
                    bytes: bytes.clone(),
                }
                .tag()
            });
            let as_expected = match expect {
                Expect::Anything => true,
                Expect::Absent => now.is_none(),
                Expect::Tag(tag) => now.as_ref() == Some(tag),
            };
            if !as_expected {
                return Err(StoreError::Moved { place: name.into() });
            }
            self.takes(name, bytes)?;
            files.insert(name.into(), bytes.to_vec());
            Ok(())
        });
        self.called("write", name, &written);
        written?;
        self.crash.point().await;
        Ok(())
    }

    async fn append(
        &self,
        name: &str,
        at: u64,
        last: &[u8],
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.crash.point().await;
        match self.adding.load(Ordering::SeqCst) {
            0 => {}
            millis => tokio::time::sleep(std::time::Duration::from_millis(millis)).await,
        }
        let written = self.spoilt(name, || {
            let mut files = self.files.lock().unwrap();
            let file = files.entry(name.into()).or_default();
            if file.len() as u64 != at || !file.ends_with(last) {
                return Err(StoreError::Moved { place: name.into() });
            }
            self.takes(name, bytes)?;
            if self.crash.is_next() {
                // Cut in the middle of the write.
                file.extend(&bytes[..bytes.len() / 2]);
            } else {
                file.extend(bytes);
            }
            Ok(())
        });
        self.called("append", name, &written);
        written?;
        self.crash.point().await;
        // All of it is there, and nobody hears of it.
        self.crash.point().await;
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.crash.point().await;
        self.files.lock().unwrap().remove(name);
        Ok(())
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let files = self.files.lock().unwrap();
        let folder = format!("{folder}/");
        Ok(files
            .keys()
            .filter_map(|name| name.strip_prefix(&folder).map(str::to_owned))
            .collect())
    }
}

/// A machine whose clock and processes the test decides.
#[derive(Clone)]
pub struct Machine {
    pub clock: Arc<AtomicU64>,
    pub pid: u32,
    /// The processes that ended.
    pub ended: Arc<Mutex<Vec<u32>>>,
    /// On which machine this process runs.
    pub name: &'static str,
}

impl Machine {
    pub fn new(pid: u32) -> Self {
        Self {
            clock: Arc::new(AtomicU64::new(1_000_000)),
            pid,
            ended: Arc::default(),
            name: "here",
        }
    }

    /// Another process of the same machine.
    pub fn another(&self, pid: u32) -> Self {
        Self {
            pid,
            ..self.clone()
        }
    }
}

impl Host for Machine {
    fn now(&self) -> u64 {
        self.clock.load(Ordering::SeqCst)
    }

    fn me(&self, command: &str) -> Holder {
        Holder {
            host: self.name.into(),
            boot: "boot".into(),
            pid: self.pid,
            started: 1,
            command: command.into(),
            since: self.now(),
        }
    }

    fn alive(&self, holder: &Holder) -> Alive {
        if holder.host != self.name {
            Alive::CannotTell
        } else if self.ended.lock().unwrap().contains(&holder.pid) {
            Alive::No
        } else {
            Alive::Yes
        }
    }
}
