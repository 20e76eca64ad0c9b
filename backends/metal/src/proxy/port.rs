//! Who holds a port.

use std::fs;
use std::net::SocketAddr;

/// The process that listens on a TCP port of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its program's name.
    pub name: String,
}

/// Who listens on the port of `address`, as far as we may see: other users' processes are hidden
/// from whoever is not root.
#[must_use]
pub fn holder(address: SocketAddr) -> Option<Holder> {
    let inodes: Vec<u64> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, address.port()))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    let mut processes: Vec<u32> = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    processes.sort_unstable();
    let pid = processes.into_iter().find(|pid| holds(*pid, &inodes))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(Holder {
        pid,
        name: name.trim().to_owned(),
    })
}

/// Why `address` can't be listened on, with who holds it and what to change.
pub(super) fn bind_error(address: SocketAddr, error: &std::io::Error) -> String {
    let port = address.port();
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            let who = match holder(address) {
                Some(holder) => format!("{} (process {}) listens there", holder.name, holder.pid),
                None => "another process listens there".to_owned(),
            };
            format!(
                "cannot listen on {address}: {who}; stop it, or choose another port: `target = local {{ port = {} }}`",
                port.checked_add(1).unwrap_or(8080)
            )
        }
        std::io::ErrorKind::PermissionDenied => format!(
            "cannot listen on {address}: ports below 1024 are for root; choose another port: `target = local {{ port = 8080 }}`"
        ),
        _ => format!("cannot listen on {address}: {error}"),
    }
}

/// The inodes of the sockets that listen on `port`, from `/proc/net/tcp`.
fn listening_inodes(table: &str, port: u16) -> Vec<u64> {
    const LISTEN: &str = "0A";
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let local = fields.nth(1)?;
            let state = fields.nth(1)?;
            let inode = fields.nth(5)?;
            let (_, local_port) = local.rsplit_once(':')?;
            let same = u16::from_str_radix(local_port, 16).ok()? == port;
            (same && state == LISTEN).then(|| inode.parse().ok())?
        })
        .collect()
}

fn holds(pid: u32, inodes: &[u64]) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    open.flatten().any(|entry| {
        let Ok(target) = fs::read_link(entry.path()) else {
            return false;
        };
        let target = target.to_string_lossy();
        target
            .strip_prefix("socket:[")
            .and_then(|rest| rest.strip_suffix(']'))
            .and_then(|inode| inode.parse().ok())
            .is_some_and(|inode: u64| inodes.contains(&inode))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn finds_ourselves() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(holder(address).unwrap().pid, std::process::id());
        let error = TcpListener::bind(address).unwrap_err();
        let text = bind_error(address, &error);
        assert!(
            text.contains(&format!("(process {})", std::process::id())),
            "{text}"
        );
        assert!(text.contains("local { port ="), "{text}");
    }
}
