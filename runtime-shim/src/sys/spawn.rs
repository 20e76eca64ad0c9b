//! Fork and exec. std's `Command` can do neither all of this in the right order (group, user,
//! mask, death signal) nor tell which step failed.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};
use std::ptr;

use plat_shim::signal::Signal;
use plat_shim::spec::User;

use super::{KERNEL_SET_SIZE, KernelSet};

/// A process to be.
pub struct Exec<'a> {
    pub argv: &'a [CString],
    pub env: &'a [CString],
    /// The program's path, or what `PATH` makes of its name: the first that can be run is.
    pub paths: &'a [CString],
    pub cwd: &'a CStr,
    pub umask: u32,
    pub user: Option<User>,
    pub die_with_parent: bool,
    pub stdin: BorrowedFd<'a>,
    pub stdout: BorrowedFd<'a>,
    pub stderr: BorrowedFd<'a>,
}

/// The step at which the new process failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Streams,
    User,
    Directory,
    Exec,
}

/// Starts the process, in a group of its own and with no signal blocked or ignored, and returns
/// once it runs its program: `Ok(Err(..))` if it never came to that.
pub fn spawn(exec: &Exec<'_>) -> io::Result<Result<i32, (Stage, io::Error)>> {
    // Everything that allocates is done here: between fork and exec nothing may.
    let argv = pointers(exec.argv);
    let env = pointers(exec.env);
    let (failed_read, failed_write) = blocking_pipe()?;
    // SAFETY: getpid has no memory effects.
    let parent = unsafe { libc::getpid() };

    // SAFETY: this process has one thread; the child calls only what is async-signal-safe, on
    // memory made before, and ends in exec or _exit.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: we are that child; the arrays end in null and outlive the call.
            let (stage, errno) = unsafe { become_program(exec, &argv, &env, parent) };
            let report = [stage as u8, errno.to_le_bytes()[0]];
            // SAFETY: `report` is valid for reads; _exit runs nothing of the parent's.
            unsafe {
                libc::write(
                    failed_write.as_raw_fd(),
                    report.as_ptr().cast(),
                    report.len(),
                );
                libc::_exit(127)
            }
        }
        _ => {
            // The child does the same: whoever comes first, the group is there from now on.
            // SAFETY: has no memory effects.
            unsafe { libc::setpgid(pid, pid) };
            drop(failed_write);
            Ok(match read_failure(&failed_read) {
                None => Ok(pid),
                Some(failure) => {
                    // SAFETY: no status is asked for.
                    unsafe { libc::waitpid(pid, ptr::null_mut(), 0) };
                    Err(failure)
                }
            })
        }
    }
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings
        .iter()
        .map(|s| s.as_ptr())
        .chain([ptr::null()])
        .collect()
}

fn blocking_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = super::pipe()?;
    // SAFETY: sets flags on a descriptor we own.
    super::checked(unsafe { libc::fcntl(read.as_raw_fd(), libc::F_SETFL, 0) })?;
    Ok((read, write))
}

/// Waits for the exec, which closes the pipe, or for what went wrong before it.
fn read_failure(pipe: &OwnedFd) -> Option<(Stage, io::Error)> {
    let mut report = [0_u8; 2];
    // SAFETY: `report` is valid for writes of its length.
    let read = unsafe { libc::read(pipe.as_raw_fd(), report.as_mut_ptr().cast(), report.len()) };
    if read != 2 {
        return None;
    }
    let [stage, errno] = report;
    let stages = [Stage::Streams, Stage::User, Stage::Directory];
    let stage = stages
        .into_iter()
        .find(|known| *known as u8 == stage)
        .unwrap_or(Stage::Exec);
    Some((stage, io::Error::from_raw_os_error(errno.into())))
}

fn errno() -> i32 {
    // SAFETY: the location is this thread's own and always valid.
    unsafe { *libc::__errno_location() }
}

/// Returns only when a step failed.
///
/// # Safety
/// Only in a child just forked. `argv` and `env` must end in null and point to C strings.
unsafe fn become_program(
    exec: &Exec<'_>,
    argv: &[*const libc::c_char],
    env: &[*const libc::c_char],
    parent: libc::pid_t,
) -> (Stage, i32) {
    // SAFETY (all blocks below): async-signal-safe calls on memory that outlives them.
    unsafe { libc::setpgid(0, 0) };

    let streams = [(exec.stdin, 0), (exec.stdout, 1), (exec.stderr, 2)];
    for (fd, place) in streams {
        let raw = fd.as_raw_fd();
        // A descriptor in its place already is inherited as it is.
        if raw != place && unsafe { libc::dup2(raw, place) } < 0 {
            return (Stage::Streams, errno());
        }
    }

    if let Some(user) = exec.user {
        let failed = unsafe {
            libc::setgroups(0, ptr::null()) != 0
                || libc::setgid(user.gid) != 0
                || libc::setuid(user.uid) != 0
        };
        if failed {
            return (Stage::User, errno());
        }
    }
    if unsafe { libc::chdir(exec.cwd.as_ptr()) } != 0 {
        return (Stage::Directory, errno());
    }
    unsafe { libc::umask(exec.umask) };

    if exec.die_with_parent {
        // After the change of user, which would clear it.
        unsafe {
            libc::prctl(
                libc::PR_SET_PDEATHSIG,
                Signal::KILL.number() as libc::c_ulong,
            )
        };
        // A parent that died before the call above sends nothing any more.
        if unsafe { libc::getppid() } != parent {
            unsafe { libc::_exit(127) };
        }
    }

    // What we or our own parent ignored would stay ignored in the program. The kernel's struct is
    // a handler, flags and a mask; all zeros is the default action on every architecture.
    let default = [0_u64; 4];
    for number in 1..=64 {
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                number,
                default.as_ptr(),
                ptr::null_mut::<u64>(),
                KERNEL_SET_SIZE,
            )
        };
    }
    // From here on a signal sent to the group does to us what it would do to the program.
    let none: KernelSet = 0;
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK,
            &raw const none,
            ptr::null_mut::<KernelSet>(),
            KERNEL_SET_SIZE,
        )
    };

    let mut reason = libc::ENOENT;
    for path in exec.paths {
        unsafe { libc::execve(path.as_ptr(), argv.as_ptr(), env.as_ptr()) };
        match errno() {
            // Not here, or not a directory at all: the next.
            libc::ENOENT | libc::ENOTDIR => {}
            libc::EACCES => reason = libc::EACCES,
            other => return (Stage::Exec, other),
        }
    }
    (Stage::Exec, reason)
}
