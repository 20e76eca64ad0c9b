//! Programs that nobody wrote: well-typed by construction, and those broken in one place.

use plat_testgen::Choices;
use plat_testgen::program::Program;

use crate::properties;

/// Few in every run; `PLAT_CASES` asks for more, `PLAT_SEED` for others.
fn seeds(ordinary: u64) -> std::ops::Range<u64> {
    let asked = |name: &str| std::env::var(name).ok().and_then(|n| n.parse().ok());
    let first: u64 = asked("PLAT_SEED").unwrap_or(0);
    first..first + asked("PLAT_CASES").unwrap_or(ordinary)
}

#[test]
fn a_program_that_is_right_is_right_in_every_order_and_layout() {
    for seed in seeds(12) {
        let mut choices = Choices::seeded(seed);
        let size = 2 + choices.below(24);
        let program = Program::new(&mut choices, size);
        named(seed, || {
            properties::right_program(&program, &mut choices.clone())
        });
    }
}

#[test]
fn a_program_with_one_token_wrong_is_told_and_nothing_falls_over() {
    for seed in seeds(60) {
        let mut choices = Choices::seeded(seed);
        let size = 2 + choices.below(12);
        let program = Program::new(&mut choices, size);
        let mut text = program.texts().remove(0).1;
        for _ in 0..=choices.below(2) {
            text = properties::broken(&text, &mut choices);
        }
        named(seed, || properties::any_text(&text));
    }
}

/// Says with which seed it failed.
fn named(seed: u64, test: impl FnOnce()) {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(test));
    if let Err(why) = caught {
        let why = why
            .downcast::<String>()
            .map_or_else(|_| String::new(), |w| *w);
        panic!("with PLAT_SEED={seed}: {why}");
    }
}

/// What the fuzz targets found once.
#[test]
fn what_was_found_stays_mended() {
    let found = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/found");
    let mut count = 0;
    for entry in std::fs::read_dir(found).unwrap() {
        let path = entry.unwrap().path();
        eprintln!("{}", path.display());
        properties::any_text(&std::fs::read_to_string(&path).unwrap());
        count += 1;
    }
    assert!(count > 3);
}
