//! `platc explain`.

use plat_syntax::Explanation;

use crate::cli::Explain;
use crate::failure::{Failure, Outcome, Stop};
use crate::suggest::nearest;
use crate::terminal::{Paint, Terminal, harmless};

/// Tells more about a code, or lists them all.
pub fn run(explain: &Explain, terminal: &Terminal) -> Result<Outcome, Stop> {
    let known = registry();
    let paint = terminal.out();
    let Some(code) = &explain.code else {
        let lines = known
            .iter()
            .map(|e| format!("{}  {}\n", paint.bold(e.code), e.title));
        terminal.print(lines.collect::<String>())?;
        return Ok(Outcome::Done);
    };
    let wanted = code.trim_matches(['[', ']']).to_uppercase();
    match known.iter().find(|e| e.code == wanted) {
        Some(explanation) => {
            terminal.print(render(explanation, paint))?;
            Ok(Outcome::Done)
        }
        None => {
            let mut failure = Failure::new(format!("there is no diagnostic `{}`", harmless(code)));
            if let Some(near) = nearest(&wanted, known.iter().map(|e| e.code)) {
                failure = failure.next(format!("did you mean `platc explain {near}`?"));
            }
            Err(failure.next("`platc explain` lists them all").into())
        }
    }
}

/// Every phase's codes, sorted.
fn registry() -> Vec<Explanation> {
    let mut known: Vec<Explanation> = plat_syntax::EXPLANATIONS.to_vec();
    known.extend(plat_semantics::explanations());
    known.sort_by_key(|e| e.code);
    known
}

/// Markdown, with its headings and code marked where there are colours.
fn render(explanation: &Explanation, paint: Paint) -> String {
    let mut text = format!(
        "{}: {}\n\n",
        paint.bold(explanation.code),
        paint.bold(explanation.title)
    );
    if !paint.is_on() {
        text.push_str(explanation.text.trim());
        text.push('\n');
        return text;
    }
    let mut in_code = false;
    for line in explanation.text.trim().lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        } else if in_code {
            text.push_str(&format!("    {}\n", paint.hint(line)));
        } else if let Some(heading) = line.strip_prefix('#') {
            text.push_str(&format!(
                "{}\n",
                paint.bold(heading.trim_start_matches(['#', ' ']))
            ));
        } else {
            text.push_str(&inline(line, paint));
            text.push('\n');
        }
    }
    text
}

/// `code` in a line gets its colour.
fn inline(line: &str, paint: Paint) -> String {
    let mut pieces = line.split('`');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for (i, piece) in pieces.enumerate() {
        if i % 2 == 0 {
            text.push_str(&paint.hint(piece));
        } else {
            text.push_str(piece);
        }
    }
    text
}
