//! One mistake makes one error: single mistakes of every kind that people make are planted into
//! whole programs, one at a time, and each must give exactly one error, of the expected code, at
//! its place, with the right name suggested where there is one.
//!
//! Every run plants a part of them, the same ones each time. `MISTAKES=all` plants them all,
//! `MISTAKES=typo` only the kinds whose name contains the word, and `MISTAKES_SEED` chooses another
//! part.

mod definitions;
mod names;
mod program;
mod text;
mod types;
mod values;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use plat_semantics::Diagnostic;
use plat_syntax::Severity;

use crate::common::{database, render};
use program::{At, Program};

/// How many of each kind a run plants.
const PLANTED: usize = 6;

/// A mistake, as an edit of one file.
struct Plant {
    kind: &'static str,
    file: usize,
    /// The bytes that are replaced.
    start: usize,
    end: usize,
    text: String,
    /// One of these must be told.
    codes: &'static [&'static str],
    /// The error's place must touch this range of the text without the mistake; `None` if it is told
    /// where another file uses it.
    place: Option<(usize, usize)>,
    /// What must be proposed, word for word.
    proposed: Option<String>,
    /// What its sentence must name.
    missed: Option<String>,
    /// May nothing be wrong? What is gone or called otherwise may be what nobody uses.
    may_be_right: bool,
}

/// Collects the plants of one kind.
struct Plants {
    kind: &'static str,
    codes: &'static [&'static str],
    found: Vec<Plant>,
}

impl Plants {
    /// Replaces these bytes by a text; the error is expected there.
    fn replace(
        &mut self,
        at: &At<'_>,
        range: (usize, usize),
        text: impl Into<String>,
    ) -> &mut Plant {
        self.found.push(Plant {
            kind: self.kind,
            file: at.file,
            start: range.0,
            end: range.1,
            text: text.into(),
            codes: self.codes,
            place: Some(range),
            proposed: None,
            missed: None,
            may_be_right: false,
        });
        let last = self.found.len() - 1;
        &mut self.found[last]
    }
}

impl Plant {
    /// The error is expected here instead.
    fn told_at(&mut self, place: (usize, usize)) -> &mut Self {
        self.place = Some(place);
        self
    }

    /// The error is expected where the thing of this name is used, and names it.
    fn told_at_the_use_of(&mut self, name: &str) -> &mut Self {
        self.missed = Some(name.to_owned());
        self.told_anywhere()
    }

    /// The error is expected somewhere else.
    fn told_anywhere(&mut self) -> &mut Self {
        self.place = None;
        self
    }

    /// Nothing need be wrong.
    fn may_be_right(&mut self) -> &mut Self {
        self.may_be_right = true;
        self
    }

    /// This must be proposed.
    fn proposes(&mut self, name: &str) -> &mut Self {
        self.proposed = Some(name.to_owned());
        self
    }
}

/// A kind of mistake: its name, the codes that tell of it, and where it can be planted.
type Kind = (
    &'static str,
    &'static [&'static str],
    fn(&At<'_>, &mut Plants),
);

fn kinds() -> Vec<Kind> {
    [
        names::KINDS,
        definitions::KINDS,
        text::KINDS,
        types::KINDS,
        values::KINDS,
    ]
    .concat()
}

/// A sequence that looks like chance, the same for the same seed (SplitMix64: Steele, Lea and
/// Flood, "Fast splittable pseudorandom number generators", 2014).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// `count` of them, or all if there are fewer.
    fn choose<T>(&mut self, mut from: Vec<T>, count: usize) -> Vec<T> {
        let mut chosen = Vec::new();
        while !from.is_empty() && chosen.len() < count {
            let at = usize::try_from(self.next() % from.len() as u64).unwrap();
            chosen.push(from.swap_remove(at));
        }
        chosen
    }
}

/// What is wrong with what was told of a mistake; `None` if it is as it should be.
fn judge(plant: &Plant, program: &Program, found: &[Diagnostic]) -> Option<String> {
    let errors: Vec<&Diagnostic> = found
        .iter()
        .filter(|d| d.severity == Severity::Error)
        .collect();
    // What is not used any more, or is written beside it, may be worth a warning.
    if plant.may_be_right && errors.is_empty() {
        return None;
    }
    if let Some(warning) = found.iter().find(|d| d.severity == Severity::Warning) {
        return Some(format!("the warning {} beside it", warning.code));
    }
    let [error] = errors.as_slice() else {
        return Some(format!("{} errors instead of one", errors.len()));
    };
    if !plant.codes.contains(&error.code) {
        return Some(format!("{} instead of {:?}", error.code, plant.codes));
    }
    // Places behind the edit have moved with the text.
    let moved = |byte: usize| match byte >= plant.end {
        true => byte - (plant.end - plant.start) + plant.text.len(),
        false => byte,
    };
    let touches = |label: &plat_syntax::Label| {
        let (from, to) = (label.range.start as usize, label.range.end as usize);
        plant.place.is_none_or(|(start, end)| {
            let here = label.file.as_ref() == program.files[plant.file].shown;
            here && from <= moved(end) && to >= start
        })
    };
    if !touches(&error.primary) {
        return Some("it is told elsewhere".to_owned());
    }
    let said = |name: &String| error.message.contains(&format!("`{name}`"));
    if plant.missed.as_ref().is_some_and(|name| !said(name)) {
        return Some("it is told of something else".to_owned());
    }
    if let Some(name) = &plant.proposed {
        let help = error.help.as_deref().unwrap_or("");
        let fixed = |f: &plat_syntax::Fix| f.edits.iter().any(|e| e.new_text.contains(name));
        if !help.contains(&format!("`{name}`")) && !help.contains(&format!("{name:?}")) {
            return Some(format!("`{name}` is not proposed"));
        }
        if !error.fix.as_ref().is_some_and(fixed) {
            return Some(format!("no fix writes `{name}`"));
        }
    }
    None
}

#[test]
fn one_mistake_makes_one_error() {
    let asked = std::env::var("MISTAKES").unwrap_or_default();
    let seed = std::env::var("MISTAKES_SEED").ok();
    let mut chance = Chance(seed.and_then(|s| s.parse().ok()).unwrap_or(4));
    let programs = program::all();
    let kinds = kinds();
    assert!(kinds.len() >= 40);
    let mut planted: Vec<(usize, Plant)> = Vec::new();
    for (name, codes, plant) in &kinds {
        let mut found = Vec::new();
        for (number, program) in programs.iter().enumerate() {
            let mut plants = Plants {
                kind: name,
                codes,
                found: Vec::new(),
            };
            program.walk(|at| plant(at, &mut plants));
            found.extend(plants.found.into_iter().map(|plant| (number, plant)));
        }
        assert!(!found.is_empty(), "{name} can be planted nowhere");
        if asked.is_empty() {
            planted.extend(chance.choose(found, PLANTED));
        } else if asked == "all" || name.contains(&asked) {
            planted.extend(found);
        }
    }
    planted.sort_by_key(|(program, plant)| (*program, plant.file, plant.start));
    let mut failed: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let count = planted.len();
    for program in &programs {
        let found = database(program.project.clone()).diagnostics();
        assert!(found.is_empty(), "{found:?}");
    }
    let mut databases: Vec<_> = programs
        .iter()
        .map(|p| database(p.project.clone()))
        .collect();
    for (number, plant) in planted {
        let program = &programs[number];
        let db = &mut databases[number];
        let file = &program.files[plant.file];
        let (before, after) = (&file.text[..plant.start], &file.text[plant.end..]);
        let text = format!("{before}{}{after}", plant.text);
        assert!(db.set_file(&file.package, &file.path, &text));
        let found = db.diagnostics();
        if let Some(why) = judge(&plant, program, &found) {
            let line = before.matches('\n').count() + 1;
            let was = &file.text[plant.start..plant.end];
            let mut said = String::new();
            let _ = writeln!(
                said,
                "--- {}: {} line {line}: {was:?} → {:?}",
                plant.kind, file.shown, plant.text
            );
            let _ = writeln!(said, "{why}:\n{}", render(db, &found));
            failed.entry(plant.kind).or_default().push(said);
        }
        assert!(db.set_file(&file.package, &file.path, &file.text));
    }
    let said: Vec<String> = failed
        .iter()
        .map(|(kind, all)| format!("===== {kind}: {} times\n{}", all.len(), all.concat()))
        .collect();
    assert!(
        said.is_empty(),
        "of {count} planted mistakes:\n{}",
        said.concat()
    );
}
