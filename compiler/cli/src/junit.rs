//! The results of tests as JUnit XML, as those read it who gather the results of builds.
//!
//! There is no standard; what is written is what Jenkins, GitLab and GitHub's actions agree on: one
//! `testsuites`, in it `testsuite`s with their counts, in those `testcase`s, and a `failure` with a
//! `message`, a `type` and a text where one fails.

use std::io;

use plat_model::Place;
use plat_syntax::{Diagnostic, Severity};
use quick_xml::Writer;
use quick_xml::events::BytesText;

use crate::commands::Results;
use crate::report::{self, Sources};

/// One test case.
struct Case<'a> {
    name: &'a str,
    /// Where it stands.
    place: Option<&'a Place>,
    asserts: usize,
    failures: Vec<&'a Diagnostic>,
}

/// The results: a suite of the tests, and one of the policies of each environment.
///
/// # Errors
/// Only those of writing, which here is into memory.
pub fn report(
    app: &str,
    results: &Results,
    sources: impl Fn(&[Diagnostic]) -> Sources,
) -> io::Result<Vec<u8>> {
    let mut suites = Vec::new();
    let of_tests = results.tests.iter().map(|test| Case {
        name: &test.name,
        place: Some(&test.place),
        asserts: test.asserts,
        failures: errors(&test.failures),
    });
    suites.push((format!("{app}.tests"), of_tests.collect::<Vec<_>>()));
    for one in &results.asked {
        let cases = one.policies.iter().map(|policy| Case {
            name: &policy.name,
            place: Some(&policy.place),
            asserts: policy.asked,
            failures: errors(&policy.failures),
        });
        suites.push((format!("{app}.policies.{}", one.env), cases.collect()));
    }
    let ended = results.ended.iter().map(|ended| Case {
        name: &ended.message,
        place: None,
        asserts: 1,
        failures: vec![ended],
    });
    suites.push((format!("{app}.waivers"), ended.collect()));
    suites.retain(|(_, cases)| !cases.is_empty());
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let all: Vec<&Case<'_>> = suites.iter().flat_map(|(_, cases)| cases).collect();
    let (count, failed) = counts(&all);
    let root = writer.create_element("testsuites").with_attributes([
        ("name", clean(app).as_str()),
        ("tests", count.as_str()),
        ("failures", failed.as_str()),
    ]);
    root.write_inner_content(|writer| {
        for (name, cases) in &suites {
            let (count, failed) = counts(&cases.iter().collect::<Vec<_>>());
            let suite = writer.create_element("testsuite").with_attributes([
                ("name", clean(name).as_str()),
                ("tests", count.as_str()),
                ("failures", failed.as_str()),
            ]);
            suite.write_inner_content(|writer| {
                for case in cases {
                    write_case(writer, name, case, &sources)?;
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    let mut text = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_vec();
    text.append(&mut writer.into_inner());
    text.push(b'\n');
    Ok(text)
}

fn write_case(
    writer: &mut Writer<Vec<u8>>,
    suite: &str,
    case: &Case<'_>,
    sources: &impl Fn(&[Diagnostic]) -> Sources,
) -> io::Result<()> {
    let element = writer.create_element("testcase").with_attributes([
        ("name", clean(case.name).as_str()),
        ("classname", clean(suite).as_str()),
        ("assertions", case.asserts.to_string().as_str()),
    ]);
    let element = match case.place {
        Some(place) => element.with_attributes([
            ("file", clean(&place.file).as_str()),
            ("line", place.line.to_string().as_str()),
        ]),
        None => element,
    };
    if case.failures.is_empty() {
        return element.write_empty().map(|_| ());
    }
    element.write_inner_content(|writer| {
        for failure in &case.failures {
            let one = std::slice::from_ref(*failure);
            let text = report::render(one, &sources(one), false);
            writer
                .create_element("failure")
                .with_attributes([
                    ("message", clean(&failure.message).as_str()),
                    ("type", failure.code),
                ])
                .write_text_content(BytesText::new(&clean(&text)))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// What only warns is no failure.
fn errors(said: &[Diagnostic]) -> Vec<&Diagnostic> {
    said.iter()
        .filter(|d| d.severity == Severity::Error)
        .collect()
}

fn counts(cases: &[&Case<'_>]) -> (String, String) {
    let failed = cases.iter().filter(|case| !case.failures.is_empty());
    (cases.len().to_string(), failed.count().to_string())
}

/// Without what may not stand in XML at all, not even as a reference.
fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t' | '\r'))
        .filter(|c| !matches!(c, '\u{fffe}' | '\u{ffff}'))
        .collect()
}
