//! One shim that the agent started, as it is known on disk.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::tail::tail;
use crate::dirs::{self, Dirs};
use crate::names;

/// What an instance is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A copy of a workload, or a data service: it runs until it is stopped.
    Copy,
    /// It prepares a directory and ends.
    Prepare,
    /// One run of a job or a cron.
    Run,
    /// It passes requests on: a proxy of the agent.
    Proxy,
}

/// One shim and what it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Twelve hexadecimal digits made of all that names it.
    pub id: String,
    /// The app; empty for what belongs to no app.
    pub app: String,
    /// The environment.
    pub environment: String,
    /// The object that it belongs to.
    pub object: String,
    /// What it is for.
    pub role: Role,
    /// Which copy, from 0.
    pub copy: u32,
    /// Which generation of the object.
    pub generation: u64,
    /// Its ports by name.
    pub ports: BTreeMap<String, u16>,
    /// The digest of what it was started with.
    pub digest: String,
    /// Its log.
    pub log: PathBuf,
    /// When it was started, in milliseconds since 1970.
    #[serde(default)]
    pub begun: u64,
    /// The shim's process, once it runs.
    pub process: Option<Process>,
}

/// A process, named for ever: numbers of processes are used again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks since boot.
    pub started: u64,
    /// The boot it started in.
    pub boot: String,
}

impl Instance {
    /// The id of an instance.
    pub fn id_of(
        app: &str,
        environment: &str,
        object: &str,
        role: &Role,
        copy: u32,
        generation: u64,
    ) -> String {
        let role = match role {
            Role::Copy => "copy",
            Role::Prepare => "prepare",
            Role::Run => "run",
            Role::Proxy => "proxy",
        };
        names::short_id(&[
            app,
            environment,
            object,
            role,
            &copy.to_string(),
            &generation.to_string(),
        ])
    }

    /// How messages name it: `shop/dev/api copy 1`.
    pub fn label(&self) -> String {
        let what = self
            .object
            .split_once('/')
            .map_or(&*self.object, |(_, name)| name);
        let what = if self.app.is_empty() {
            what.to_owned()
        } else {
            format!("{}/{}/{what}", self.app, self.environment)
        };
        match self.role {
            Role::Copy => format!("{what} copy {}", self.copy),
            Role::Prepare => format!("{what} prepare"),
            Role::Run => format!("{what} run {}", self.generation),
            Role::Proxy => what,
        }
    }

    /// The last lines that it wrote since it was started.
    pub fn tail(&self, most: usize) -> Vec<String> {
        tail(&self.log, self.begun, most)
    }

    /// Its directory at run time.
    pub fn dir(&self, dirs: &Dirs) -> PathBuf {
        dirs.runtime.join("i").join(&self.id)
    }

    /// Its shim's socket.
    pub fn control(&self, dirs: &Dirs) -> PathBuf {
        self.dir(dirs).join("ctl")
    }

    /// Its shim's state file.
    pub fn state(&self, dirs: &Dirs) -> PathBuf {
        dirs.runtime.join("states").join(&self.id)
    }

    /// Keeps it on disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn save(&self, dirs: &Dirs) -> io::Result<()> {
        let text = serde_json::to_vec(self).map_err(io::Error::other)?;
        dirs::write_atomic(&Self::file(dirs, &self.id), &text)
    }

    /// Forgets the instance `id` on disk and removes what it had at run time. Its log stays.
    pub fn forget(dirs: &Dirs, id: &str) {
        // What can't be removed now is found and removed when the agent starts the next time.
        let _ = fs::remove_file(Self::file(dirs, id));
        let _ = fs::remove_dir_all(dirs.runtime.join("i").join(id));
        let _ = fs::remove_file(dirs.runtime.join("states").join(id));
    }

    /// All that are kept on disk. A file that is none of ours is skipped and named.
    ///
    /// # Errors
    /// When the directory can't be read.
    pub fn load(dirs: &Dirs) -> io::Result<(Vec<Self>, Vec<PathBuf>)> {
        let dir = dirs.state.join("instances");
        dirs::own_dir(&dir, 0o700).map_err(io::Error::other)?;
        let (mut all, mut broken) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            if path.extension().is_none_or(|e| e != "json") {
                // Left by a write that a crash cut short.
                let _ = fs::remove_file(&path);
                continue;
            }
            match fs::read(&path).map(|text| serde_json::from_slice(&text)) {
                Ok(Ok(instance)) => all.push(instance),
                _ => broken.push(path),
            }
        }
        all.sort_by(|a: &Self, b: &Self| a.id.cmp(&b.id));
        Ok((all, broken))
    }

    fn file(dirs: &Dirs, id: &str) -> PathBuf {
        dirs.state.join("instances").join(format!("{id}.json"))
    }
}

/// When the process `pid` started, in clock ticks since boot; `None` where there is none, or
/// where it has ended and only waits to be reaped.
pub fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in parentheses and may hold anything, spaces too.
    let rest = stat.get(stat.rfind(')')? + 2..)?;
    if rest.starts_with(['Z', 'X']) {
        return None;
    }
    rest.split(' ').nth(19)?.parse().ok()
}

/// The id of this boot of the machine.
pub fn boot() -> String {
    fs::read_to_string(Path::new("/proc/sys/kernel/random/boot_id"))
        .map(|s| s.trim().to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_named_by_its_start_too() {
        let me = std::process::id();
        assert_eq!(started(me), started(me));
        assert!(started(me).unwrap() > 0);
        assert_eq!(started(u32::MAX), None);
    }

    #[test]
    fn instances_are_kept_and_forgotten() {
        let tmp = tempfile::tempdir().unwrap();
        let dirs = Dirs {
            state: tmp.path().join("s"),
            data: tmp.path().join("d"),
            cache: tmp.path().join("c"),
            runtime: tmp.path().join("r"),
            home: None,
        };
        dirs.create().unwrap();
        Instance::load(&dirs).unwrap();
        let one = Instance {
            id: Instance::id_of("shop", "dev", "process/api", &Role::Copy, 0, 1),
            app: "shop".into(),
            environment: "dev".into(),
            object: "process/api".into(),
            role: Role::Copy,
            copy: 0,
            generation: 1,
            ports: BTreeMap::new(),
            digest: String::new(),
            log: "/x".into(),
            begun: 0,
            process: None,
        };
        one.save(&dirs).unwrap();
        fs::write(dirs.state.join("instances/x.json"), "{").unwrap();
        let (all, broken) = Instance::load(&dirs).unwrap();
        assert_eq!((all, broken.len()), (vec![one.clone()], 1));
        assert_eq!(one.label(), "shop/dev/api copy 0");
        Instance::forget(&dirs, &one.id);
        assert!(Instance::load(&dirs).unwrap().0.is_empty());
    }
}
