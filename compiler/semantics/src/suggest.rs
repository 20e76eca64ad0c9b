//! Names that were nearly right.

/// The name nearest to `wrong`, if one is near: a letter missing, too many, changed or swapped
/// for each three that there are.
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: Vec<char> = wrong.to_lowercase().chars().collect();
    let limit = (wrong.len() / 3).clamp(1, 4);
    names
        .into_iter()
        .filter_map(|name| {
            let letters: Vec<char> = name.to_lowercase().chars().collect();
            if letters.len().abs_diff(wrong.len()) > limit {
                return None;
            }
            let distance = distance(&wrong, &letters);
            (distance <= limit && distance < wrong.len().max(1)).then_some((distance, name))
        })
        .min()
        .map(|(_, name)| name)
}

/// How many letters to insert, remove, change or swap with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |r: &[usize], k: usize| r.get(k).copied().unwrap_or(usize::MAX / 2);
            let mut best = (at(&row, j + 1) + 1)
                .min(at(&next, j) + 1)
                .min(at(&row, j) + usize::from(x != y));
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn near_names_are_found_and_far_ones_not() {
        let names = ["database", "memory", "service_port", "scale"];
        assert_eq!(nearest("databaes", names), Some("database"));
        assert_eq!(nearest("Memory", names), Some("memory"));
        assert_eq!(nearest("scal", names), Some("scale"));
        assert_eq!(nearest("kafka", names), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
