//! Text of others within Markdown and HTML: it shows as it is, and does nothing.

/// Controls and characters that turn the direction of what follows become `?`: they make text
/// read as what it is not.
fn harmless(c: char) -> char {
    if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
        '?'
    } else {
        c
    }
}

/// One line of it: line ends become `⏎`.
pub(super) fn single(text: &str) -> String {
    text.replace("\r\n", "⏎")
        .chars()
        .map(|c| match c {
            '\n' | '\r' => '⏎',
            '\t' => ' ',
            c => harmless(c),
        })
        .collect()
}

/// How many of a character stand together at most.
pub(super) fn longest_run(text: &str, wanted: char) -> usize {
    let (mut longest, mut now) = (0, 0);
    for c in text.chars() {
        now = if c == wanted { now + 1 } else { 0 };
        longest = longest.max(now);
    }
    longest
}

/// A code span that holds whatever it is given.
pub(super) fn code(text: &str) -> String {
    let text = single(text);
    let ticks = "`".repeat(longest_run(&text, '`') + 1);
    // CommonMark takes one space off each side where there is one on both.
    let pad = if text.starts_with('`') || text.ends_with('`') || text.trim() != text {
        " "
    } else {
        ""
    };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// Text in a sentence. Spans between backticks stay code; all else is taken literally: no links,
/// no mentions, no HTML.
pub(super) fn plain(text: &str) -> String {
    let text = single(text);
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('`') {
        let Some((inside, after)) = after.split_once('`') else {
            break;
        };
        escape(before, &mut out);
        if inside.is_empty() {
            out.push_str("\\`\\`");
        } else {
            out.push_str(&code(inside));
        }
        rest = after;
    }
    escape(rest, &mut out);
    out
}

fn escape(text: &str, out: &mut String) {
    let mut all = text.chars().peekable();
    while let Some(c) = all.next() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '$' => {
                out.push('\\');
                out.push(c);
            }
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A mention would call somebody.
            '@' => out.push_str("&#64;"),
            // GitHub makes a link of a bare address.
            ':' if all.peek() == Some(&'/') => out.push_str("&#58;"),
            c => out.push(c),
        }
    }
}

/// Text within HTML.
pub(super) fn html(text: &str) -> String {
    let mut out = String::new();
    for c in single(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '@' => out.push_str("&#64;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{code, html, plain};

    #[test]
    fn text_of_others_does_nothing() {
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(
            plain("see [x](http://y) @all <img> *b*"),
            "see \\[x\\](http&#58;//y) &#64;all &lt;img&gt; \\*b\\*"
        );
        assert_eq!(plain("set `a_b` then\nend `"), "set `a_b` then⏎end \\`");
        assert_eq!(html("<a href=\"x\">"), "&lt;a href=&quot;x&quot;&gt;");
        assert_eq!(plain("a\u{202e}b\x1b"), "a?b?");
    }
}
