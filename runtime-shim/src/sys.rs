//! The system calls that std has no safe door to. Everything `unsafe` of the shim is in here and
//! in `sys/spawn.rs`; what they offer is safe.

mod spawn;

pub use spawn::{Exec, Stage, spawn};

use std::ffi::CString;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;
use std::time::Duration;

use plat_shim::signal::Signal;

/// The kernel's signal set. libc's own hide the signals 32 to 34 from us, which others may send.
type KernelSet = u64;
const KERNEL_SET_SIZE: usize = mem::size_of::<KernelSet>();

fn checked(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn checked_long(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Every signal, blocked and taken from a descriptor instead.
pub struct Signals(OwnedFd);

/// One signal that came in.
#[derive(Clone, Copy)]
pub struct Received {
    pub signal: Signal,
    /// Raised by the kernel (a terminal, a closed pipe, a child's end), not sent by a process.
    pub by_kernel: bool,
}

impl Signals {
    /// From here on no signal interrupts or ends this process, `KILL` and `STOP` apart.
    pub fn block_all() -> io::Result<Signals> {
        let all: KernelSet = !0;
        // SAFETY: `all` is a valid kernel signal set of the size given; no old set is asked for.
        checked_long(unsafe {
            libc::syscall(
                libc::SYS_rt_sigprocmask,
                libc::SIG_SETMASK,
                &raw const all,
                ptr::null_mut::<KernelSet>(),
                KERNEL_SET_SIZE,
            )
        })?;
        let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
        // SAFETY: as above; -1 asks for a new descriptor.
        let fd = checked_long(unsafe {
            libc::syscall(
                libc::SYS_signalfd4,
                -1,
                &raw const all,
                KERNEL_SET_SIZE,
                flags,
            )
        })?;
        let fd = i32::try_from(fd).map_err(io::Error::other)?;
        // SAFETY: the call above made this descriptor, and nobody else owns it.
        Ok(Signals(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next signal, if one is waiting.
    pub fn next(&self) -> Option<Received> {
        loop {
            // SAFETY: all zeros is a valid signalfd_siginfo, which is plain integers.
            let mut info: libc::signalfd_siginfo = unsafe { mem::zeroed() };
            let size = mem::size_of_val(&info);
            // SAFETY: `info` is valid for writes of `size` bytes.
            let read = unsafe { libc::read(self.0.as_raw_fd(), (&raw mut info).cast(), size) };
            if usize::try_from(read).ok()? != size {
                return None;
            }
            // A write of our own to a closed pipe is no signal from outside.
            if info.ssi_pid == std::process::id() {
                continue;
            }
            let number = i32::try_from(info.ssi_signo).unwrap_or(0);
            if let Some(signal) = Signal::from_number(number) {
                return Some(Received {
                    signal,
                    by_kernel: info.ssi_code > 0,
                });
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(Signal),
}

/// What `waitid` found.
pub enum Waited {
    /// This child has ended and is a zombie until [`release`].
    Ended(i32, Exit),
    /// There are children; none has ended.
    None,
    /// There are no children at all.
    NoChildren,
}

/// Looks for a child that has ended, without reaping it: until [`release`] its number and its
/// group's can't become another's.
pub fn wait() -> Waited {
    // SAFETY: all zeros is a valid siginfo_t.
    let mut info: libc::siginfo_t = unsafe { mem::zeroed() };
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: `info` is valid for writes.
    if unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, options) } != 0 {
        return Waited::NoChildren;
    }
    // SAFETY: waitid filled the fields of a child's end, or left them zero.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    if pid == 0 {
        return Waited::None;
    }
    let exit = match (info.si_code, Signal::from_number(status)) {
        (libc::CLD_KILLED | libc::CLD_DUMPED, Some(signal)) => Exit::Signal(signal),
        _ => Exit::Code(status),
    };
    Waited::Ended(pid, exit)
}

/// Reaps a child that [`wait`] named.
pub fn release(pid: i32) {
    // SAFETY: no status is asked for.
    unsafe { libc::waitpid(pid, ptr::null_mut(), libc::WNOHANG) };
}

/// Sends a signal to one process. That it is gone already is no error worth telling.
pub fn kill(pid: i32, signal: Signal) {
    if pid > 1 {
        // SAFETY: has no memory effects.
        unsafe { libc::kill(pid, signal.number()) };
    }
}

/// Sends a signal to a process group.
pub fn kill_group(group: i32, signal: Signal) {
    if group > 1 {
        // SAFETY: has no memory effects.
        unsafe { libc::kill(-group, signal.number()) };
    }
}

/// A session of its own, so that no terminal's and no group's signals come here. No error if it
/// leads one already.
pub fn new_session() -> io::Result<()> {
    // SAFETY: has no memory effects.
    match checked(unsafe { libc::setsid() }) {
        Err(error) if error.raw_os_error() != Some(libc::EPERM) => Err(error),
        _ => Ok(()),
    }
}

/// Descendants whose parent died become this process's children.
pub fn adopt_orphans() -> io::Result<()> {
    prctl(libc::PR_SET_CHILD_SUBREAPER, 1)
}

/// No core dump, and nobody but root may look into this process's memory. A program it starts is
/// not affected.
pub fn hide_memory() -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, 0)
}

fn prctl(option: libc::c_int, value: libc::c_ulong) -> io::Result<()> {
    let none: libc::c_ulong = 0;
    // SAFETY: the options used take an integer.
    checked(unsafe { libc::prctl(option, value, none, none, none) }).map(drop)
}

/// New files of this process are its user's alone.
pub fn private_files() {
    // SAFETY: has no memory effects.
    unsafe { libc::umask(0o077) };
}

/// The user this process acts as. (Not `/proc/self`'s owner: that is root once memory is hidden.)
pub fn user() -> u32 {
    // SAFETY: has no memory effects.
    unsafe { libc::geteuid() }
}

/// Whatever descriptors were left open to us stay out of the child. Kernels before 5.11 can't.
pub fn keep_descriptors_from_children() {
    // SAFETY: sets a flag on descriptors; closes none.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3 as libc::c_uint,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
}

/// Makes standard input, output or error (0, 1, 2) another name of `fd`.
pub fn replace_standard(which: i32, fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: dup2 on the standard descriptors, which std treats as always open and never owned.
    checked(unsafe { libc::dup2(fd.as_raw_fd(), which) }).map(drop)
}

/// A pipe: the end to read (non-blocking), the end to write.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [0; 2];
    // SAFETY: `fds` has room for the two descriptors.
    checked(unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) })?;
    let [read, write] = fds;
    // SAFETY: pipe2 made both, and nobody else owns them.
    let (read, write) = unsafe { (OwnedFd::from_raw_fd(read), OwnedFd::from_raw_fd(write)) };
    // SAFETY: sets a flag on a descriptor we own.
    checked(unsafe { libc::fcntl(read.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) })?;
    Ok((read, write))
}

/// Begins to connect; writable once that is decided.
pub fn connect(address: &SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: has no memory effects.
    let fd = checked(unsafe { libc::socket(family, kind, 0) })?;
    // SAFETY: the call above made this descriptor, and nobody else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let result = match address {
        SocketAddr::V4(v4) => {
            // SAFETY: all zeros is a valid sockaddr_in, which is plain integers.
            let mut raw: libc::sockaddr_in = unsafe { mem::zeroed() };
            raw.sin_family = libc::AF_INET as libc::sa_family_t;
            raw.sin_port = v4.port().to_be();
            raw.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
            connect_raw(&fd, &raw)
        }
        SocketAddr::V6(v6) => {
            // SAFETY: all zeros is a valid sockaddr_in6, which is plain integers.
            let mut raw: libc::sockaddr_in6 = unsafe { mem::zeroed() };
            raw.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            raw.sin6_port = v6.port().to_be();
            raw.sin6_addr.s6_addr = v6.ip().octets();
            raw.sin6_scope_id = v6.scope_id();
            connect_raw(&fd, &raw)
        }
    };
    match result {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(fd),
    }
}

/// `Address` must be one of libc's socket addresses.
fn connect_raw<Address>(fd: &OwnedFd, address: &Address) -> io::Result<()> {
    let size = mem::size_of::<Address>() as libc::socklen_t;
    // SAFETY: `address` is valid for reads of `size` bytes, and the kernel checks its family.
    checked(unsafe { libc::connect(fd.as_raw_fd(), ptr::from_ref(address).cast(), size) }).map(drop)
}

/// Whether this directory lies in memory, never on a disk.
pub fn is_in_memory(path: &Path) -> io::Result<bool> {
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58f6;
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: all zeros is a valid statfs, which is plain integers.
    let mut about: libc::statfs = unsafe { mem::zeroed() };
    // SAFETY: `path` ends in NUL; `about` is valid for writes.
    checked(unsafe { libc::statfs(path.as_ptr(), &raw mut about) })?;
    // The field's type differs between libcs.
    let kind = about.f_type as i64;
    Ok(kind == TMPFS || kind == RAMFS)
}

/// Processor time of the children that were waited for (and of theirs).
pub fn waited_cpu() -> Duration {
    // SAFETY: all zeros is a valid rusage, which is plain integers.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: `usage` is valid for writes.
    unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) };
    let time = |t: libc::timeval| {
        let seconds = Duration::from_secs(u64::try_from(t.tv_sec).unwrap_or(0));
        seconds + Duration::from_micros(u64::try_from(t.tv_usec).unwrap_or(0))
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Clock ticks in a second and bytes in a page, as `/proc` counts them.
pub fn units() -> (u64, u64) {
    // SAFETY: have no memory effects.
    let (ticks, page) = unsafe {
        (
            libc::sysconf(libc::_SC_CLK_TCK),
            libc::sysconf(libc::_SC_PAGESIZE),
        )
    };
    (
        u64::try_from(ticks).unwrap_or(100).max(1),
        u64::try_from(page).unwrap_or(4096),
    )
}

/// What is waited for on a descriptor.
#[derive(Clone, Copy)]
pub enum Interest {
    Read,
    Write,
}

/// Descriptors to wait on, each with a tag that says whose it is.
pub struct PollSet<Tag> {
    fds: Vec<libc::pollfd>,
    tags: Vec<Tag>,
}

impl<Tag: Copy> PollSet<Tag> {
    pub fn new() -> PollSet<Tag> {
        PollSet {
            fds: Vec::new(),
            tags: Vec::new(),
        }
    }

    pub fn clear(&mut self) {
        self.fds.clear();
        self.tags.clear();
    }

    /// A descriptor closed before [`PollSet::wait`] is reported as ready; no more comes of it.
    pub fn add(&mut self, fd: BorrowedFd<'_>, interest: Interest, tag: Tag) {
        let events = match interest {
            Interest::Read => libc::POLLIN,
            Interest::Write => libc::POLLOUT,
        };
        self.fds.push(libc::pollfd {
            fd: fd.as_raw_fd(),
            events,
            revents: 0,
        });
        self.tags.push(tag);
    }

    /// Waits until one is ready or the time is over (`None`: as long as it takes).
    pub fn wait(&mut self, timeout: Option<Duration>) {
        let timeout = timeout.map(|wait| libc::timespec {
            tv_sec: wait.as_secs().try_into().unwrap_or(i32::MAX.into()),
            tv_nsec: wait.subsec_nanos().into(),
        });
        let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
        let count = self.fds.len() as libc::nfds_t;
        // SAFETY: `fds` holds `count` entries; `timeout` is null or valid; the mask stays.
        let ready = unsafe { libc::ppoll(self.fds.as_mut_ptr(), count, timeout, ptr::null()) };
        if ready < 0 {
            for fd in &mut self.fds {
                fd.revents = 0;
            }
        }
    }

    /// The tags of those that are ready.
    pub fn ready(&self) -> impl Iterator<Item = Tag> {
        let both = self.fds.iter().zip(&self.tags);
        both.filter(|(fd, _)| fd.revents != 0).map(|(_, tag)| *tag)
    }
}
