//! Ways to break the engine on purpose, so that its tests can show that they would see it. Only
//! where the feature `sabotage` is on, which only the engine's own tests do; else [`has`] is `false`
//! and nothing is left of it.

/// A way in which the engine is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Operations are begun without a word in the journal.
    IntentUnwritten,
    /// Nobody looks what came of what was cut off.
    PendingUnlooked,
    /// What made nothing yet is given up at once.
    LateGivenUp,
    /// The same step has another token each time it is planned.
    TokenAnew,
    /// The state and the journal are written over whatever is there.
    Unconditional,
    /// What the journal holds is not marked as taken in.
    JournalTakenInTwice,
    /// What can't be read counts as absent.
    UnknownIsAbsent,
    /// Data is replaced and destroyed without its word.
    WordUnasked,
    /// That something must not go is known only after the whole apply.
    ProtectedLate,
    /// Nothing waits for what it needs.
    Unordered,
}

impl Flaw {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::IntentUnwritten,
        Self::PendingUnlooked,
        Self::LateGivenUp,
        Self::TokenAnew,
        Self::Unconditional,
        Self::JournalTakenInTwice,
        Self::UnknownIsAbsent,
        Self::WordUnasked,
        Self::ProtectedLate,
        Self::Unordered,
    ];
}

#[cfg(feature = "sabotage")]
thread_local! {
    static FLAW: std::cell::Cell<Option<Flaw>> = const { std::cell::Cell::new(None) };
}

/// Breaks the engine on this thread until told otherwise; `None` mends it.
#[cfg(feature = "sabotage")]
pub fn sabotage(flaw: Option<Flaw>) {
    FLAW.set(flaw);
}

/// Whether the engine is broken in that way.
#[cfg(feature = "sabotage")]
pub(crate) fn has(flaw: Flaw) -> bool {
    FLAW.get() == Some(flaw)
}

/// Whether the engine is broken in that way: it is not.
#[cfg(not(feature = "sabotage"))]
pub(crate) const fn has(_: Flaw) -> bool {
    false
}
