//! Any text as a program: names, types and evaluation end without a panic, whatever is wrong.
#![no_main]

#[path = "../../compiler/semantics/tests/properties.rs"]
#[allow(dead_code, reason = "each target uses some of them")]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    properties::any_text(&format!(
        "app x\n{text}\nenv dev {{ target = local {{}} }}\n"
    ));
});
