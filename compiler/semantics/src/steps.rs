//! How far a check is, for who waits for it.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What has been checked so far. They come in no order: files are checked on several threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Files, before anything is evaluated.
    Files {
        /// How many are done.
        done: usize,
        /// How many there are.
        all: usize,
    },
    /// Environments.
    Environments {
        /// How many are done.
        done: usize,
        /// How many there are.
        all: usize,
    },
}

/// Who is told of steps.
pub(crate) type Tell<'a> = &'a (dyn Fn(Step) + Sync);

/// Tells a step each time that one more of so many is done.
pub(crate) struct Steps<'a> {
    tell: Tell<'a>,
    step: fn(usize, usize) -> Step,
    done: AtomicUsize,
    all: usize,
}

impl<'a> Steps<'a> {
    /// Nothing of these files is done.
    pub fn files(tell: Tell<'a>, all: usize) -> Self {
        Self::new(tell, all, |done, all| Step::Files { done, all })
    }

    /// Nothing of these environments is done.
    pub fn environments(tell: Tell<'a>, all: usize) -> Self {
        Self::new(tell, all, |done, all| Step::Environments { done, all })
    }

    fn new(tell: Tell<'a>, all: usize, step: fn(usize, usize) -> Step) -> Self {
        tell(step(0, all));
        Self {
            tell,
            step,
            done: AtomicUsize::new(0),
            all,
        }
    }

    /// One more is done.
    pub fn one(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        (self.tell)((self.step)(done, self.all));
    }
}
