//! Any text: formatting it loses nothing, and formatting it again changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let file = std::sync::Arc::from("x.plat");
    match plat_syntax::format(&file, text) {
        Ok(once) => assert_eq!(plat_syntax::format(&file, &once), Ok(once)),
        Err(told) => assert!(told.iter().all(|d| d.code != "E0121"), "{told:?}"),
    }
});
