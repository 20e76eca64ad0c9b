//! Any bytes: the lexer, the brackets, the parser's way back from mistakes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let file = std::sync::Arc::from("x.plat");
    if let Ok(text) = plat_syntax::decode(&file, bytes) {
        let parsed = plat_syntax::parse(&file, text);
        let mut end = 0;
        for item in &parsed.items {
            assert!(item.offset >= end, "items stand one after the other");
            end = item.tree.root().range().shifted(item.offset).end;
        }
    }
});
