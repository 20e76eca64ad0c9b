//! The secrets of one app in one environment, in a file that its owner alone can read.
//!
//! Two kinds of values are here. *Secrets* are declared in the source and set by people
//! (`platc secret set`) or generated once. *Credentials* are the passwords that plat makes for
//! its own data services; nobody sets them, and they are listed nowhere.
//!
//! Architecture invariant: a value leaves this module only as a [`Secret`], which shows nothing.
//! What plans, states and logs hold is [`Secrets::digest_of`], keyed with a key of the
//! environment that never leaves this file: equal values of two environments look different.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::dirs;
use crate::generate;
use crate::names;
use crate::services::Secret;
use crate::time;

/// The file's name in the directory of its app and environment.
const FILE: &str = "secrets.json";
const FORMAT: u32 = 1;
/// The password with which plat itself administers a server.
pub(crate) const ADMINISTRATOR: &str = "administrator";

/// Why secrets can't be read or written. Never holds a value.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// The file is not to be read or written.
    #[error("cannot {doing} {}: {why}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// The file is not one of ours.
    #[error("{} is not a secrets file this platc can read ({why}); it is left as it is: restore it from a backup, or move it away and set the secrets again", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong; never a value.
        why: String,
    },
    /// The machine gives no random numbers.
    #[error("this machine gives no random numbers; no secret can be made")]
    NoRandom,
    /// A value can't be made or kept.
    #[error("secret {name}: {why}")]
    Value {
        /// The secret.
        name: String,
        /// What is wrong; never the value.
        why: String,
    },
}

/// Where a secret's value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    /// A person set it.
    Set,
    /// It was generated, as the source asks.
    Generated,
}

#[derive(Clone, Serialize, Deserialize)]
struct Entry {
    value: String,
    made: Made,
    /// Milliseconds since 1970.
    since: u64,
    /// How often it was made.
    #[serde(default)]
    times: u32,
    /// The values it had before, newest first: what a rollback brings back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    before: Vec<Former>,
}

/// A value that a secret had.
#[derive(Clone, Serialize, Deserialize)]
struct Former {
    value: String,
    made: Made,
    /// When it was set, in milliseconds since 1970.
    since: u64,
    times: u32,
}

impl From<Former> for Entry {
    fn from(value: Former) -> Self {
        Self {
            value: value.value,
            made: value.made,
            since: value.since,
            times: value.times,
            before: Vec::new(),
        }
    }
}

/// How many values of a secret are kept beside its own.
const KEPT: usize = 20;

impl Entry {
    fn now(&self) -> Former {
        Former {
            value: self.value.clone(),
            made: self.made,
            since: self.since,
            times: self.times,
        }
    }

    /// Gives it this value; the one it has becomes one that it had.
    fn turn(&mut self, to: Former) {
        let was = self.now();
        self.before.retain(|f| f.value != to.value);
        if was.value != to.value {
            self.before.insert(0, was);
            self.before.truncate(KEPT);
        }
        self.value = to.value;
        self.made = to.made;
        self.since = to.since;
        self.times = to.times;
    }

    /// How often a value was made at most: what is made next has another number.
    fn most(&self) -> u32 {
        let before = self.before.iter().map(|f| f.times);
        before.chain([self.times]).max().unwrap_or(0)
    }
}

impl Former {
    /// What tells this value of a secret from its others.
    fn version(&self, key: &str, name: &str) -> String {
        match self.made {
            Made::Set => {
                let mut digest = keyed(key, name, &self.value);
                digest.truncate(16);
                digest
            }
            Made::Generated => self.times.max(1).to_string(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Credential {
    value: String,
    /// How often it was made.
    times: u32,
}

#[derive(Serialize, Deserialize)]
struct File {
    format: u32,
    /// What digests of values are keyed with: 64 hexadecimal digits.
    key: String,
    secrets: BTreeMap<String, Entry>,
    /// By node, then by name.
    credentials: BTreeMap<String, BTreeMap<String, Credential>>,
}

/// What is known of a secret without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its declaration's path.
    pub name: String,
    /// Where its value came from.
    pub made: Made,
    /// The keyed digest of its value, in hexadecimal.
    pub digest: String,
    /// Since when it has this value.
    pub since: SystemTime,
}

/// The secrets of one app in one environment. Every call reads the file anew, so that `platc`
/// and the agent see each other's changes; writers take turns by a lock.
#[derive(Debug, Clone)]
pub struct Secrets {
    dir: PathBuf,
}

impl Secrets {
    /// Those kept in `dir`, the directory of an app and environment. Touches nothing yet.
    pub fn at(dir: &Path) -> Self {
        Self {
            dir: dir.to_path_buf(),
        }
    }

    /// Every secret with a value, sorted by name; no credentials.
    ///
    /// # Errors
    /// When the file can't be read or is not ours.
    pub fn list(&self) -> Result<Vec<Known>, SecretsError> {
        let Some(file) = self.read()? else {
            return Ok(Vec::new());
        };
        Ok(file
            .secrets
            .iter()
            .map(|(name, entry)| Known {
                name: name.clone(),
                made: entry.made,
                digest: keyed(&file.key, name, &entry.value),
                since: time::system(entry.since),
            })
            .collect())
    }

    /// The value of the secret `name`, if it has one.
    ///
    /// # Errors
    /// When the file can't be read or is not ours.
    pub fn get(&self, name: &str) -> Result<Option<Secret>, SecretsError> {
        Ok(self
            .read()?
            .and_then(|file| file.secrets.get(name).map(|e| Secret::new(e.value.clone()))))
    }

    /// The keyed digest of the secret's value, if it has one.
    ///
    /// # Errors
    /// When the file can't be read or is not ours.
    pub fn digest_of(&self, name: &str) -> Result<Option<String>, SecretsError> {
        Ok(self
            .read()?
            .and_then(|file| Some(keyed(&file.key, name, &file.secrets.get(name)?.value))))
    }

    /// Gives the secret `name` a value.
    ///
    /// # Errors
    /// When the value holds a NUL byte, or the file can't be written.
    pub fn set(&self, name: &str, value: &Secret, made: Made) -> Result<(), SecretsError> {
        if value.expose().contains('\0') {
            return Err(SecretsError::Value {
                name: name.to_owned(),
                why: "its value holds a NUL byte, which no environment variable can; encode it (base64, say)".into(),
            });
        }
        let value = value.expose().to_owned();
        self.change(|file| {
            let new = Former {
                value,
                made,
                since: time::now(),
                times: 1,
            };
            match file.secrets.get_mut(name) {
                Some(entry) => entry.turn(new),
                None => {
                    file.secrets.insert(name.to_owned(), Entry::from(new));
                }
            }
            Ok(())
        })
    }

    /// When the secret was given the value of that version, in milliseconds since 1970, if that
    /// value is kept.
    ///
    /// # Errors
    /// When the file can't be read or is not ours.
    pub fn kept(&self, name: &str, version: &str) -> Result<Option<u64>, SecretsError> {
        Ok(self.read()?.and_then(|file| {
            let entry = file.secrets.get(name)?;
            let all = std::iter::once(entry.now()).chain(entry.before.iter().cloned());
            all.into_iter()
                .find(|f| f.version(&file.key, name) == version)
                .map(|f| f.since)
        }))
    }

    /// Gives the secret the value that it had in that version. Where it has it, nothing changes.
    ///
    /// # Errors
    /// When that value is not kept, or the file can't be written.
    pub fn bring_back(&self, name: &str, version: &str) -> Result<(), SecretsError> {
        self.change(|file| {
            let key = file.key.clone();
            let gone = || SecretsError::Value {
                name: name.to_owned(),
                why: "the value that it had then is not kept any more".into(),
            };
            let entry = file.secrets.get_mut(name).ok_or_else(gone)?;
            if entry.now().version(&key, name) == version {
                return Ok(());
            }
            let found = entry
                .before
                .iter()
                .find(|f| f.version(&key, name) == version);
            let former = found.cloned().ok_or_else(gone)?;
            entry.turn(former);
            Ok(())
        })
    }

    /// Takes the secret's value away. Says whether it had one.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn remove(&self, name: &str) -> Result<bool, SecretsError> {
        if self.read()?.is_none_or(|f| !f.secrets.contains_key(name)) {
            return Ok(false);
        }
        self.change(|file| Ok(file.secrets.remove(name).is_some()))
    }

    /// Gives the secret a value by `make` unless it has one, once and for all. Returns its keyed
    /// digest.
    ///
    /// # Errors
    /// When `make` fails or the file can't be written.
    pub fn generate(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Secret, SecretsError>,
    ) -> Result<String, SecretsError> {
        if let Some(digest) = self.digest_of(name)? {
            return Ok(digest);
        }
        self.change(|file| {
            if !file.secrets.contains_key(name) {
                let made = Former {
                    value: make()?.expose().to_owned(),
                    made: Made::Generated,
                    since: time::now(),
                    times: 1,
                };
                file.secrets.insert(name.to_owned(), Entry::from(made));
            }
            let value = file.secrets.get(name).map(|e| e.value.as_str());
            Ok(keyed(&file.key, name, value.unwrap_or_default()))
        })
    }

    /// The password `name` of the data service `node`, made at the first call.
    ///
    /// # Errors
    /// When the file can't be read or written.
    pub fn credential(&self, node: &str, name: &str) -> Result<Secret, SecretsError> {
        let known = |file: &File| {
            let value = file.credentials.get(node)?.get(name)?;
            Some(Secret::new(value.value.clone()))
        };
        if let Some(value) = self.read()?.as_ref().and_then(known) {
            return Ok(value);
        }
        self.change(|file| {
            if let Some(value) = known(file) {
                return Ok(value);
            }
            let value = generate::random_text(32)?;
            let credential = Credential {
                value: value.expose().to_owned(),
                times: 1,
            };
            file.credentials
                .entry(node.to_owned())
                .or_default()
                .insert(name.to_owned(), credential);
            Ok(value)
        })
    }

    /// Makes a new value for a secret that was generated.
    ///
    /// # Errors
    /// When `make` fails or the file can't be written.
    pub fn rotate(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<Secret, SecretsError>,
    ) -> Result<(), SecretsError> {
        self.change(|file| {
            let times = file.secrets.get(name).map_or(0, Entry::most);
            let made = Former {
                value: make()?.expose().to_owned(),
                made: Made::Generated,
                since: time::now(),
                times: times + 1,
            };
            match file.secrets.get_mut(name) {
                Some(entry) => entry.turn(made),
                None => {
                    file.secrets.insert(name.to_owned(), Entry::from(made));
                }
            }
            Ok(())
        })
    }

    /// Whether `node` has a password `name`.
    ///
    /// # Errors
    /// When the file can't be read or is not ours.
    pub fn has_credential(&self, node: &str, name: &str) -> Result<bool, SecretsError> {
        Ok(self.read()?.is_some_and(|f| {
            f.credentials
                .get(node)
                .is_some_and(|c| c.contains_key(name))
        }))
    }

    /// Makes a new value for the password `name` of `node`. Who uses it has the old one until
    /// the next apply.
    ///
    /// # Errors
    /// When there is none, or the file can't be written.
    pub fn rotate_credential(&self, node: &str, name: &str) -> Result<(), SecretsError> {
        if name == ADMINISTRATOR {
            return Err(SecretsError::Value {
                name: format!("{node}.{name}"),
                why: "the administrator's password is set once, when the data is made".into(),
            });
        }
        self.change(|file| {
            let value = generate::random_text(32)?;
            if let Some(credential) = file
                .credentials
                .get_mut(node)
                .and_then(|of_node| of_node.get_mut(name))
            {
                value.expose().clone_into(&mut credential.value);
                credential.times += 1;
            }
            Ok(())
        })
    }

    /// For each secret, and each node with passwords, something that changes when a value does.
    /// What is generated counts from 1, so that it is known before it is made.
    ///
    /// # Errors
    /// When the file can't be read or is not ours.
    pub fn versions(&self) -> Result<BTreeMap<String, String>, SecretsError> {
        let Some(file) = self.read()? else {
            return Ok(BTreeMap::new());
        };
        let secrets = file
            .secrets
            .iter()
            .map(|(name, entry)| (name.clone(), entry.now().version(&file.key, name)));
        let credentials = file.credentials.iter().map(|(node, of_node)| {
            let turned: u32 = of_node.values().map(|c| c.times.saturating_sub(1)).sum();
            (node.clone(), (1 + turned).to_string())
        });
        Ok(secrets.chain(credentials).collect())
    }

    /// Forgets every password of `node`: its data is gone.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn forget_credentials(&self, node: &str) -> Result<(), SecretsError> {
        if self
            .read()?
            .is_none_or(|f| !f.credentials.contains_key(node))
        {
            return Ok(());
        }
        self.change(|file| {
            file.credentials.remove(node);
            Ok(())
        })
    }

    /// Forgets every secret that was generated.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn forget_generated(&self) -> Result<(), SecretsError> {
        let any = |f: &File| f.secrets.values().any(|e| e.made == Made::Generated);
        if !self.read()?.as_ref().is_some_and(any) {
            return Ok(());
        }
        self.change(|file| {
            file.secrets.retain(|_, entry| entry.made == Made::Set);
            Ok(())
        })
    }

    /// Whether nothing at all is kept here.
    ///
    /// # Errors
    /// When the file can't be read or is not ours.
    pub fn is_empty(&self) -> Result<bool, SecretsError> {
        Ok(self
            .read()?
            .is_none_or(|f| f.secrets.is_empty() && f.credentials.is_empty()))
    }

    fn path(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    fn read(&self) -> Result<Option<File>, SecretsError> {
        let path = self.path();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(why) => {
                return Err(SecretsError::Io {
                    doing: "read the secrets in",
                    path,
                    why,
                });
            }
        };
        let broken = |why: String| SecretsError::Broken {
            path: path.clone(),
            why,
        };
        // serde's message could quote a value: say only where.
        let file: File = serde_json::from_slice(&text)
            .map_err(|e| broken(format!("line {}, column {}", e.line(), e.column())))?;
        if file.format != FORMAT {
            return Err(broken(format!(
                "its format is {}, known is {FORMAT}",
                file.format
            )));
        }
        Ok(Some(file))
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut File) -> Result<T, SecretsError>,
    ) -> Result<T, SecretsError> {
        let io_error = |doing| {
            let path = self.path();
            move |why: io::Error| SecretsError::Io { doing, path, why }
        };
        dirs::own_dir(&self.dir, 0o700)
            .map_err(|e| io_error("make the directory of")(io::Error::other(e.to_string())))?;
        let lock = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.dir.join("secrets.lock"))
            .map_err(io_error("lock"))?;
        lock.lock().map_err(io_error("lock"))?;
        let mut file = match self.read()? {
            Some(file) => file,
            None => File {
                format: FORMAT,
                key: random_hex(32)?,
                secrets: BTreeMap::new(),
                credentials: BTreeMap::new(),
            },
        };
        let result = change(&mut file)?;
        let text = serde_json::to_vec_pretty(&file)
            .map_err(|e| io_error("write the secrets to")(io::Error::other(e)))?;
        dirs::write_atomic(&self.path(), &text).map_err(io_error("write the secrets to"))?;
        Ok(result)
    }
}

fn random_hex(bytes: usize) -> Result<String, SecretsError> {
    let all = generate::random_bytes::<32>()?;
    Ok(names::hex(all.get(..bytes.min(32)).unwrap_or(&all)))
}

fn keyed(key: &str, name: &str, value: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
    let mut mac = ring::hmac::Context::with_key(&key);
    mac.update(&(name.len() as u64).to_le_bytes());
    mac.update(name.as_bytes());
    mac.update(value.as_bytes());
    names::hex(mac.sign().as_ref())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn values_are_set_listed_without_value_and_removed() {
        let tmp = tempfile::tempdir().unwrap();
        let secrets = Secrets::at(&tmp.path().join("shop/dev"));
        assert!(secrets.list().unwrap().is_empty() && secrets.is_empty().unwrap());
        secrets
            .set("key", &Secret::new("hunter2"), Made::Set)
            .unwrap();
        let listed = secrets.list().unwrap();
        assert_eq!(listed[0].name, "key");
        assert!(!format!("{listed:?}{secrets:?}").contains("hunter2"));
        assert_eq!(secrets.get("key").unwrap().unwrap().expose(), "hunter2");
        let file = fs::metadata(secrets.path()).unwrap();
        assert_eq!(file.mode() & 0o777, 0o600);

        let first = secrets.digest_of("key").unwrap().unwrap();
        secrets
            .set("key", &Secret::new("hunter3"), Made::Set)
            .unwrap();
        assert_ne!(secrets.digest_of("key").unwrap().unwrap(), first);
        assert!(secrets.remove("key").unwrap());
        assert!(!secrets.remove("key").unwrap());
        assert!(secrets.get("key").unwrap().is_none());
    }

    #[test]
    fn equal_values_have_different_digests_elsewhere() {
        let tmp = tempfile::tempdir().unwrap();
        let digest = |env: &str| {
            let secrets = Secrets::at(&tmp.path().join(env));
            secrets.set("k", &Secret::new("v"), Made::Set).unwrap();
            secrets.digest_of("k").unwrap()
        };
        assert_ne!(digest("dev"), digest("prod"));
    }

    #[test]
    fn what_is_generated_stays() {
        let tmp = tempfile::tempdir().unwrap();
        let secrets = Secrets::at(tmp.path());
        let a = secrets.generate("k", || generate::random_text(64)).unwrap();
        let b = secrets.generate("k", || generate::random_text(64)).unwrap();
        assert_eq!(a, b);
        assert_eq!(secrets.get("k").unwrap().unwrap().expose().len(), 64);
        let password = secrets.credential("db", "password").unwrap();
        assert_eq!(secrets.credential("db", "password").unwrap(), password);
        assert_ne!(secrets.credential("cache", "password").unwrap(), password);
        secrets.forget_credentials("db").unwrap();
        assert_ne!(secrets.credential("db", "password").unwrap(), password);
        assert!(
            generate::ed25519_key()
                .unwrap()
                .expose()
                .contains("PRIVATE KEY")
        );
    }

    #[test]
    fn former_values_come_back_and_what_is_made_next_is_another() {
        let tmp = tempfile::tempdir().unwrap();
        let secrets = Secrets::at(tmp.path());
        let value = |name: &str| secrets.get(name).unwrap().unwrap().expose().to_owned();
        let version = |name: &str| secrets.versions().unwrap().remove(name).unwrap();
        for text in ["one", "two", "two", "three"] {
            secrets.set("k", &Secret::new(text), Made::Set).unwrap();
        }
        secrets.set("other", &Secret::new("x"), Made::Set).unwrap();
        let three = version("k");
        let two = {
            let file = secrets.read().unwrap().unwrap();
            file.secrets["k"].before[0].version(&file.key, "k")
        };
        assert!(secrets.kept("k", &two).unwrap().is_some());
        assert!(secrets.kept("k", "never").unwrap().is_none());
        secrets.bring_back("k", &two).unwrap();
        assert_eq!((value("k").as_str(), version("k")), ("two", two.clone()));
        secrets.bring_back("k", &two).unwrap();
        secrets.bring_back("k", &three).unwrap();
        assert_eq!(value("k"), "three");
        assert!(secrets.bring_back("k", "never").is_err());
        assert!(secrets.bring_back("nobody", &two).is_err());

        let make = || generate::random_text(20);
        secrets.generate("g", make).unwrap();
        let first = value("g");
        secrets.rotate("g", make).unwrap();
        secrets.bring_back("g", "1").unwrap();
        assert_eq!((value("g"), version("g")), (first, "1".to_owned()));
        secrets.rotate("g", make).unwrap();
        assert_eq!(version("g"), "3");

        for i in 0..50 {
            secrets
                .set("k", &Secret::new(i.to_string()), Made::Set)
                .unwrap();
        }
        assert_eq!(
            secrets.read().unwrap().unwrap().secrets["k"].before.len(),
            KEPT
        );
        secrets.remove("k").unwrap();
        assert!(secrets.kept("k", &two).unwrap().is_none());
    }

    #[test]
    fn a_broken_file_is_left_alone_and_its_text_not_shown() {
        let tmp = tempfile::tempdir().unwrap();
        let secrets = Secrets::at(tmp.path());
        for text in [
            "",
            "{\"key\": \"hunter2\"",
            "{\"format\":9,\"key\":\"k\",\"secrets\":{},\"credentials\":{}}",
        ] {
            fs::write(secrets.path(), text).unwrap();
            let error = secrets.list().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
            assert!(secrets.set("a", &Secret::new("b"), Made::Set).is_err());
            assert_eq!(fs::read_to_string(secrets.path()).unwrap(), text);
        }
    }

    #[test]
    fn writers_take_turns() {
        let tmp = tempfile::tempdir().unwrap();
        let secrets = Secrets::at(tmp.path());
        std::thread::scope(|scope| {
            for i in 0..8 {
                let secrets = &secrets;
                scope.spawn(move || {
                    secrets
                        .set(&format!("k{i}"), &Secret::new("v"), Made::Set)
                        .unwrap();
                });
            }
        });
        assert_eq!(secrets.list().unwrap().len(), 8);
    }
}
