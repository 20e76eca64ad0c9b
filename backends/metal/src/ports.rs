//! Which port of this machine is whose.
//!
//! A data service, and the address under which a service is reached, keep their port for as long
//! as they are there, through restarts and reboots: others were told it. Ports come from
//! 20000 to 32767, below those that the kernel gives to outgoing connections.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{dirs, names};

const FIRST: u16 = 20_000;
const COUNT: u16 = 12_768;
const FORMAT: u32 = 1;

/// The ports in use by what the agent keeps, in a file of its own. One agent alone writes it.
#[derive(Debug)]
pub struct Ports {
    path: PathBuf,
    /// Kept through restarts, by owner.
    kept: BTreeMap<String, u16>,
    /// Those of running copies: free again once the copy is gone.
    running: BTreeSet<u16>,
}

#[derive(Serialize, Deserialize)]
struct File {
    format: u32,
    ports: BTreeMap<String, u16>,
}

/// Why there is no port. Its text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum PortsError {
    /// The file is not to be read or written.
    #[error("cannot keep the list of ports in {}: {why}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// All are taken.
    #[error(
        "no port between 20000 and 32767 is free on this machine; stop something that listens there"
    )]
    NoneFree,
}

impl Ports {
    /// The list in `path`; empty where there is none yet.
    ///
    /// # Errors
    /// When the file is there and can't be read.
    pub fn open(path: &Path) -> Result<Self, PortsError> {
        let io_error = |why| PortsError::Io {
            path: path.to_path_buf(),
            why,
        };
        let kept = match std::fs::read(path) {
            Ok(text) => {
                let file: File = serde_json::from_slice(&text)
                    .map_err(|e| io_error(io::Error::new(io::ErrorKind::InvalidData, e)))?;
                file.ports
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(e) => return Err(io_error(e)),
        };
        Ok(Self {
            path: path.to_path_buf(),
            kept,
            running: BTreeSet::new(),
        })
    }

    /// The port of `owner`, the same at every call until [`Self::release`]. The first call
    /// chooses one that nobody listens on.
    ///
    /// # Errors
    /// When none is free or the list can't be written.
    pub fn keep(&mut self, owner: &str) -> Result<u16, PortsError> {
        if let Some(port) = self.kept.get(owner) {
            return Ok(*port);
        }
        let port = self.choose(owner)?;
        self.kept.insert(owner.to_owned(), port);
        if let Err(e) = self.write() {
            self.kept.remove(owner);
            return Err(e);
        }
        Ok(port)
    }

    /// A port for one running copy, `preferred` if that is free.
    ///
    /// # Errors
    /// When none is free.
    pub fn lend(&mut self, copy: &str, preferred: Option<u16>) -> Result<u16, PortsError> {
        let port = match preferred {
            Some(port) if !self.taken(port) && is_free(port) => port,
            _ => self.choose(copy)?,
        };
        self.running.insert(port);
        Ok(port)
    }

    /// Says that a copy that was taken up uses `port`.
    pub fn mark(&mut self, port: u16) {
        self.running.insert(port);
    }

    /// The copy that used `port` is gone.
    pub fn give_back(&mut self, port: u16) {
        self.running.remove(&port);
    }

    /// Forgets every kept port whose owner begins with `prefix`.
    ///
    /// # Errors
    /// When the list can't be written.
    pub fn release(&mut self, prefix: &str) -> Result<(), PortsError> {
        let before = self.kept.len();
        self.kept.retain(|owner, _| !owner.starts_with(prefix));
        if self.kept.len() == before {
            return Ok(());
        }
        self.write()
    }

    fn taken(&self, port: u16) -> bool {
        self.running.contains(&port) || self.kept.values().any(|p| *p == port)
    }

    fn choose(&self, owner: &str) -> Result<u16, PortsError> {
        // Where the search begins depends on the owner and on whose list this is: a thing that is
        // made again most often has its old port again, and two agents on one machine, which know
        // nothing of each other's lists, hardly ever try the same one at the same moment.
        let id = names::short_id(&[&self.path.to_string_lossy(), owner]);
        let start = u16::from_str_radix(id.get(..4).unwrap_or("0"), 16).unwrap_or(0) % COUNT;
        (0..COUNT)
            .map(|i| FIRST + (start + i) % COUNT)
            .find(|port| !self.taken(*port) && is_free(*port))
            .ok_or(PortsError::NoneFree)
    }

    fn write(&self) -> Result<(), PortsError> {
        let file = File {
            format: FORMAT,
            ports: self.kept.clone(),
        };
        let io_error = |why| PortsError::Io {
            path: self.path.clone(),
            why,
        };
        let text = serde_json::to_vec_pretty(&file).map_err(|e| io_error(io::Error::other(e)))?;
        dirs::write_atomic(&self.path, &text).map_err(io_error)
    }
}

/// Whether nobody listens on `port` of the loopback address.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(dir: &Path) -> Ports {
        Ports::open(&dir.join("ports.json")).unwrap()
    }

    #[test]
    fn a_kept_port_stays_through_restarts() {
        let tmp = tempfile::tempdir().unwrap();
        let mut a = ports(tmp.path());
        let db = a.keep("shop/dev/db").unwrap();
        assert_eq!(a.keep("shop/dev/db").unwrap(), db);
        assert_ne!(a.keep("shop/dev/cache").unwrap(), db);
        let mut b = ports(tmp.path());
        assert_eq!(b.keep("shop/dev/db").unwrap(), db);
        b.release("shop/dev/").unwrap();
        assert!(
            ports(tmp.path())
                .kept
                .keys()
                .all(|owner| !owner.starts_with("shop/"))
        );
    }

    #[test]
    fn a_port_in_use_is_not_chosen() {
        let tmp = tempfile::tempdir().unwrap();
        let mut a = ports(tmp.path());
        let first = a.lend("x", None).unwrap();
        a.give_back(first);
        let held = TcpListener::bind((Ipv4Addr::UNSPECIFIED, first)).unwrap();
        let second = a.lend("x", Some(first)).unwrap();
        assert_ne!(first, second);
        drop(held);
        assert_eq!(a.lend("x", Some(first)).unwrap(), first);
        assert_ne!(
            a.lend("x", Some(first)).unwrap(),
            first,
            "it is lent already"
        );
    }

    #[test]
    fn a_broken_list_is_an_error_that_names_it() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join("ports.json"), "{").unwrap();
        let error = Ports::open(&tmp.path().join("ports.json")).unwrap_err();
        assert!(error.to_string().contains("ports.json"), "{error}");
    }
}
