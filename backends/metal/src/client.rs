//! Asking the agent, and starting it when there is none.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::{Instant, sleep, timeout};

use crate::agent::make_executable;
use crate::agent::protocol::{Hello, Meanwhile, PROTOCOL, Reply, Request};
use crate::dirs::Dirs;
use crate::names;

/// How long an agent may take to start, or to leave once it has nothing under way.
const START: Duration = Duration::from_secs(20);

/// Asks the agent of some directories.
#[derive(Debug, Clone)]
pub struct Client {
    dirs: Dirs,
    program: PathBuf,
}

/// Why the agent could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A directory can't be used.
    #[error(transparent)]
    Dirs(#[from] crate::dirs::DirsError),
    /// The agent can't be reached or started.
    #[error("cannot {doing}: {why}; see {}", log.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system or the agent says.
        why: io::Error,
        /// The agent's log.
        log: PathBuf,
    },
    /// The agent is of a newer version.
    #[error("the agent that runs here is of plat {theirs}, this is {}: use that version, or newer", env!("CARGO_PKG_VERSION"))]
    Newer {
        /// Its version.
        theirs: String,
    },
}

/// An open connection: one request.
struct Connection {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    hello: Hello,
}

impl Client {
    /// Asks the agent of `dirs`; starts it by `PROGRAM internal agent` where there is none.
    /// `program` is this program most often.
    pub fn new(dirs: Dirs, program: PathBuf) -> Self {
        Self { dirs, program }
    }

    /// Whether an agent runs, without starting one.
    pub async fn runs(&self) -> bool {
        self.connect().await.is_ok()
    }

    /// Asks, telling `progress` what is being done, and returns the last reply. Starts the agent
    /// if need be; takes the place of an older one.
    ///
    /// # Errors
    /// When there is no agent and none can be started, or it goes away before it answered.
    pub async fn ask(
        &self,
        request: &Request,
        progress: impl FnMut(String, Option<(u64, u64)>),
    ) -> Result<Reply, ClientError> {
        self.ask_until(request, std::future::pending(), progress)
            .await
    }

    /// As [`Self::ask`]; when `stop` comes to its end, the agent is told that it may let it be.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn ask_until(
        &self,
        request: &Request,
        stop: impl Future<Output = ()>,
        mut progress: impl FnMut(String, Option<(u64, u64)>),
    ) -> Result<Reply, ClientError> {
        let Connection {
            mut reader,
            mut writer,
            ..
        } = self.reach().await?;
        send(&mut writer, request)
            .await
            .map_err(|e| self.error("ask the agent", e))?;
        let mut stop = std::pin::pin!(stop);
        let mut told = false;
        loop {
            let mut reply = std::pin::pin!(read(&mut reader));
            let reply = loop {
                tokio::select! {
                    reply = &mut reply => break reply,
                    () = &mut stop, if !told => {
                        told = true;
                        // It may have answered and closed already: reading tells.
                        let _ = send(&mut writer, &Meanwhile::Stop).await;
                    }
                }
            };
            match reply.map_err(|e| self.error("hear from the agent", e))? {
                Reply::Progress { text, amount } => progress(text, amount),
                last => return Ok(last),
            }
        }
    }

    /// As [`Self::ask`], but only where an agent runs that speaks as we do: `None` else.
    ///
    /// # Errors
    /// When it goes away before it answered.
    pub async fn ask_running(&self, request: &Request) -> Result<Option<Reply>, ClientError> {
        if self.connect().await.is_err() {
            return Ok(None);
        }
        self.ask(request, |_, _| {}).await.map(Some)
    }

    async fn reach(&self) -> Result<Connection, ClientError> {
        let ours = program_id(&self.program).map_err(|e| self.error("read this program", e))?;
        let mut connection = match self.connect().await {
            Ok(connection) => connection,
            Err(_) => return self.start(&ours).await,
        };
        if connection.hello.program == ours {
            return Ok(connection);
        }
        if newer(&connection.hello) {
            return Err(ClientError::Newer {
                theirs: connection.hello.version,
            });
        }
        send(&mut connection.writer, &Request::Retire)
            .await
            .map_err(|e| self.error("ask the older agent to leave", e))?;
        // What it answers does not matter; that it goes does.
        let _ = timeout(START, read::<Reply>(&mut connection.reader)).await;
        drop(connection);
        self.start(&ours).await
    }

    async fn connect(&self) -> io::Result<Connection> {
        let stream = UnixStream::connect(self.dirs.socket()).await?;
        let (reader, writer) = stream.into_split();
        let mut reader = BufReader::new(reader);
        let hello = timeout(START, read(&mut reader))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        Ok(Connection {
            reader,
            writer,
            hello,
        })
    }

    async fn start(&self, ours: &str) -> Result<Connection, ClientError> {
        self.dirs.create()?;
        let program = self
            .keep_program(ours)
            .map_err(|e| self.error("keep this program for the agent", e))?;
        let errors = self.dirs.state.join("agent.err");
        let deadline = Instant::now() + START;
        let mut child = None;
        loop {
            if child.is_none() {
                let spawned = fs::File::create(&errors).and_then(|stderr| {
                    let mut command = Command::new(&program);
                    if let Some(home) = &self.dirs.home {
                        command.env("PLAT_HOME", home);
                        command.env("PLAT_CACHE", &self.dirs.cache);
                    }
                    command
                        .args(["internal", "agent"])
                        .current_dir("/")
                        .stdin(Stdio::null())
                        .stdout(Stdio::null())
                        .stderr(stderr)
                        .spawn()
                });
                child = Some(spawned.map_err(|e| self.error("start the agent", e))?);
            }
            // An older one may still be about to leave.
            if let Ok(connection) = self.connect().await
                && connection.hello.program == ours
            {
                if let Some(mut started) = child {
                    // Where this process outlives it, somebody is to reap it.
                    std::thread::spawn(move || started.wait());
                }
                return Ok(connection);
            }
            if let Some(started) = &mut child
                && let Ok(Some(status)) = started.try_wait()
            {
                let said = fs::read_to_string(&errors).unwrap_or_default();
                if !status.success() {
                    let why = io::Error::other(match said.trim() {
                        "" => format!("it ended at once ({status})"),
                        said => said.to_owned(),
                    });
                    return Err(self.error("start the agent", why));
                }
                // Another one was there already: it answers soon, or is gone and leaves room.
                child = None;
            }
            if Instant::now() >= deadline {
                return Err(self.error("start the agent", io::ErrorKind::TimedOut.into()));
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// This program, kept where a new build of it does not disturb what runs it.
    fn keep_program(&self, id: &str) -> io::Result<PathBuf> {
        let name = self.program.file_name().unwrap_or("platc".as_ref());
        let dir = self.dirs.cache.join("platc").join(id);
        let path = dir.join(name);
        let size = fs::metadata(&self.program)?.len();
        if fs::metadata(&path).is_ok_and(|m| m.len() == size) {
            return Ok(path);
        }
        make_executable(&dir, &path, |fresh| {
            fs::copy(&self.program, fresh).map(|_| ())
        })?;
        Ok(path)
    }

    fn error(&self, doing: &'static str, why: io::Error) -> ClientError {
        ClientError::Io {
            doing,
            why,
            log: self.dirs.agent_log(),
        }
    }
}

/// Which program a file is: made of its size, its number and its time of change, because reading
/// a hundred megabytes at each call costs more than it gives. A program that was kept by a client
/// carries its id in its path.
///
/// # Errors
/// When there is no such file.
pub fn program_id(program: &Path) -> io::Result<String> {
    if let Some(dir) = program.parent()
        && dir.parent().and_then(Path::file_name) == Some("platc".as_ref())
        && let Some(id) = dir.file_name().and_then(|n| n.to_str())
        && id.len() == 16
        && id.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return Ok(id.to_owned());
    }
    let meta = fs::metadata(program)?;
    let numbers = [
        meta.size().to_string(),
        meta.dev().to_string(),
        meta.ino().to_string(),
        meta.mtime().to_string(),
        meta.mtime_nsec().to_string(),
    ];
    let parts: Vec<&str> = numbers.iter().map(String::as_str).collect();
    let mut id = names::digest(&parts);
    id.truncate(16);
    Ok(id)
}

fn newer(hello: &Hello) -> bool {
    let number = |version: &str| -> Vec<u64> {
        version.split('.').map(|n| n.parse().unwrap_or(0)).collect()
    };
    hello.protocol > PROTOCOL || number(&hello.version) > number(env!("CARGO_PKG_VERSION"))
}

async fn send(writer: &mut OwnedWriteHalf, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message).map_err(io::Error::other)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

async fn read<T: DeserializeOwned>(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<T> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line).await? == 0 {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "it ended before it answered",
        ));
    }
    serde_json::from_slice(&line).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_program_is_the_program() {
        let tmp = tempfile::tempdir().unwrap();
        let program = tmp.path().join("x");
        fs::write(&program, "1").unwrap();
        let id = program_id(&program).unwrap();
        let client = Client::new(Dirs::at(tmp.path(), None), program.clone());
        let kept = client.keep_program(&id).unwrap();
        assert_eq!(program_id(&kept).unwrap(), id);
        fs::write(&program, "22").unwrap();
        assert_ne!(program_id(&program).unwrap(), id);
    }

    /// A stop that comes when the agent has answered and closed can't be sent; what it answered is
    /// the answer. Which of the two is seen first is chance, so it is done often.
    #[tokio::test]
    async fn an_answer_is_heard_though_the_agent_has_closed_when_it_is_to_stop() {
        let tmp = tempfile::tempdir().unwrap();
        let program = tmp.path().join("x");
        fs::write(&program, "1").unwrap();
        let dirs = Dirs::at(tmp.path(), None);
        dirs.create().unwrap();
        let listener = tokio::net::UnixListener::bind(dirs.socket()).unwrap();
        let client = Client::new(dirs, program.clone());
        let request = Request::Routes;
        for _ in 0..40 {
            let (closed, has_closed) = tokio::sync::oneshot::channel();
            let agent = async {
                let (reader, mut writer) = listener.accept().await.unwrap().0.into_split();
                let hello = Hello {
                    protocol: PROTOCOL,
                    version: env!("CARGO_PKG_VERSION").into(),
                    program: program_id(&program).unwrap(),
                    pid: 1,
                };
                send(&mut writer, &hello).await.unwrap();
                let mut line = Vec::new();
                let mut reader = BufReader::new(reader);
                reader.read_until(b'\n', &mut line).await.unwrap();
                send(&mut writer, &Reply::Retiring).await.unwrap();
                drop((reader, writer));
                closed.send(()).unwrap();
            };
            let stop = async { has_closed.await.unwrap() };
            let asking = client.ask_until(&request, stop, |_, _| {});
            let (reply, ()) = tokio::join!(asking, agent);
            assert!(matches!(reply.unwrap(), Reply::Retiring));
        }
    }

    #[test]
    fn versions_are_compared_by_number() {
        let hello = |version: &str, protocol| Hello {
            protocol,
            version: version.into(),
            program: String::new(),
            pid: 1,
        };
        assert!(newer(&hello("999.0.0", PROTOCOL)));
        assert!(newer(&hello("0.0.1", PROTOCOL + 1)));
        assert!(!newer(&hello(env!("CARGO_PKG_VERSION"), PROTOCOL)));
        assert!(!newer(&hello("0.0.1", PROTOCOL)));
    }
}
