//! The threads that answer.

use std::thread;

use crossbeam_channel::{Sender, unbounded};

/// Something to do on one of the threads.
pub type Job = Box<dyn FnOnce() + Send>;

/// So many threads answer at most: an editor asks half a dozen things after each key.
const MOST: usize = 4;

/// Enough to read the deepest text that is allowed; taken as it is used.
const STACK: usize = 64 * 1024 * 1024;

/// Threads that do one job after the other, until the pool is dropped.
pub struct Pool {
    jobs: Sender<Job>,
}

impl Pool {
    /// As many threads as the machine has, two at least: one that is long must not keep up others.
    pub fn new() -> Self {
        let threads = thread::available_parallelism().map_or(2, usize::from);
        Self::with(threads.clamp(2, MOST), "answers")
    }

    /// So many threads.
    pub fn with(threads: usize, name: &str) -> Self {
        let (jobs, waiting) = unbounded::<Job>();
        for _ in 0..threads {
            let waiting = waiting.clone();
            // A machine that has no thread left has more to tell than this.
            let thread = thread::Builder::new().name(name.to_owned());
            let _ = thread.stack_size(STACK).spawn(move || {
                for job in waiting {
                    job();
                }
            });
        }
        Self { jobs }
    }

    /// Does something on a thread, after what was said before.
    pub fn spawn(&self, job: impl FnOnce() + Send + 'static) {
        // The threads live as long as this sender.
        let _ = self.jobs.send(Box::new(job));
    }
}
