//! Programs of any size, to measure the compiler with.
//!
//! [`fleet`] writes a company's fleet of web services: the same shape at 10 services and at 10,000,
//! so that what is measured is growth. `benches/fleet.rs` measures the compiler with it
//! (`cargo bench -p plat-bench`), and the compiler's tests of growth use it too.
//!
//! Architecture invariants:
//! - It knows no other crate of ours: a program is text. Only its benchmark knows the compiler.
//! - The same number gives the same text, byte for byte: measurements can be compared.
//!
//! Start reading at [`fleet`].

use std::fmt::Write as _;

/// The manifest of the package that [`fleet`] writes.
pub const MANIFEST: &str = "[package]\nname = \"fleet\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";

/// How many services stand in one file.
pub const PER_FILE: usize = 100;

/// The kind that every service of the fleet is.
const WEB: &str = r#"// The platform team's web service.

pub type Tier = "gold" | "silver" | "bronze"

/// A web service the way this company runs them.
pub kind web {
    run: Run
    port: Port
    team: String
    tier: Tier
    scale: Scale = 2..4
    cpu: Cpu
    memory: Bytes
    env: Map<EnvValue> = {}

    service server {
        name      = name
        run       = run
        port      = port
        ready     = http("/healthz", every: 5s)
        scale     = scale
        resources = { cpu = cpu, memory = memory }
        labels    = { team = team, tier = tier }
        env       = env
    }

    out url = server.url
}
"#;

/// The files of a package with so many web services, by path: a platform team's kind, one
/// environment that sets every fifth service's scale, and files of [`PER_FILE`] services of about
/// twenty lines, each of which refers to one to three others.
///
/// It targets `kubernetes`, so what is measured includes what a backend would be given.
pub fn fleet(services: usize) -> Vec<(String, String)> {
    let mut files = vec![
        ("platform/web.plat".to_owned(), WEB.to_owned()),
        (
            "services/environments.plat".to_owned(),
            environments(services),
        ),
    ];
    for part in 0..services.div_ceil(PER_FILE) {
        let first = part * PER_FILE;
        let mut text = String::from("app fleet\n\nuse fleet.platform.{web}\n");
        for index in first..services.min(first + PER_FILE) {
            service(&mut text, index, services);
        }
        files.push((format!("services/part{part:03}.plat"), text));
    }
    files
}

fn environments(services: usize) -> String {
    let mut text = String::from(
        "app fleet\n\nenv prod {\n    \
         target = kubernetes { context = \"prod\", namespace = \"fleet\" }\n    set = {\n",
    );
    for index in (0..services).step_by(5) {
        let most = 8 + index % 20;
        write(
            &mut text,
            format_args!("        svc{index:05}.scale = 4..{most}\n"),
        );
    }
    text.push_str("    }\n}\n");
    text
}

fn service(text: &mut String, index: usize, services: usize) {
    let team = index % 20;
    let minor = index % 10;
    let tier = pick(&["gold", "silver", "bronze"], index);
    let level = pick(&["info", "debug", "warn"], index);
    let feature = pick(&["off", "on"], index);
    write(
        text,
        format_args!(
            r#"
web svc{index:05} {{
    run    = image("registry.example.com/team{team}/svc{index:05}:1.{minor}.0")
    port   = {port}
    team   = "team{team}"
    tier   = "{tier}"
    scale  = 2..{most}
    cpu    = {cpu}mcpu
    memory = {memory}MiB
    env    = {{
        LOG_LEVEL = "{level}"
        REGION = "eu-central-1"
        WORKERS = "{workers}"
        CACHE_TTL = "{ttl}s"
        FEATURE_X = "{feature}"
"#,
            port = 8000 + index % 1000,
            most = 4 + index % 8,
            cpu = 100 + 50 * (index % 8),
            memory = 64 * (1 + index % 8),
            workers = 1 + index % 8,
            ttl = 30 + index % 30,
        ),
    );
    // References to services anywhere in the fleet, also in circles: nobody waits for a URL.
    let mut others: Vec<usize> = (1..=1 + index % 3)
        .map(|n| (index * 7 + n * n * 31 + 3) % services.max(1))
        .filter(|other| *other != index)
        .collect();
    others.sort_unstable();
    others.dedup();
    for other in others {
        write(
            text,
            format_args!("        SVC{other:05}_URL = svc{other:05}.url\n"),
        );
    }
    text.push_str("    }\n}\n");
}

fn pick<'a>(words: &[&'a str], index: usize) -> &'a str {
    words.get(index % words.len()).copied().unwrap_or_default()
}

fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a text never fails.
    let _ = text.write_fmt(what);
}

#[cfg(test)]
mod tests {
    use super::{PER_FILE, fleet};

    #[test]
    fn every_service_is_declared_once_in_files_of_a_hundred() {
        for services in [1, 10, 100, 101, 250] {
            let files = fleet(services);
            assert_eq!(files.len(), 2 + services.div_ceil(PER_FILE));
            let text: String = files.into_iter().map(|(_, text)| text).collect();
            for index in 0..services {
                assert_eq!(text.matches(&format!("web svc{index:05} {{")).count(), 1);
            }
        }
    }

    #[test]
    fn the_largest_fleet_is_two_hundred_thousand_lines() {
        let files = fleet(10_000);
        let lines: usize = files.iter().map(|(_, text)| text.lines().count()).sum();
        assert!((190_000..210_000).contains(&lines), "{lines}");
        assert_eq!(files, fleet(10_000));
    }
}
