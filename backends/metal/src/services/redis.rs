//! Redis (or Valkey): one server for each `redis` declaration.

use super::{
    Launch, OnChange, Ready, Secret, ServiceError, Signal, User, digest, make_dir, write_private,
};
use crate::tools::Found;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

/// One Redis as it should be.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The declaration's name, for messages.
    pub name: String,
    /// A directory of its own; made if it is missing.
    pub dir: PathBuf,
    /// The port on 127.0.0.1.
    pub port: u16,
    /// What a client must give.
    pub password: Secret,
    /// How much it may hold, in bytes.
    pub memory: u64,
    /// What it does when that is full.
    pub evict: Evict,
    /// Whether what it holds outlives a restart.
    pub keep: bool,
}

/// What to do when memory is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evict {
    /// Refuse writes.
    Never,
    /// Drop what was not used for the longest time.
    Lru,
    /// Drop what is used least often.
    Lfu,
    /// Drop what would expire next; refuse writes if nothing does.
    Ttl,
}

impl Evict {
    fn policy(self) -> &'static str {
        match self {
            Self::Never => "noeviction",
            Self::Lru => "allkeys-lru",
            Self::Lfu => "allkeys-lfu",
            Self::Ttl => "volatile-ttl",
        }
    }
}

impl Settings {
    fn service(&self) -> String {
        format!("redis {}", self.name)
    }

    fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Memory and policy are set live by [`converge`]; here only so that a restart keeps them.
    fn config(&self, with_limits: bool) -> String {
        let keep = if self.keep { "yes" } else { "no" };
        let mut config = format!(
            "bind 127.0.0.1\nport {}\nprotected-mode yes\nrequirepass {}\ndaemonize no\n\
             dir {}\nappendonly {keep}\nappendfsync everysec\nsave \"\"\n",
            self.port,
            quoted(self.password.expose()),
            quoted(&self.dir.join("data").to_string_lossy()),
        );
        if with_limits {
            config.push_str(&format!(
                "maxmemory {}\nmaxmemory-policy {}\n",
                self.memory,
                self.evict.policy()
            ));
        }
        config
    }
}

/// Writes the configuration and says what to run.
///
/// # Errors
/// The directory or the configuration can't be written.
pub fn prepare(settings: &Settings, tool: &Found) -> Result<Launch, ServiceError> {
    let run_as = User::for_service(&["redis", "valkey"]);
    let config = settings.dir.join("redis.conf");
    let failed = |e: std::io::Error| {
        ServiceError::new(
            settings.service(),
            format!("write its configuration to {}", settings.dir.display()),
            e,
        )
    };
    make_dir(&settings.dir, run_as.as_ref()).map_err(failed)?;
    make_dir(&settings.dir.join("data"), run_as.as_ref()).map_err(failed)?;
    write_private(&config, settings.config(true).as_bytes(), run_as.as_ref()).map_err(failed)?;
    Ok(Launch {
        command: vec![
            tool.program.to_string_lossy().into_owned(),
            config.to_string_lossy().into_owned(),
        ],
        env: BTreeMap::new(),
        dir: settings.dir.clone(),
        run_as,
        ready: Ready::Tcp(settings.addr()),
        stop_signal: Signal::Term,
        grace: Duration::from_secs(20),
        config_digest: digest([settings.config(false).as_str(), &tool.version]),
        on_change: OnChange::Restart,
    })
}

/// Waits until it answers with the password, then sets what can be set without a restart.
///
/// # Errors
/// It does not answer before `within` is over, or refuses the password or a setting.
pub async fn converge(settings: &Settings, within: Duration) -> Result<(), ServiceError> {
    let deadline = Instant::now() + within;
    let failed = |why: String| {
        ServiceError::new(
            settings.service(),
            format!("reach it at {}", settings.addr()),
            why,
        )
        .next("see its log")
    };
    loop {
        let last = match timeout_at(deadline, settle(settings)).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(Trouble::Refused(why))) => return Err(failed(why)),
            Ok(Err(Trouble::NotYet(why))) => why,
            Err(_) => "it does not answer in time".to_owned(),
        };
        if Instant::now() >= deadline {
            return Err(failed(last));
        }
        sleep(Duration::from_millis(50)).await;
    }
}

enum Trouble {
    /// It may come up yet.
    NotYet(String),
    /// Waiting changes nothing.
    Refused(String),
}

async fn settle(settings: &Settings) -> Result<(), Trouble> {
    let not_yet = |e: std::io::Error| Trouble::NotYet(e.to_string());
    let stream = TcpStream::connect(settings.addr()).await.map_err(not_yet)?;
    let mut stream = BufReader::new(stream);
    let memory = settings.memory.to_string();
    // The last is refused until the data is loaded; the others are not, by every version.
    let commands: [&[&str]; 4] = [
        &["AUTH", settings.password.expose()],
        &["CONFIG", "SET", "maxmemory", &memory],
        &["CONFIG", "SET", "maxmemory-policy", settings.evict.policy()],
        &["PING"],
    ];
    for command in commands {
        stream.write_all(&request(command)).await.map_err(not_yet)?;
        let mut answer = String::new();
        stream.read_line(&mut answer).await.map_err(not_yet)?;
        match answer.trim_end() {
            "+OK" | "+PONG" => {}
            "" => return Err(Trouble::NotYet("it closed the connection".to_owned())),
            loading if loading.starts_with("-LOADING") || loading.contains("during loading") => {
                return Err(Trouble::NotYet("it is still loading its data".to_owned()));
            }
            other => return Err(Trouble::Refused(format!("it answers `{other}`"))),
        }
    }
    Ok(())
}

/// A command in Redis' own protocol.
fn request(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    bytes
}

/// A value in `redis.conf`, whatever is in it.
fn quoted(value: &str) -> String {
    let mut text = String::from("\"");
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_can_not_leave_its_quotes() {
        assert_eq!(quoted("plain"), "\"plain\"");
        assert_eq!(quoted("a\"b\\c\nd ü"), r#""a\"b\\c\x0ad \xc3\xbc""#);
    }
}
