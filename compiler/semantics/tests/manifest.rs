//! `plat.toml`: every mistake at its place, and the packages of a program together.
use std::fmt::Write as _;

use plat_semantics::{
    Dependency, Diagnostic, Manifest, PackageInput, Project, Source, explanations, parse_manifest,
    recover_manifest,
};

const HEAD: &str = "[package]\nname = \"shop\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";

/// Diagnostics with what they point at.
fn shown(text: &str, found: &[Diagnostic]) -> String {
    let mut out = String::new();
    for d in found {
        let range = d.primary.range;
        let line = text[..range.start as usize].matches('\n').count() + 1;
        let at = range.slice(text).lines().next().unwrap_or("");
        let _ = writeln!(
            out,
            "{} {}:{line} `{at}`: {}",
            d.code, d.primary.file, d.message
        );
        for note in &d.notes {
            let _ = writeln!(out, "    note: {note}");
        }
        if let Some(help) = &d.help {
            let _ = writeln!(out, "    help: {help}");
        }
        if let Some(fix) = &d.fix {
            let edits: Vec<&str> = fix.edits.iter().map(|e| e.new_text.as_str()).collect();
            let _ = writeln!(out, "    fix: {} → {}", fix.title, edits.join(", "));
        }
    }
    out
}

fn mistakes(text: &str) -> String {
    let found = parse_manifest(text).unwrap_err();
    assert!(!found.is_empty());
    shown(text, &found)
}

#[test]
fn what_a_manifest_says() {
    let text = format!(
        "{HEAD}[dependencies]\nacme = {{ path = \"../acme\" }}\ntools = {{ git = \"https://h/t.git\", rev = \"v1\", dir = \"plat\" }}\nbase = {{ oci = \"h/base:1\" }}\n"
    );
    let manifest = parse_manifest(&text).unwrap();
    assert_eq!(
        (
            manifest.name.as_str(),
            manifest.version.as_str(),
            manifest.edition.as_str()
        ),
        ("shop", "1.0.0", "2026")
    );
    let sources: Vec<_> = manifest
        .dependencies
        .iter()
        .map(|(name, d)| (name.as_str(), d.place.slice(&text), d.source.clone()))
        .collect();
    insta::assert_debug_snapshot!(sources);
}

#[test]
fn mistakes_are_told_at_their_places() {
    let mut all = String::new();
    for text in [
        "",
        "name = \"shop\"\n",
        "[package\n",
        "package = 3\n",
        "[package]\n",
        "[package]\nname = \"Shop\"\nversion = \"1.4\"\nedition = \"2025\"\n",
        "[package]\nname = \"std\"\nversion = \"v1.4.2\"\nedition = 2026\n",
        "[package]\nname = \"shop\"\nversion = \"one\"\nedition = \"2026\"\nauthor = \"me\"\nedtion = \"2026\"\n",
        "[package]\nname = \"shop\"\nversion = \"1.0.0\"\nversion = \"1.0.0\"\nedition = \"2026\"\n",
    ] {
        let _ = writeln!(all, "=== {text:?}\n{}", mistakes(text));
    }
    for dependency in [
        "acme = \"1.0.0\"",
        "acme = {}",
        "acme = { pth = \"../acme\" }",
        "acme = { path = \"/acme\" }",
        "acme = { path = 3 }",
        "acme = { path = \"../acme\", rev = \"v1\" }",
        "acme = { path = \"../acme\", git = \"https://h/acme.git\", rev = \"v1\" }",
        "acme = { git = \"https://h/acme.git\" }",
        "acme = { git = \"--upload-pack=x\", rev = \"v1\" }",
        "Acme = { path = \"../acme\" }",
        "std = { path = \"../std\" }",
        "shop = { path = \"../shop\" }",
    ] {
        let text = format!("{HEAD}[dependencies]\n{dependency}\n");
        let _ = writeln!(all, "=== {dependency}\n{}", mistakes(&text));
    }
    insta::assert_snapshot!(all);
}

/// The first block of an explanation has its mistake, the second none.
#[test]
fn explanations_show_manifests() {
    let mut count = 0;
    for explanation in explanations() {
        let mut blocks = explanation.text.split("```toml\n").skip(1);
        let Some(bad) = blocks.next().and_then(|b| b.split("```").next()) else {
            continue;
        };
        count += 1;
        let found = parse_manifest(bad).unwrap_err();
        assert!(
            found.iter().all(|d| d.code == explanation.code),
            "{}: {}",
            explanation.code,
            shown(bad, &found)
        );
        let good = blocks.next().and_then(|b| b.split("```").next()).unwrap();
        assert!(parse_manifest(good).is_ok(), "{}", explanation.code);
    }
    assert!(count > 3, "{count}");
}

/// A package with dependencies: their names and paths.
fn package(name: &str, version: &str, root: &str, dependencies: &[(&str, &str)]) -> PackageInput {
    let dependencies = dependencies.iter().map(|(name, path)| {
        let source = Source::Path((*path).to_owned());
        let place = plat_syntax::TextRange::default();
        ((*name).to_owned(), Dependency { source, place })
    });
    PackageInput {
        manifest: Manifest {
            name: name.to_owned(),
            version: version.to_owned(),
            edition: "2026".to_owned(),
            dependencies: dependencies.collect(),
        },
        root: root.to_owned(),
        ..PackageInput::default()
    }
}

#[test]
fn packages_fit_together() {
    let told = |packages: &[PackageInput]| {
        let project = Project {
            packages: packages.to_vec(),
        };
        shown("", &project.problems())
    };
    let shop = |dependencies: &[(&str, &str)]| package("shop", "1.0.0", "", dependencies);
    let fine = [
        shop(&[("a", "../a"), ("b", "../b")]),
        package("a", "1.0.0", "../a", &[("b", "../b")]),
        package("b", "1.0.0", "../b", &[]),
    ];
    assert_eq!(told(&fine), "");
    let circle = [
        shop(&[("a", "../a")]),
        package("a", "1.0.0", "../a", &[("b", "../b")]),
        package("b", "1.0.0", "../b", &[("a", "../a")]),
    ];
    let itself = [shop(&[("shop", ".")])];
    let named = [shop(&[("a", "../b")]), package("b", "1.0.0", "../b", &[])];
    let two = [
        shop(&[("a", "../a"), ("b", "../b")]),
        package("a", "1.0.0", "../a", &[("b", "../old/b")]),
        package("b", "2.0.0", "../b", &[]),
        package("b", "1.4.0", "../old/b", &[]),
    ];
    let of_the_mains = [
        shop(&[("a", "../a")]),
        package("a", "1.0.0", "../a", &[("shop", "../other")]),
        package("shop", "1.0.0", "../other", &[]),
    ];
    insta::assert_snapshot!(
        [
            told(&circle),
            told(&itself),
            told(&named),
            told(&two),
            told(&of_the_mains)
        ]
        .join("\n")
    );
}

#[test]
fn what_can_be_read_of_a_manifest_is_read_whatever_is_being_typed_into_it() {
    let whole = format!("{HEAD}[dependencies]\nacme = {{ path = \"../acme\" }}\n");
    let manifest = parse_manifest(&whole).unwrap();
    assert_eq!(recover_manifest(&whole), (manifest.clone(), Vec::new()));
    for (typed, lost) in [
        ("version = ", "version"),
        ("version = \"1.0", "version"),
        ("version", "version"),
        ("edition = [", "edition"),
        ("name = ", "name"),
        ("name = \"a b\"", "name"),
        ("tools = { path = \"../to", ""),
        ("tools = { pat", ""),
        ("[depend", ""),
    ] {
        let line = |line: &str| match line.split(' ').next() {
            Some(key) if key == lost => format!("{typed}\n"),
            _ => format!("{line}\n"),
        };
        let mut text: String = whole.lines().map(line).collect();
        if lost.is_empty() {
            text.push_str(typed);
        }
        let (recovered, found) = recover_manifest(&text);
        assert!(!found.is_empty(), "{text}");
        assert_eq!(parse_manifest(&text), Err(found));
        // What is not being typed is all there.
        let kept = |mut manifest: Manifest| {
            match lost {
                "name" => manifest.name.clear(),
                "version" => manifest.version.clear(),
                "edition" => manifest.edition.clear(),
                _ => {}
            }
            let dependencies = manifest.dependencies.into_iter();
            let dependencies = dependencies.map(|(name, d)| (name, d.source));
            let dependencies: Vec<_> = dependencies.filter(|(name, _)| name != "tools").collect();
            (
                manifest.name,
                manifest.version,
                manifest.edition,
                dependencies,
            )
        };
        assert_eq!(kept(recovered), kept(manifest.clone()), "{text}");
    }
}
