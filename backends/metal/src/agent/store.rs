//! What the agent keeps, on disk and in memory: for each object its record.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use plat_engine::Scope;
use plat_model::NodePath;
use serde::{Deserialize, Serialize};

use crate::dirs::{self, Dirs};
use crate::names;
use crate::spec::Spec;

const FORMAT: u32 = 1;

/// An object that the agent keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this file's format.
    pub format: u32,
    /// Whose it is.
    pub scope: Scope,
    /// The object.
    pub id: String,
    /// The declaration, if it is one's.
    pub node: Option<NodePath>,
    /// The operation that made it.
    pub uid: String,
    /// The operation that last changed it.
    pub token: String,
    /// Counts its changes.
    pub revision: u64,
    /// Counts those that are other processes.
    pub generation: u64,
    /// What it is, as the engine knows it.
    pub spec: serde_json::Value,
    /// What it needs to be there first.
    pub after: Vec<String>,
    /// The parts of its spec that are left to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leave: Vec<String>,
    /// Where its commands are looked for.
    pub path: String,
    /// Whether the last operation on it is finished.
    pub done: bool,
    /// When it last changed, in milliseconds since 1970.
    pub since: u64,
    /// How its last run ended, where it runs to an end.
    pub last_run: Option<Ended>,
    /// What last went wrong.
    pub failure: Option<String>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Whether it did what it should.
    pub well: bool,
    /// `exited with code 1`.
    pub how: String,
}

impl Record {
    /// Its spec, understood.
    ///
    /// # Errors
    /// When another version of plat wrote it.
    pub fn spec(&self) -> Result<Spec, serde_json::Error> {
        Spec::deserialize(&self.spec)
    }

    /// The version that the engine sees: runs are no changes, so that a cron's are none.
    pub fn version(&self) -> String {
        self.revision.to_string()
    }
}

/// All records.
pub struct Store {
    dirs: Dirs,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    records: BTreeMap<(Scope, String), Record>,
}

impl Store {
    /// Reads everything that is kept. Files that are none of ours are returned beside it.
    ///
    /// # Errors
    /// When a directory can't be read.
    pub fn open(dirs: &Dirs) -> io::Result<(Self, Vec<PathBuf>)> {
        let mut inner = Inner::default();
        let mut broken = Vec::new();
        let apps = dirs.state.join("apps");
        dirs::own_dir(&apps, 0o700).map_err(io::Error::other)?;
        for (app, app_dir) in named(&apps)? {
            for (environment, dir) in named(&app_dir)? {
                let scope = Scope {
                    app: app.clone(),
                    environment,
                };
                let objects = dir.join("objects");
                if !objects.is_dir() {
                    continue;
                }
                for (name, path) in named(&objects)? {
                    if name.ends_with(".tmp") {
                        // Left by a write that a crash cut short.
                        let _ = fs::remove_file(&path);
                        continue;
                    }
                    match read(&path) {
                        Some(record) if record.scope == scope => {
                            inner
                                .records
                                .insert((scope.clone(), record.id.clone()), record);
                        }
                        _ => broken.push(path),
                    }
                }
            }
        }
        let store = Self {
            dirs: dirs.clone(),
            inner: Mutex::new(inner),
        };
        Ok((store, broken))
    }

    /// One record.
    pub fn get(&self, scope: &Scope, id: &str) -> Option<Record> {
        self.lock()
            .records
            .get(&(scope.clone(), id.to_owned()))
            .cloned()
    }

    /// All records of a scope, sorted by id.
    pub fn of(&self, scope: &Scope) -> Vec<Record> {
        let inner = self.lock();
        inner
            .records
            .values()
            .filter(|r| r.scope == *scope)
            .cloned()
            .collect()
    }

    /// All records, sorted by scope and id.
    pub fn all(&self) -> Vec<Record> {
        self.lock().records.values().cloned().collect()
    }

    /// The record of a declaration.
    pub fn of_node(&self, scope: &Scope, node: &NodePath) -> Option<Record> {
        self.lock()
            .records
            .values()
            .find(|r| r.scope == *scope && r.node.as_ref() == Some(node))
            .cloned()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.lock().records.is_empty()
    }

    /// Keeps a record, on disk first.
    ///
    /// # Errors
    /// When it can't be written; then the old one stays.
    pub fn put(&self, record: Record) -> io::Result<()> {
        let path = self.file(&record.scope, &record.id);
        if let Some(dir) = path.parent() {
            dirs::own_dir(dir, 0o700).map_err(io::Error::other)?;
        }
        let text = serde_json::to_vec_pretty(&record).map_err(io::Error::other)?;
        dirs::write_atomic(&path, &text)?;
        self.lock()
            .records
            .insert((record.scope.clone(), record.id.clone()), record);
        Ok(())
    }

    /// Changes a record in place, if it is there.
    ///
    /// # Errors
    /// When it can't be written; then the old one stays.
    pub fn change(
        &self,
        scope: &Scope,
        id: &str,
        change: impl FnOnce(&mut Record),
    ) -> io::Result<()> {
        let Some(mut record) = self.get(scope, id) else {
            return Ok(());
        };
        change(&mut record);
        self.put(record)
    }

    /// Forgets a record.
    ///
    /// # Errors
    /// When its file can't be removed; then it stays.
    pub fn remove(&self, scope: &Scope, id: &str) -> io::Result<()> {
        match fs::remove_file(self.file(scope, id)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        self.lock().records.remove(&(scope.clone(), id.to_owned()));
        Ok(())
    }

    /// Takes note of a lease's number; says the highest so far where that is higher.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn fence(&self, scope: &Scope, fence: u64) -> io::Result<Result<(), u64>> {
        // Beside the lease whose number it is: where the engine's state is lost, and its leases
        // are counted anew, this is lost with it.
        let dir = self
            .dirs
            .scope(&scope.app, &scope.environment)
            .join("engine");
        let file = dir.join("agent-fence");
        let _turn = self.lock();
        let highest = match fs::read_to_string(&file) {
            Ok(text) => text.trim().parse().unwrap_or(0),
            Err(e) if e.kind() == io::ErrorKind::NotFound => 0,
            Err(e) => return Err(e),
        };
        if highest > fence {
            return Ok(Err(highest));
        }
        if highest < fence {
            dirs::own_dir(&dir, 0o700).map_err(io::Error::other)?;
            dirs::write_atomic(&file, fence.to_string().as_bytes())?;
        }
        Ok(Ok(()))
    }

    fn file(&self, scope: &Scope, id: &str) -> PathBuf {
        self.dirs
            .scope(&scope.app, &scope.environment)
            .join("objects")
            .join(names::file_name(id))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while it was held can't have left half a map.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Option<Record> {
    let record: Record = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (record.format == FORMAT).then_some(record)
}

/// The entries of `dir` whose names are ours, with what they stand for, sorted.
fn named(dir: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if let Some(name) = entry.file_name().to_str().and_then(names::from_file_name) {
            all.push((name, entry.path()));
        }
    }
    all.sort();
    Ok(all)
}

impl Record {
    /// A record of something that is being made.
    pub fn new(scope: Scope, id: String, token: String, spec: serde_json::Value) -> Self {
        Self {
            format: FORMAT,
            scope,
            id,
            node: None,
            uid: token.clone(),
            token,
            revision: 1,
            generation: 0,
            spec,
            after: Vec::new(),
            leave: Vec::new(),
            path: String::new(),
            done: false,
            since: crate::time::now(),
            last_run: None,
            failure: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope {
            app: "shop".into(),
            environment: "preview[1]".into(),
        }
    }

    #[test]
    fn records_survive_and_foreign_files_are_left() {
        let tmp = tempfile::tempdir().unwrap();
        let dirs = Dirs::at(tmp.path(), None);
        let (store, _) = Store::open(&dirs).unwrap();
        let spec = serde_json::json!({"kind": "volume"});
        let mut record = Record::new(scope(), "volume/x".into(), "t1".into(), spec);
        record.node = Some("x".into());
        store.put(record.clone()).unwrap();
        store.fence(&scope(), 3).unwrap().unwrap();
        fs::write(store.file(&scope(), "y"), "{").unwrap();

        let (store, broken) = Store::open(&dirs).unwrap();
        assert_eq!(store.all(), [record.clone()]);
        assert_eq!(broken.len(), 1);
        assert_eq!(store.of_node(&scope(), &"x".into()), Some(record));
        assert_eq!(store.fence(&scope(), 2).unwrap(), Err(3));
        store.fence(&scope(), 3).unwrap().unwrap();
        store.remove(&scope(), "volume/x").unwrap();
        store.remove(&scope(), "volume/x").unwrap();
        assert!(Store::open(&dirs).unwrap().0.is_empty());
    }
}
