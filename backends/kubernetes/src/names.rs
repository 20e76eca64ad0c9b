//! Names and labels within the rules of Kubernetes.

use sha2::{Digest as _, Sha256};

/// The longest name we give. Names may have 63 characters, but a controller adds to them what
/// becomes a label or a host name of a pod: `-` and ten characters of a revision.
pub const LONGEST: usize = 52;
/// The longest value of a label.
const LONGEST_LABEL: usize = 63;
/// How many characters of a hash keep shortened names apart.
const HASH: usize = 8;

/// Whose a thing is: the app.
pub const APP: &str = "plat/app";
/// Whose a thing is: the environment.
pub const ENV: &str = "plat/env";
/// Which declaration it is of.
pub const PATH: &str = "plat/path";
/// Which part of that declaration it is, where pods are told apart.
pub const PART: &str = "plat/part";
/// Whose the credentials in a Secret are, where a declaration has several such Secrets.
pub const ROLE: &str = "plat/role";
/// The label that says who manages a thing.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Who writes the fields that are ours.
pub const MANAGER: &str = "plat";

/// A name that every kind of object takes (RFC 1035 label): `text` itself where it is one and is
/// short enough, else cut and told apart by a hash of it.
pub fn name(text: &str) -> String {
    let bytes = text.as_bytes();
    let usual = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if bytes.len() <= LONGEST
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.last() != Some(&b'-')
        && bytes.iter().all(usual)
    {
        return text.to_owned();
    }
    let mut clean: String = text
        .chars()
        .map(|c| match c {
            'a'..='z' | '0'..='9' | '-' => c,
            'A'..='Z' => c.to_ascii_lowercase(),
            _ => '-',
        })
        .collect();
    if !clean.starts_with(|c: char| c.is_ascii_lowercase()) {
        clean.insert(0, 'x');
    }
    while clean.ends_with('-') {
        clean.pop();
    }
    hashed(&clean, text, LONGEST)
}

/// `base`, made one of its kind by a hash of `of`.
pub fn apart(base: &str, of: &str) -> String {
    hashed(base, of, LONGEST)
}

/// A name as [`name`] gives it, where no more than `most` characters are taken.
pub fn within(name: &str, most: usize) -> String {
    if name.len() <= most {
        name.to_owned()
    } else {
        hashed(name, name, most)
    }
}

/// The value of a label: `text` itself where it is one, else cut and told apart by a hash.
pub fn label(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let bytes = text.as_bytes();
    if bytes.len() <= LONGEST_LABEL
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| allowed(char::from(*b)))
    {
        return text.to_owned();
    }
    let clean: String = text
        .chars()
        .map(|c| if allowed(c) { c } else { '-' })
        .collect();
    let clean = clean.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    hashed(clean, text, LONGEST_LABEL)
}

/// The first characters of a hash of `text`.
pub fn hash(text: &str) -> String {
    let mut out = String::with_capacity(HASH);
    for byte in Sha256::digest(text.as_bytes()).iter().take(HASH / 2) {
        out.push_str(&format!("{byte:02x}"));
    }
    out
}

fn hashed(clean: &str, of: &str, most: usize) -> String {
    let kept: String = clean.chars().take(most - HASH - 1).collect();
    let kept = kept.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    if kept.is_empty() {
        return format!("x{}", hash(of));
    }
    format!("{kept}-{}", hash(of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn good_names_stay() {
        assert_eq!(name("api"), "api");
        assert_eq!(name("portal-north"), "portal-north");
        assert_eq!(label("portal.web_server"), "portal.web_server");
    }

    #[test]
    fn others_are_told_apart() {
        assert_eq!(name("a".repeat(53).as_str()).len(), LONGEST);
        assert_ne!(name(&"a".repeat(53)), name(&"a".repeat(54)));
        assert_ne!(label("preview[1]"), label("preview(1)"));
        assert!(label("preview[1]").starts_with("preview-1-"));
        assert!(name("9lives").starts_with("x9lives-"));
    }

    proptest! {
        #[test]
        fn every_name_is_one(text in ".{0,200}") {
            let name = name(&text);
            prop_assert!(!name.is_empty() && name.len() <= LONGEST);
            prop_assert!(name.starts_with(|c: char| c.is_ascii_lowercase()));
            prop_assert!(!name.ends_with('-'));
            prop_assert!(name.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-')));
        }

        #[test]
        fn every_label_is_one(text in ".{0,200}") {
            let label = label(&text);
            prop_assert!(label.len() <= LONGEST_LABEL);
            prop_assert!(label.starts_with(|c: char| c.is_ascii_alphanumeric()));
            prop_assert!(label.ends_with(|c: char| c.is_ascii_alphanumeric()));
        }
    }
}
