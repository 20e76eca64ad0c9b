//! `platc test`.

use std::collections::BTreeMap;

use plat_model::Place;
use plat_semantics::{PolicyOutcome, TestOutcome};
use plat_syntax::{Diagnostic, Severity};
use serde_json::{Value, json};

use crate::cli::{self, Global};
use crate::failure::{self, Failure, Outcome, Stop};
use crate::junit;
use crate::program::{self, Program};
use crate::report;
use crate::suggest::{count, listed, nearest};
use crate::terminal::{Terminal, harmless};
use crate::today::today;

/// What policies say; any other error is wrong with the program itself.
const OF_POLICIES: [&str; 2] = ["E0704", "W0701"];

/// What came of it all.
pub struct Results {
    /// The tests.
    pub tests: Vec<TestOutcome>,
    /// The policies, by the environment that was asked.
    pub asked: Vec<Asked>,
    /// The waivers that have ended.
    pub ended: Vec<Diagnostic>,
}

/// The policies of one environment.
pub struct Asked {
    /// The environment.
    pub env: String,
    /// What came of them.
    pub policies: Vec<PolicyOutcome>,
}

/// Runs the tests, and asks the policies.
pub fn run(arguments: &cli::Test, global: &Global, terminal: &Terminal) -> Result<Outcome, Stop> {
    let program = match program::load(global.dir.as_deref(), terminal) {
        Err(Stop::Reported) => return Err(Stop::Untestable),
        other => other?,
    };
    let wrong: Vec<Diagnostic> = program
        .own_diagnostics()
        .into_iter()
        .filter(|d| d.severity == Severity::Error && !OF_POLICIES.contains(&d.code))
        .collect();
    if !wrong.is_empty() {
        program.show(&wrong, terminal);
        return Err(Stop::Untestable);
    }
    let env = match &arguments.env {
        Some(said) => Some(program.named_environment(said)?),
        None => None,
    };
    let mut results = Results {
        tests: chosen(program.tests(env.as_deref()), &arguments.names)?,
        asked: Vec::new(),
        ended: Vec::new(),
    };
    // Who names tests wants those alone.
    if arguments.names.is_empty() {
        results.asked = asked(&program, env.as_deref());
        results.ended = program.ended_waivers(today());
    }
    if let Some(file) = &arguments.junit {
        let text = junit::report(program.name(), &results, |d| program.sources(d));
        let written = text.and_then(|text| std::fs::write(file, text));
        written.map_err(|e| failure::io(format!("writing {}", file.display()), &e))?;
        terminal.say(format!("wrote {}", file.display()));
    }
    if arguments.json {
        terminal.print_json(&as_json(&program, &results))?;
    } else {
        let every = arguments.names.is_empty() && arguments.env.is_none();
        show(&program, &results, every, terminal)?;
    }
    // A policy that only warns is told, and fails nothing.
    if results.said().any(|d| d.severity == Severity::Error) {
        return Err(Stop::Reported);
    }
    Ok(Outcome::Done)
}

impl Results {
    /// All that is said of what does not hold.
    fn said(&self) -> impl Iterator<Item = &Diagnostic> {
        let policies = self.asked.iter().flat_map(|one| &one.policies);
        let tests = self.tests.iter().flat_map(|test| &test.failures);
        tests
            .chain(policies.flat_map(|policy| &policy.failures))
            .chain(&self.ended)
    }
}

fn chosen(tests: Vec<TestOutcome>, names: &[String]) -> Result<Vec<TestOutcome>, Failure> {
    for name in names {
        if tests.iter().any(|test| test.name == *name) {
            continue;
        }
        let known: Vec<&str> = tests.iter().map(|test| test.name.as_str()).collect();
        let failure = Failure::new(format!("there is no test `{}`", harmless(name)));
        return Err(match nearest(name, known.iter().copied()) {
            Some(near) => failure.next(format!("did you mean `{near}`?")),
            None if known.is_empty() => failure.next("write one: `test NAME { assert = … }`"),
            None => failure.note(format!("there is {}", listed(&known))),
        });
    }
    let wanted = |test: &TestOutcome| names.is_empty() || names.contains(&test.name);
    Ok(tests.into_iter().filter(wanted).collect())
}

fn asked(program: &Program, env: Option<&str>) -> Vec<Asked> {
    let envs = match env {
        Some(env) => vec![env.to_owned()],
        None => program.plain_environments(),
    };
    let ask = |env: String| Asked {
        policies: program.policies(&env),
        env,
    };
    envs.into_iter().map(ask).collect()
}

/// For people: a line for each test and policy, then what does not hold, with its source.
fn show(
    program: &Program,
    results: &Results,
    every: bool,
    terminal: &Terminal,
) -> Result<(), Stop> {
    let paint = terminal.out();
    let mark = |found: &mut dyn Iterator<Item = &Diagnostic>| match found.map(|d| d.severity).min()
    {
        None => paint.good("ok   "),
        Some(Severity::Error) => paint.bad("fails"),
        Some(Severity::Warning) => paint.busy("warns"),
    };
    let mut by_policy: BTreeMap<&str, Vec<(&str, &PolicyOutcome)>> = BTreeMap::new();
    for one in &results.asked {
        for policy in &one.policies {
            let told = by_policy.entry(&policy.name).or_default();
            told.push((&one.env, policy));
        }
    }
    let tests = &results.tests;
    let names = tests.iter().map(|test| test.name.as_str());
    let names = names.chain(by_policy.keys().copied());
    let widest = names.map(|name| name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    if !tests.is_empty() {
        text.push_str(&format!("{}\n", paint.bold("Tests")));
    }
    for test in tests {
        let asserts = count(test.asserts, "assertion", "assertions");
        let failed = match test.failures.len() {
            0 => String::new(),
            failed => format!(", {failed} not so"),
        };
        let told = paint.dim(format!("{asserts}{failed}"));
        let mark = mark(&mut test.failures.iter());
        text.push_str(&format!("  {mark}  {:widest$}  {told}\n", test.name));
    }
    if !by_policy.is_empty() {
        text.push_str(&format!("{}\n", paint.bold("Policies")));
    }
    for (name, told) in &by_policy {
        let mark = mark(&mut told.iter().flat_map(|(_, policy)| &policy.failures));
        let told = told.iter().map(|(env, policy)| in_environment(env, policy));
        let told = paint.dim(told.collect::<Vec<_>>().join("; "));
        text.push_str(&format!("  {mark}  {name:widest$}  {told}\n"));
    }
    terminal.print(text)?;
    let said = told_once(program, results, every);
    program.show(&said, terminal);
    if said.iter().any(|d| d.severity == Severity::Error) {
        return Ok(());
    }
    let name = program.name();
    terminal.say(if tests.is_empty() && by_policy.is_empty() {
        format!("{name}: there are no tests and no policies")
    } else {
        let tests = count(tests.len(), "test", "tests");
        let policies = count(by_policy.len(), "policy", "policies");
        let holds = if said.is_empty() {
            "all holds"
        } else {
            "no more than warnings"
        };
        format!("{name}: {tests}, {policies}: {holds}")
    });
    Ok(())
}

/// All that is said of what does not hold; of policies asked in every environment not once for each.
fn told_once(program: &Program, results: &Results, every: bool) -> Vec<Diagnostic> {
    if !every {
        return results.said().cloned().collect();
    }
    let of_policies = program.own_diagnostics().into_iter();
    let of_policies = of_policies.filter(|d| OF_POLICIES.contains(&d.code));
    let of_tests = results.tests.iter().flat_map(|test| &test.failures);
    let mut said: Vec<Diagnostic> = of_tests.cloned().chain(of_policies).collect();
    said.extend(results.ended.iter().cloned());
    said
}

/// `prod: 3 of 5 break it, 1 waived`
fn in_environment(env: &str, policy: &PolicyOutcome) -> String {
    let mut text = match (policy.asked, policy.broken) {
        (0, _) => format!("{env}: nothing to ask"),
        (asked, 0) => format!("{env}: {asked}"),
        (asked, broken) => format!("{env}: {broken} of {asked} break it"),
    };
    if policy.waived > 0 {
        text.push_str(&format!(", {} waived", policy.waived));
    }
    text
}

/// For programs.
fn as_json(program: &Program, results: &Results) -> Value {
    let shown = |found: &[Diagnostic]| {
        let report = report::to_json(found, &program.sources(found));
        report.get("diagnostics").cloned().unwrap_or_default()
    };
    let place = |place: &Place| json!({ "file": place.file, "line": place.line });
    let passed = |found: &[Diagnostic]| found.iter().all(|d| d.severity != Severity::Error);
    let tests: Vec<Value> = results
        .tests
        .iter()
        .map(|test| {
            json!({
                "name": test.name,
                "doc": test.doc,
                "place": place(&test.place),
                "asserts": test.asserts,
                "passed": passed(&test.failures),
                "failures": shown(&test.failures),
            })
        })
        .collect();
    let policies: Vec<Value> = results
        .asked
        .iter()
        .flat_map(|one| one.policies.iter().map(|policy| (&one.env, policy)))
        .map(|(env, policy)| {
            json!({
                "name": policy.name,
                "environment": env,
                "place": place(&policy.place),
                "asked": policy.asked,
                "waived": policy.waived,
                "broken": policy.broken,
                "passed": passed(&policy.failures),
                "failures": shown(&policy.failures),
            })
        })
        .collect();
    json!({
        "format": 1,
        "passed": results.said().all(|d| d.severity != Severity::Error),
        "tests": tests,
        "policies": policies,
        "ended_waivers": shown(&results.ended),
    })
}
