//! The Unix user a service runs as.

use std::fs;

/// A Unix user, by number, with the name it was found under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The user's number.
    pub uid: u32,
    /// The number of its main group.
    pub gid: u32,
}

impl User {
    /// Who a service should run as. Where we are root, the first of `names` that this machine has
    /// (PostgreSQL refuses to run as root, and nothing needs to), else `nobody`; otherwise `None`:
    /// our own user.
    #[must_use]
    pub fn for_service(names: &[&str]) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Some(pick(&passwd, names))
    }
}

fn pick(passwd: &str, names: &[&str]) -> User {
    names
        .iter()
        .chain(&["nobody"])
        .find_map(|name| lookup(passwd, name))
        .unwrap_or(User {
            name: "nobody".to_owned(),
            uid: 65534,
            gid: 65534,
        })
}

fn lookup(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != name {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(User {
            name: name.to_owned(),
            uid,
            gid,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_name_else_nobody() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:PG:/var/lib/pg:/bin/sh\nnobody:x:65534:65534::/:/x\n";
        assert_eq!(pick(passwd, &["redis", "postgres"]).uid, 101);
        assert_eq!(pick(passwd, &["postgres"]).gid, 104);
        assert_eq!(pick(passwd, &["nats"]).name, "nobody");
        assert_eq!(pick("", &["nats"]).uid, 65534);
    }
}
