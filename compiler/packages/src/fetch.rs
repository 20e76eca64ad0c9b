//! Fetching what a package builds on, and locking it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use plat_semantics::{Manifest, Source, parse_manifest};
use semver::Version;

use crate::cache::Cache;
use crate::error::{Error, io};
use crate::lock::{LOCK, Lock, Locked};
use crate::{git, oci};

/// The name of a package's manifest.
const MANIFEST: &str = "plat.toml";

/// How to fetch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Ask again what tags and branches are now, instead of taking what the lock has.
    pub update: bool,
    /// Fail where the lock would change: for machines that only carry out.
    pub locked: bool,
}

/// What fetching came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The lock, as it is on the disk now.
    pub lock: Lock,
    /// The names of the packages that were not in the cache.
    pub fresh: Vec<String>,
    /// Whether the lock was written anew.
    pub changed: bool,
}

/// Fetches everything that the package in `main` builds on into the cache, and writes `plat.lock` beside its
/// `plat.toml`. `say` is told before each time that the network is asked.
///
/// # Errors
/// Something can't be had, is not what the lock says, or two wishes for one package can't both be fulfilled. The lock
/// is as it was then.
pub fn fetch(
    main: &Path,
    cache: &Cache,
    options: Options,
    say: &mut dyn FnMut(&str),
) -> Result<Fetched, Error> {
    let before = Lock::read(main)?;
    let manifest = manifest(main, MANIFEST)?;
    let edition = manifest.edition.clone();
    let mut walk = Walk {
        cache,
        options,
        before: before.clone().unwrap_or_default(),
        say,
        entries: BTreeMap::new(),
        fresh: Vec::new(),
        seen: BTreeSet::from([main.to_path_buf()]),
        waiting: VecDeque::from([(Some(main.to_path_buf()), manifest)]),
    };
    while let Some((at, manifest)) = walk.waiting.pop_front() {
        walk.package(at.as_deref(), &manifest)?;
    }
    let lock = Lock {
        edition,
        packages: walk.entries.into_values().collect(),
    };
    let changed = before.as_ref() != Some(&lock);
    if changed && options.locked {
        return Err(would_change());
    }
    if changed {
        write(main, &lock.text()?)?;
    }
    Ok(Fetched {
        lock,
        fresh: walk.fresh,
        changed,
    })
}

fn would_change() -> Error {
    Error::new(format!(
        "{LOCK} does not fit plat.toml, and it is to stay as it is"
    ))
    .next("say `platc fetch` where it may change, and commit plat.lock")
}

struct Walk<'a> {
    cache: &'a Cache,
    options: Options,
    before: Lock,
    say: &'a mut dyn FnMut(&str),
    entries: BTreeMap<String, Locked>,
    fresh: Vec<String>,
    seen: BTreeSet<PathBuf>,
    /// Packages to look through: where they are, if they are part of this source tree.
    waiting: VecDeque<(Option<PathBuf>, Manifest)>,
}

impl Walk<'_> {
    fn package(&mut self, at: Option<&Path>, manifest: &Manifest) -> Result<(), Error> {
        for (name, dependency) in &manifest.dependencies {
            match (&dependency.source, at) {
                (Source::Path(path), Some(at)) => self.neighbour(&at.join(path), name)?,
                (Source::Path(path), None) => {
                    return Err(Error::new(format!(
                        "the package `{}` was fetched, and depends on the directory {path}, which was not",
                        manifest.name
                    ))
                    .next(format!("let it depend on `{name}` by git or OCI")));
                }
                (source, _) => self.wish(name, source, &manifest.name)?,
            }
        }
        Ok(())
    }

    /// A package of the same source tree: it may have wishes too.
    fn neighbour(&mut self, at: &Path, name: &str) -> Result<(), Error> {
        let found = at.canonicalize().map_err(|_| {
            Error::new(format!(
                "the package `{name}` is not there: no {}",
                at.display()
            ))
            .next(format!("repair the path of `{name}` under [dependencies]"))
        })?;
        if self.seen.insert(found.clone()) {
            let manifest = manifest(&found, &format!("{name}:{MANIFEST}"))?;
            self.waiting.push_back((Some(found), manifest));
        }
        Ok(())
    }

    fn wish(&mut self, name: &str, source: &Source, by: &str) -> Result<(), Error> {
        if self.entries.get(name).is_some_and(|e| e.fulfils(source)) {
            return Ok(());
        }
        let locked = self.before.package(name);
        let locked = locked
            .filter(|locked| locked.fulfils(source) && !self.options.update)
            .cloned();
        let (mut new, manifest) = self.obtain(name, source, locked)?;
        if new.source != *source {
            new.also.push(source.clone());
        }
        match self.entries.remove(name) {
            None => {
                self.entries.insert(name.to_owned(), new);
                self.waiting.push_back((None, manifest));
            }
            Some(known) => {
                let (winner, loser) = self.one_of(known, new, by)?;
                let newer = winner.source == *source;
                let mut winner = winner;
                winner.also.extend(loser.also);
                winner.also.push(loser.source);
                let own = winner.source.clone();
                winner.also.retain(|wish| *wish != own);
                winner.also.sort();
                winner.also.dedup();
                self.entries.insert(name.to_owned(), winner);
                if newer {
                    self.waiting.push_back((None, manifest));
                }
            }
        }
        Ok(())
    }

    /// Two wishes for one package: the newer version fulfils both, if it is of the same major version.
    fn one_of(&self, known: Locked, new: Locked, by: &str) -> Result<(Locked, Locked), Error> {
        let name = known.name.clone();
        let parse = |locked: &Locked| {
            Version::parse(&locked.version).map_err(|problem| {
                Error::new(format!(
                    "`{}` is no version of `{name}`: {problem}",
                    locked.version
                ))
            })
        };
        let (a, b) = (parse(&known)?, parse(&new)?);
        // Below 1.0.0, the second number is what the first is later: semver.org, 4.
        let major = |v: &Version| (v.major, if v.major == 0 { v.minor } else { 0 });
        if major(&a) != major(&b) {
            return Err(Error::new(format!(
                "`{by}` wants `{name}` {b}, and another package wants {a}: a program has one major version of a package"
            ))
            .next("let them want the same major version"));
        }
        if a == b && known.hash != new.hash {
            return Err(Error::new(format!(
                "there are two packages `{name}` {a}: {} has {}, and {} has {}",
                known.exactly, known.hash, new.exactly, new.hash
            ))
            .next("depend on the same one everywhere"));
        }
        Ok(if b > a { (new, known) } else { (known, new) })
    }

    /// A package in the cache: as the lock has it, else as it is now.
    fn obtain(
        &mut self,
        name: &str,
        source: &Source,
        locked: Option<Locked>,
    ) -> Result<(Locked, Manifest), Error> {
        if let Some(locked) = &locked
            && self.cache.has(&locked.hash)
            && self.cache.check(&locked.hash)? == locked.hash
        {
            let manifest = manifest(
                &self.cache.path(&locked.hash),
                &format!("{name}:{MANIFEST}"),
            )?;
            let kept = Locked {
                also: Vec::new(),
                ..locked.clone()
            };
            return Ok((kept, manifest));
        }
        if locked.is_none() && self.options.locked {
            return Err(would_change());
        }
        let room = self.cache.room()?;
        let into = room.path().join("package");
        fs::create_dir(&into).map_err(|error| io("making the directory", &into, &error))?;
        let source = locked
            .as_ref()
            .map_or(source, |locked| &locked.source)
            .clone();
        let exactly = match &source {
            Source::Git { url, rev, dir } => {
                let rev = locked.as_ref().map_or(rev, |locked| &locked.exactly);
                (self.say)(&format!("fetching {name}: {rev} of {url}"));
                git::fetch(url, rev, dir, room.path(), &into)?
            }
            Source::Oci(reference) => {
                (self.say)(&format!("fetching {name}: {reference}"));
                let digest = locked.as_ref().map(|locked| locked.exactly.as_str());
                oci::fetch(reference, digest, &into)?
            }
            Source::Path(_) => return Err(Error::new("a path is not fetched")),
        };
        let manifest = manifest(&into, &format!("{name}:{MANIFEST}"))?;
        if manifest.name != name {
            return Err(Error::new(format!(
                "the package that is called `{name}` here calls itself `{}`",
                manifest.name
            ))
            .next("call it so under [dependencies] and in `use`"));
        }
        let hash = self.cache.put(&into)?;
        if let Some(locked) = locked.filter(|locked| locked.hash != hash) {
            return Err(Error::new(format!(
                "E0804: `{name}` is not what {LOCK} says: {LOCK} has {}, and {exactly} has {hash}",
                locked.hash
            ))
            .next("ask who keeps it; `platc fetch --update` takes what is there now"));
        }
        self.fresh.push(name.to_owned());
        let new = Locked {
            name: name.to_owned(),
            version: manifest.version.clone(),
            source,
            exactly,
            hash,
            also: Vec::new(),
        };
        Ok((new, manifest))
    }
}

/// Reads a manifest; what is wrong with it is told by its first mistake.
fn manifest(package: &Path, shown: &str) -> Result<Manifest, Error> {
    let path = package.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(format!(
            "there is no {shown}: what is there is no package"
        ))
        .next("a package has a plat.toml at its root; `dir` says where that is in a repository"),
        _ => io("reading", &path, &error),
    })?;
    parse_manifest(&text).map_err(|found| {
        let first = found.first();
        let code = first.map_or("", |d| d.code);
        let message = first.map_or("", |d| d.message.as_str());
        Error::new(format!("{shown} is wrong: {code}: {message}"))
    })
}

/// All of it or nothing: a lock that is half written would be worse than an old one.
fn write(package: &Path, text: &str) -> Result<(), Error> {
    let path = package.join(LOCK);
    let failed = |error: std::io::Error| io("writing", &path, &error);
    let mut file = tempfile::Builder::new()
        .prefix(".plat.lock-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(package)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&path).map_err(|error| failed(error.error))?;
    Ok(())
}
