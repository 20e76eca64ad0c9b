//! The compiler knows no kind by name: kinds are plat.

use std::path::Path;

/// The words of `std` that the language itself speaks of, and names that are more than kinds.
const KNOWN: &[&str] = &["environment", "target"];

#[test]
fn no_kind_of_std_is_named_in_the_compiler() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut kinds: Vec<String> = Vec::new();
    for file in plat_stdlib::FILES {
        for line in file.text.lines() {
            if let Some((_, rest)) = line.split_once("kind ")
                && line.starts_with("pub ")
            {
                kinds.push(rest.split_whitespace().next().unwrap().to_owned());
            }
        }
    }
    assert!(kinds.len() > 20, "{kinds:?}");
    kinds.retain(|k| !KNOWN.contains(&k.as_str()));
    let mut found = Vec::new();
    let mut waiting = vec![root.join("src")];
    while let Some(dir) = waiting.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // Explanations of codes show programs.
                if !path.ends_with("diagnostics") {
                    waiting.push(path);
                }
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for (number, line) in text.lines().enumerate() {
                if line.trim_start().starts_with("//") {
                    continue;
                }
                for kind in &kinds {
                    if line.contains(&format!("\"{kind}\"")) {
                        found.push(format!("{}:{}: {kind}", path.display(), number + 1));
                    }
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
