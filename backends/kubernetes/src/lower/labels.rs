//! The labels that a declaration gives its pods: what the cluster takes, and nothing that decides whose
//! a pod is.

use plat_engine::fields::{Fields, entries};

use super::Lowering;
use crate::json::Map;
use crate::names;

/// The longest that a label's name and value may be.
const LONGEST: usize = 63;
/// The longest that the domain before a label's name may be.
const LONGEST_DOMAIN: usize = 253;

/// What controllers of the cluster tell pods apart by.
const THEIRS: &[&str] = &[
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    "pod-template-hash",
];

impl<'a> Lowering<'a> {
    /// The labels of a declaration's pods: ours, by which policies and Services choose them, and its own
    /// beside them.
    pub(super) fn pod_labels(&self, fields: &Fields<'a>, part: &str) -> Map {
        let mut labels = self.our_labels(fields, part);
        for (name, value) in entries(fields.get("labels")) {
            if let Some(value) = value.as_str()
                && !decides(name, &labels)
            {
                labels.insert(name.to_string().into(), value.into());
            }
        }
        labels
    }

    fn our_labels(&self, fields: &Fields<'a>, part: &str) -> Map {
        let mut labels = self.labels(Some((fields.path, fields.node)), "");
        labels.insert(names::PART.into(), part.into());
        labels
    }

    /// Refuses labels that the cluster would not take, and those that would make a pod another's.
    pub(super) fn check_labels(&self, fields: &mut Fields<'a>) {
        let ours = self.our_labels(fields, super::pods::MAIN);
        for (name, value) in entries(fields.get("labels")) {
            let at = format!("labels.{name}");
            if decides(name, &ours) {
                fields.refuse(
                    &at,
                    format!("the label `{name}` says whose a pod is: policies, Services and controllers choose pods by it"),
                    vec!["choose another name".to_owned()],
                );
            } else if let Some(wrong) = wrong_name(name) {
                fields.refuse(
                    &at,
                    format!("`{name}` is no name of a label on Kubernetes: {wrong}"),
                    Vec::new(),
                );
            }
            if let Some(value) = value.as_str().filter(|v| !v.is_empty())
                && let Some(wrong) = wrong_word(value)
            {
                fields.refuse(
                    &at,
                    format!("`{value}` is no value of a label on Kubernetes: {wrong}"),
                    vec![
                        "an annotation takes any text: `raw kubernetes.patch` writes one"
                            .to_owned(),
                    ],
                );
            }
        }
    }
}

/// Whether pods are told apart by that label.
fn decides(name: &str, ours: &Map) -> bool {
    ours.get(name).is_some()
        || THEIRS.contains(&name)
        || name.starts_with("plat/")
        || name.starts_with("batch.kubernetes.io/")
}

/// What is wrong with the name of a label, as the API server judges it (`IsQualifiedName`).
fn wrong_name(name: &str) -> Option<String> {
    let (domain, word) = match name.split_once('/') {
        Some((domain, word)) => (Some(domain), word),
        None => (None, name),
    };
    if let Some(domain) = domain
        && (domain.len() > LONGEST_DOMAIN || !domain.split('.').all(is_dns_label))
    {
        return Some("what stands before the `/` has to be a domain, in small letters".to_owned());
    }
    match word {
        "" => Some("it is empty".to_owned()),
        word => wrong_word(word),
    }
}

fn is_dns_label(text: &str) -> bool {
    let may_begin = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= LONGEST
        && bytes.first().is_some_and(may_begin)
        && bytes.last().is_some_and(may_begin)
        && bytes.iter().all(|b| may_begin(b) || *b == b'-')
}

/// What is wrong with the value of a label, or with its name behind the domain.
fn wrong_word(text: &str) -> Option<String> {
    if text.len() > LONGEST {
        let length = text.len();
        return Some(format!("it has {length} bytes, and {LONGEST} is the most"));
    }
    let may_be = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if let Some(c) = text.chars().find(|c| !may_be(*c)) {
        return Some(format!(
            "it has `{c}`, and may have letters of English, digits, `-`, `_` and `.`"
        ));
    }
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    (!is_end(text.chars().next()) || !is_end(text.chars().next_back()))
        .then(|| "it has to begin and to end with a letter or a digit".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{wrong_name, wrong_word};

    #[test]
    fn names_and_values_are_judged_as_the_api_server_does() {
        let long = "a".repeat(63);
        for good in [
            "simple",
            "now-with-dashes",
            "1-starts-with-num",
            "1234",
            "simple/simple",
            "1.2.3.4/5678",
            "Uppercase_Is_OK_123",
            "example.com/Uppercase_Is_OK_123",
            &long,
        ] {
            assert_eq!(wrong_name(good), None, "{good}");
        }
        for bad in [
            "special%^=@chars",
            "ends-with-a-dash-",
            "-begins-with-a-dash",
            "only/one/slash",
            "Example.com/abc",
            "example_com/abc",
            "example.com/",
            "/simple",
            "",
            &format!("{long}a"),
            "ümlaut",
            "a b",
        ] {
            assert!(wrong_name(bad).is_some(), "{bad}");
        }
        assert!(wrong_word("a/b").is_some());
    }
}
