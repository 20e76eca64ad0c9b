//! The harness itself: the engine is broken in each way that it knows of ([`Flaw`]), and the stories
//! tell; or the races of two where it takes two to show it, or one of the narrow places where stories
//! seldom come by. Each has a budget of its own, a few times what it takes, so that a harness that
//! gets weaker is noticed too.

use plat_engine::Flaw;

/// Breaks the engine on this thread, and mends it when it goes.
struct Broken;

impl Broken {
    fn by(flaw: Flaw) -> Self {
        plat_engine::sabotage(Some(flaw));
        Self
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        plat_engine::sabotage(None);
    }
}

/// Stories with that many disturbances tell of it.
fn told(flaw: Flaw, disturbances: u64) {
    let _broken = Broken::by(flaw);
    if let Ok(played) = crate::story::tell(disturbances, true) {
        panic!("{flaw:?}: {played} disturbances, and nobody saw it");
    }
}

/// What must go wrong with the engine broken, and only then: that it does not else is shown where it
/// stands.
fn fails(flaw: Flaw, tried: fn() -> Result<(), String>) {
    let _broken = Broken::by(flaw);
    assert!(tried().is_err(), "{flaw:?}: nobody saw it");
}

macro_rules! flaws {
    (
        in stories { $($name:ident: $flaw:ident within $disturbances:literal,)* }
        at places { $($at:ident: $place:ident by $tried:path,)* }
    ) => {
        $(
            #[test]
            fn $name() {
                told(Flaw::$flaw, $disturbances);
            }
        )*
        $(
            #[test]
            fn $at() {
                fails(Flaw::$place, $tried);
            }
        )*

        #[test]
        fn each_has_its_test() {
            let here = [$(Flaw::$flaw,)* $(Flaw::$place,)*];
            let missing: Vec<Flaw> = Flaw::ALL.into_iter().filter(|f| !here.contains(f)).collect();
            assert_eq!(missing, []);
        }
    };
}

flaws! {
    in stories {
        an_operation_that_is_begun_without_a_word: IntentUnwritten within 1_500,
        what_was_cut_off_and_nobody_looks_at: PendingUnlooked within 2_500,
        what_is_unknown_and_counts_as_absent: UnknownIsAbsent within 500,
        data_that_is_lost_without_its_word: WordUnasked within 500,
        operations_in_no_order: Unordered within 500,
    }
    at places {
        a_state_that_is_written_over_whatever_is_there:
            Unconditional by crate::two::raced_from_each_call,
        a_step_with_another_token_each_time:
            TokenAnew by crate::narrow::a_step_is_finished_meanwhile,
        a_journal_that_is_taken_in_twice:
            JournalTakenInTwice by crate::narrow::what_was_adopted_goes_with_its_declaration,
        what_comes_late_and_was_given_up:
            LateGivenUp by crate::narrow::what_comes_late_and_is_unwanted_goes,
        a_protection_that_is_known_too_late:
            ProtectedLate by crate::narrow::what_is_protected_stays_from_when_it_is_made,
    }
}
