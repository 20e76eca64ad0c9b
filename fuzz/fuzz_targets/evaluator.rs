//! Programs that are right by construction: nothing is said against them, and their graphs hold in every order, layout
//! and after every edit. Broken in one place, they are told of.
#![no_main]

#[path = "../../compiler/semantics/tests/properties.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;
use plat_testgen::Choices;
use plat_testgen::program::Program;

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices::from_bytes(bytes);
    let size = choices.below(24);
    let program = Program::new(&mut choices, size);
    properties::right_program(&program, &mut choices);
    for (_, text) in program.texts() {
        properties::any_text(&properties::broken(&text, &mut choices));
    }
});
