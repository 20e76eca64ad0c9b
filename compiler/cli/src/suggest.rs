//! Names that were nearly right.

/// The one of `names` that `name` was probably meant to be: at most a third of its letters differ.
pub fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    let wanted = name.to_lowercase();
    names
        .into_iter()
        .filter(|other| *other != name)
        .map(|other| {
            (
                strsim::damerau_levenshtein(&wanted, &other.to_lowercase()),
                other,
            )
        })
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, other)| other)
}

/// Names as a sentence has them: `a`, `a and b`, `a, b and c`.
pub fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `1 error`, `2 errors`.
pub fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 {
        format!("1 {one}")
    } else {
        format!("{n} {many}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["prod", "staging", "dev"];
        assert_eq!(nearest("pord", names), Some("prod"));
        assert_eq!(nearest("Prod", names), Some("prod"));
        assert_eq!(nearest("stagng", names), Some("staging"));
        assert_eq!(nearest("qa", names), None);
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b"]), "a and b");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!(count(1, "error", "errors"), "1 error");
    }
}
