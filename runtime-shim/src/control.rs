//! The shim's Unix socket: as much of HTTP/1 as a health check, a scraper and the agent need. One
//! request a connection, bounded in number, size and time; nothing here waits. In a container it
//! answers on a TCP port too, where anybody may come by: there it tells, and does nothing.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plat_shim::signal::Signal;

use crate::sys::Interest;

const MOST_CONNECTIONS: usize = 16;
/// Request line, headers and body together.
const LARGEST_REQUEST: usize = 8 * 1024;
/// From accepting to the last byte of the answer.
const TIME: Duration = Duration::from_secs(5);

/// What is asked of the shim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Healthz,
    Readyz,
    Metrics,
    Status,
    Stop,
    Restart,
    Signal(Signal),
}

/// What it answers.
pub struct Answer {
    pub code: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl Answer {
    pub fn text(code: u16, body: impl Into<String>) -> Answer {
        Answer {
            code,
            content_type: "text/plain; charset=utf-8",
            body: body.into() + "\n",
        }
    }
}

/// The socket; its file is removed on drop.
pub struct Control {
    path: PathBuf,
    listener: UnixListener,
    port: Option<TcpListener>,
    connections: Vec<Connection>,
}

enum Stream {
    Socket(UnixStream),
    Port(TcpStream),
}

struct Connection {
    stream: Stream,
    until: Instant,
    request: Vec<u8>,
    answer: Vec<u8>,
    sent: usize,
}

/// Why there is no socket.
pub enum NoSocket {
    /// A shim answers there.
    Taken,
    Failed(String),
}

impl Control {
    pub fn listen(path: &Path) -> Result<Control, NoSocket> {
        let failed = |error: io::Error| {
            NoSocket::Failed(format!(
                "could not make the control socket {}: {error}",
                path.display()
            ))
        };
        // Of two shims started at once only one may look, clear away and bind at a time.
        let dir = File::open(path.parent().unwrap_or(path)).map_err(failed)?;
        dir.lock().map_err(failed)?;
        if fs::symlink_metadata(path).is_ok_and(|about| about.file_type().is_socket()) {
            if UnixStream::connect(path).is_ok() {
                return Err(NoSocket::Taken);
            }
            fs::remove_file(path).map_err(failed)?;
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Control {
            path: path.to_owned(),
            listener,
            port: None,
            connections: Vec::new(),
        })
    }

    /// Answers at a port too, those who only ask, by whatever version of IP there is.
    pub fn listen_also(&mut self, port: u16) -> io::Result<()> {
        let port = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))
            .or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))?;
        port.set_nonblocking(true)?;
        self.port = Some(port);
        Ok(())
    }

    /// The listeners, while there is room for another connection.
    pub fn listens(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let all = [
            Some(self.listener.as_fd()),
            self.port.as_ref().map(AsFd::as_fd),
        ];
        let room = self.connections.len() < MOST_CONNECTIONS;
        all.into_iter().flatten().filter(move |_| room)
    }

    /// What each connection waits for, by its index.
    pub fn waits_for(&self) -> impl Iterator<Item = (usize, BorrowedFd<'_>, Interest)> {
        self.connections
            .iter()
            .enumerate()
            .map(|(index, connection)| {
                let asking = connection.answer.is_empty();
                let interest = if asking {
                    Interest::Read
                } else {
                    Interest::Write
                };
                (index, connection.stream.as_fd(), interest)
            })
    }

    /// When the next connection has had its time.
    pub fn deadline(&self) -> Option<Instant> {
        self.connections
            .iter()
            .map(|connection| connection.until)
            .min()
    }

    /// Takes the connections that wait, one of each listener.
    pub fn accept(&mut self, now: Instant) {
        if let Ok((stream, _)) = self.listener.accept()
            && stream.set_nonblocking(true).is_ok()
        {
            self.take(Stream::Socket(stream), now);
        }
        if let Some(Ok((stream, _))) = self.port.as_ref().map(TcpListener::accept)
            && stream.set_nonblocking(true).is_ok()
        {
            self.take(Stream::Port(stream), now);
        }
    }

    fn take(&mut self, stream: Stream, now: Instant) {
        self.connections.push(Connection {
            stream,
            until: now + TIME,
            request: Vec::new(),
            answer: Vec::new(),
            sent: 0,
        });
    }

    /// Goes on with connection `index`; the request, once it is whole and can be answered.
    pub fn advance(&mut self, index: usize) -> Option<Request> {
        let connection = self.connections.get_mut(index)?;
        if connection.answer.is_empty() {
            match connection.read() {
                Read::More => None,
                Read::Closed => {
                    connection.close();
                    None
                }
                Read::Refused(answer) => {
                    connection.reply(&answer);
                    None
                }
                Read::Whole(request) if connection.may(request) => Some(request),
                Read::Whole(_) => {
                    let told = "there are GET /healthz, /readyz and /metrics";
                    connection.reply(&Answer::text(404, told));
                    None
                }
            }
        } else {
            connection.write();
            None
        }
    }

    /// Answers connection `index`.
    pub fn reply(&mut self, index: usize, answer: &Answer) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.reply(answer);
        }
    }

    /// Lets go of the connections that are done or have had their time. Changes the indexes.
    pub fn sweep(&mut self, now: Instant) {
        self.connections.retain(|connection| now < connection.until);
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

enum Read {
    More,
    Closed,
    Refused(Answer),
    Whole(Request),
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Socket(stream) => stream.read(buffer),
            Stream::Port(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Socket(stream) => stream.write(bytes),
            Stream::Port(stream) => stream.write(bytes),
        }
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Socket(stream) => stream.as_fd(),
            Stream::Port(stream) => stream.as_fd(),
        }
    }
}

impl Connection {
    /// Whether who came this way may ask that.
    const fn may(&self, request: Request) -> bool {
        matches!(self.stream, Stream::Socket(_))
            || matches!(
                request,
                Request::Healthz | Request::Readyz | Request::Metrics
            )
    }

    /// Marks it for [`Control::sweep`].
    fn close(&mut self) {
        self.until = Instant::now();
    }

    fn read(&mut self) -> Read {
        let mut buffer = [0; 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Read::Closed,
            Ok(count) => self
                .request
                .extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Read::More,
            Err(_) => return Read::Closed,
        }
        match whole(&self.request) {
            Some(Ok(request)) => Read::Whole(request),
            Some(Err(answer)) => Read::Refused(answer),
            None if self.request.len() >= LARGEST_REQUEST => {
                Read::Refused(Answer::text(413, "the request is larger than 8 KiB"))
            }
            None => Read::More,
        }
    }

    fn reply(&mut self, answer: &Answer) {
        let reason = match answer.code {
            200 => "OK",
            202 => "Accepted",
            400 => "Bad Request",
            404 => "Not Found",
            405 => "Method Not Allowed",
            409 => "Conflict",
            413 => "Content Too Large",
            _ => "Service Unavailable",
        };
        let Answer {
            code,
            content_type,
            body,
        } = answer;
        let length = body.len();
        self.answer = format!(
            "HTTP/1.1 {code} {reason}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .into_bytes();
        self.write();
    }

    fn write(&mut self) {
        let rest = self.answer.get(self.sent..).unwrap_or_default();
        match self.stream.write(rest) {
            Ok(count) if count < rest.len() => self.sent += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => self.close(),
        }
    }
}

/// The request in `bytes`: `None` while its end has not come.
fn whole(bytes: &[u8]) -> Option<Result<Request, Answer>> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, rest) = bytes.split_at_checked(end + 4)?;
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default();
    // A body means nothing here, but must be read: closing before would cut the answer off.
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Some(Err(Answer::text(400, "send no body")));
        }
        if name.eq_ignore_ascii_case("content-length") {
            match value.trim().parse::<usize>() {
                Ok(length) if length <= rest.len() => {}
                Ok(length) if length < LARGEST_REQUEST => return None,
                _ => return Some(Err(Answer::text(413, "send no body"))),
            }
        }
    }
    Some(parse(first))
}

fn parse(line: &str) -> Result<Request, Answer> {
    let mut words = line.split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (method, target, version, words.next())
    else {
        return Err(Answer::text(400, "this is not HTTP/1"));
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let (needed, request) = match path {
        "/healthz" => ("GET", Request::Healthz),
        "/readyz" => ("GET", Request::Readyz),
        "/metrics" => ("GET", Request::Metrics),
        "/status" => ("GET", Request::Status),
        "/stop" => ("POST", Request::Stop),
        "/restart" => ("POST", Request::Restart),
        "/signal" => {
            let name = query.strip_prefix("name=").and_then(Signal::from_name);
            let signal = name.ok_or_else(|| {
                Answer::text(400, "name a signal: POST /signal?name=HUP, or its number")
            })?;
            ("POST", Request::Signal(signal))
        }
        _ => {
            return Err(Answer::text(
                404,
                "there are GET /healthz, /readyz, /metrics, /status and POST /stop, /restart, /signal?name=HUP",
            ));
        }
    };
    if method != needed {
        return Err(Answer::text(405, format!("{path} takes {needed} alone")));
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::{Request, whole};
    use plat_shim::signal::Signal;

    fn check(bytes: &str, expected: Option<Result<Request, u16>>) {
        let found = whole(bytes.as_bytes()).map(|found| found.map_err(|answer| answer.code));
        assert_eq!(found, expected, "{bytes:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_request_or_refused(bytes: Vec<u8>, head in "(GET|POST) /[ -~\\r\\n]*") {
            let _ = whole(&bytes);
            let _ = whole(&[&bytes, b"\r\n\r\n" as &[u8]].concat());
            let _ = whole(format!("{head}\r\n\r\n").as_bytes());
        }
    }

    #[test]
    fn requests() {
        check("GET /status HTTP/1.1\r\nHost: x\r\n", None);
        check(
            "GET /status HTTP/1.1\r\nHost: x\r\n\r\n",
            Some(Ok(Request::Status)),
        );
        check("GET /readyz?a HTTP/1.0\r\n\r\n", Some(Ok(Request::Readyz)));
        check("POST /stop HTTP/1.1\r\ncontent-length: 2\r\n\r\n{", None);
        check(
            "POST /stop HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}",
            Some(Ok(Request::Stop)),
        );
        let hup = Signal::from_name("HUP").unwrap();
        check(
            "POST /signal?name=HUP HTTP/1.1\r\n\r\n",
            Some(Ok(Request::Signal(hup))),
        );
        check("POST /signal?name=HURZ HTTP/1.1\r\n\r\n", Some(Err(400)));
        check("GET /stop HTTP/1.1\r\n\r\n", Some(Err(405)));
        check("GET /nothing HTTP/1.1\r\n\r\n", Some(Err(404)));
        check("GET /status HTTP/2\r\n\r\n", Some(Err(400)));
        check("\r\n\r\n", Some(Err(400)));
        check(
            "POST /stop HTTP/1.1\r\ncontent-length: 99999\r\n\r\n",
            Some(Err(413)),
        );
        check(
            "POST /stop HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
            Some(Err(400)),
        );
    }
}
