//! Fetching from real git repositories and from a registry on loopback, and what the lock holds afterwards.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

mod registry;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use plat_packages::{Cache, Error, Fetched, Hash, Lock, Options, Packages, fetch, hash_tree};
use plat_semantics::parse_manifest;
use registry::Registry;

/// Directories of its own: packages, repositories and a cache.
struct World {
    dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn package(&self, at: &str, name: &str, version: &str, dependencies: &str) {
        let text = format!(
            "[package]\nname = \"{name}\"\nversion = \"{version}\"\nedition = \"2026\"\n\n[dependencies]\n{dependencies}"
        );
        self.write(&format!("{at}/plat.toml"), &text);
    }

    fn git(&self, at: &str, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=plat",
                "-c",
                "user.email=plat@localhost",
                "-c",
                "init.defaultBranch=main",
            ])
            .args(arguments)
            .current_dir(self.path(at))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits everything there is at a place; gives the commit.
    fn commit(&self, at: &str) -> String {
        if !self.path(at).join(".git").exists() {
            self.git(at, &["init", "--quiet"]);
        }
        self.git(at, &["add", "--all"]);
        self.git(at, &["commit", "--quiet", "--message", "x"]);
        self.git(at, &["rev-parse", "HEAD"])
    }

    fn url(&self, at: &str) -> String {
        format!("file://{}", self.path(at).display())
    }

    fn cache(&self) -> Cache {
        Cache::new(self.path("cache"))
    }

    fn fetch_as(&self, options: Options) -> Result<Fetched, Error> {
        fetch(&self.path("shop"), &self.cache(), options, &mut |_| {})
    }

    fn fetch(&self) -> Result<Fetched, Error> {
        self.fetch_as(Options::default())
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.path("shop/plat.lock")).unwrap()
    }

    /// What loading finds of a dependency of the shop: its directory, or the diagnostic.
    fn find(&self, name: &str) -> Result<PathBuf, String> {
        let manifest = fs::read_to_string(self.path("shop/plat.toml")).unwrap();
        let manifest = parse_manifest(&manifest).unwrap();
        let lock = Lock::read(&self.path("shop")).unwrap();
        let packages = Packages::new(lock, self.cache());
        let shown: Arc<str> = Arc::from("plat.toml");
        packages
            .find(name, &manifest.dependencies[name], &shown)
            .unwrap()
            .map_err(|d| {
                format!(
                    "{}: {} ({}) {}",
                    d.code,
                    d.message,
                    d.notes.join("; "),
                    d.help.unwrap_or_default()
                )
            })
    }
}

fn files(at: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(at)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_hash_is_what_the_specification_says() {
    let world = World::new();
    world.write("p/b.txt", "b\n");
    world.write("p/a/c", "");
    fs::create_dir(world.path("p/empty")).unwrap();
    let by_hand = Command::new("sh")
        .args([
            "-c",
            r"find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum",
        ])
        .current_dir(world.path("p"))
        .output()
        .unwrap();
    let by_hand = String::from_utf8(by_hand.stdout).unwrap();
    let digits = by_hand.split_whitespace().next().unwrap();
    let hash = hash_tree(&world.path("p")).unwrap();
    assert_eq!(hash.to_string(), format!("sha256:{digits}"));
    assert_eq!(hash.to_string().parse::<Hash>().unwrap(), hash);
    std::os::unix::fs::symlink("b.txt", world.path("p/link")).unwrap();
    assert!(
        hash_tree(&world.path("p"))
            .unwrap_err()
            .message
            .contains("neither")
    );
}

#[test]
fn a_tag_is_fetched_locked_and_found_again_without_the_repository() {
    let world = World::new();
    world.package("repo/packages/acme", "acme", "2.3.0", "");
    world.write(
        "repo/packages/acme/targets/targets.plat",
        "pub let here = local {}\n",
    );
    world.write("repo/other.txt", "no part of it");
    let commit = world.commit("repo");
    world.git("repo", &["tag", "v2.3.0"]);
    let url = world.url("repo");
    world.package(
        "shop",
        "shop",
        "1.0.0",
        &format!("acme = {{ git = \"{url}\", rev = \"v2.3.0\", dir = \"packages/acme\" }}\n"),
    );
    assert!(
        world.find("acme").unwrap_err().starts_with("E0809"),
        "nothing is locked"
    );

    let fetched = world.fetch().unwrap();
    assert_eq!(
        (fetched.changed, fetched.fresh.as_slice()),
        (true, &["acme".to_owned()][..])
    );
    let locked = fetched.lock.package("acme").unwrap().clone();
    assert_eq!(
        (locked.version.as_str(), locked.exactly.as_str()),
        ("2.3.0", commit.as_str())
    );
    let text = world.lock();
    insta::assert_snapshot!(
        text.replace(&url, "URL")
            .replace(&commit, "COMMIT")
            .replace(locked.hash.hex(), "HASH")
    );
    assert_eq!(Lock::parse(&text).unwrap().text().unwrap(), text);
    let at = world.find("acme").unwrap();
    assert_eq!(files(&at), ["plat.toml", "targets"]);

    // It is all here: nothing is asked, nothing written.
    fs::remove_dir_all(world.path("repo")).unwrap();
    let again = world
        .fetch_as(Options {
            locked: true,
            update: false,
        })
        .unwrap();
    assert_eq!((again.changed, again.fresh.len()), (false, 0));
}

#[test]
fn a_branch_stays_where_the_lock_has_it_until_it_is_updated() {
    let world = World::new();
    world.package("repo", "acme", "1.0.0", "");
    let first = world.commit("repo");
    let url = world.url("repo");
    let wish = format!("acme = {{ git = \"{url}\", rev = \"main\" }}\n");
    world.package("shop", "shop", "1.0.0", &wish);
    assert_eq!(
        world.fetch().unwrap().lock.package("acme").unwrap().exactly,
        first
    );
    world.package("repo", "acme", "1.1.0", "");
    let second = world.commit("repo");
    // Another machine: the cache is empty, the lock is there.
    fs::remove_dir_all(world.path("cache")).unwrap();
    assert!(world.find("acme").unwrap_err().starts_with("E0810"));
    let fetched = world.fetch().unwrap();
    assert_eq!(fetched.lock.package("acme").unwrap().exactly, first);
    assert!(!fetched.changed);
    let update = Options {
        update: true,
        locked: false,
    };
    let fetched = world.fetch_as(update).unwrap();
    assert_eq!(fetched.lock.package("acme").unwrap().exactly, second);
    // Another revision in plat.toml than the lock is for.
    world.package("shop", "shop", "1.0.0", &wish.replace("main", &first));
    assert!(
        world
            .find("acme")
            .unwrap_err()
            .contains("comes from elsewhere")
    );
    let locked = Options {
        update: false,
        locked: true,
    };
    assert!(
        world
            .fetch_as(locked)
            .unwrap_err()
            .message
            .contains("does not fit")
    );
    assert_eq!(
        world.fetch().unwrap().lock.package("acme").unwrap().exactly,
        first
    );
}

#[test]
fn what_is_not_as_the_lock_says_is_never_used() {
    let world = World::new();
    world.package("repo", "acme", "1.0.0", "");
    world.commit("repo");
    let url = world.url("repo");
    world.package(
        "shop",
        "shop",
        "1.0.0",
        &format!("acme = {{ git = \"{url}\", rev = \"main\" }}\n"),
    );
    let hash = world
        .fetch()
        .unwrap()
        .lock
        .package("acme")
        .unwrap()
        .hash
        .clone();
    // Somebody changed the cache.
    let at = world.find("acme").unwrap();
    fs::write(at.join("added.plat"), "").unwrap();
    let told = world.find("acme").unwrap_err();
    let now = hash_tree(&at).unwrap();
    assert!(
        told.starts_with("E0804")
            && told.contains(&hash.to_string())
            && told.contains(&now.to_string()),
        "{told}"
    );
    assert_eq!(world.fetch().unwrap().fresh, ["acme"]);
    assert_eq!(world.find("acme").unwrap(), at);
    // Somebody changed the lock.
    let wrong = format!("sha256:{}", "0".repeat(64));
    fs::write(
        world.path("shop/plat.lock"),
        world.lock().replace(&hash.to_string(), &wrong),
    )
    .unwrap();
    let told = world.fetch().unwrap_err();
    assert!(
        told.message.contains("E0804")
            && told.message.contains(&wrong)
            && told.message.contains(&hash.to_string()),
        "{told}"
    );
    assert!(world.lock().contains(&wrong), "the lock is as it was");
}

#[test]
fn one_major_version_and_of_it_the_newest() {
    let world = World::new();
    world.package("base", "base", "1.2.0", "");
    world.commit("base");
    world.git("base", &["tag", "v1.2.0"]);
    world.package("base", "base", "1.4.0", "");
    world.commit("base");
    world.git("base", &["tag", "v1.4.0"]);
    world.package("base", "base", "2.0.0", "");
    world.commit("base");
    world.git("base", &["tag", "v2.0.0"]);
    let base = |rev: &str| {
        format!(
            "base = {{ git = \"{}\", rev = \"{rev}\" }}\n",
            world.url("base")
        )
    };
    world.package("tools", "tools", "1.0.0", &base("v1.4.0"));
    world.commit("tools");
    let tools = format!(
        "tools = {{ git = \"{}\", rev = \"main\" }}\n",
        world.url("tools")
    );
    world.package(
        "shop",
        "shop",
        "1.0.0",
        &format!("{}{tools}", base("v1.2.0")),
    );
    let fetched = world.fetch().unwrap();
    let locked = fetched.lock.package("base").unwrap();
    assert_eq!((locked.version.as_str(), locked.also.len()), ("1.4.0", 1));
    assert!(
        world.find("base").is_ok(),
        "the newer one fulfils the older wish"
    );
    let again = world
        .fetch_as(Options {
            update: false,
            locked: true,
        })
        .unwrap();
    assert!(!again.changed);

    world.package(
        "shop",
        "shop",
        "1.0.0",
        &format!("{}{tools}", base("v2.0.0")),
    );
    let told = world.fetch().unwrap_err();
    assert!(
        told.message.contains("1.4.0")
            && told.message.contains("2.0.0")
            && told.message.contains("one major version"),
        "{told}"
    );
}

#[test]
fn what_git_cannot_give_is_told() {
    let world = World::new();
    world.package("repo", "acme", "1.0.0", "");
    world.commit("repo");
    let told = |dependency: &str| {
        world.package("shop", "shop", "1.0.0", dependency);
        let _ = fs::remove_file(world.path("shop/plat.lock"));
        let error = world.fetch().unwrap_err();
        assert!(!world.path("shop/plat.lock").exists());
        format!("{}\n  → {}", error.message, error.next.join("\n  → "))
            .replace(&world.path("").display().to_string(), "/world/")
    };
    let url = world.url("repo");
    let nowhere = world.url("nowhere");
    let mut all = [
        told(&format!(
            "acme = {{ git = \"{nowhere}\", rev = \"main\" }}\n"
        )),
        told(&format!("acme = {{ git = \"{url}\", rev = \"v9\" }}\n")),
        told(&format!(
            "acme = {{ git = \"{url}\", rev = \"main\", dir = \"sub\" }}\n"
        )),
        told(&format!("other = {{ git = \"{url}\", rev = \"main\" }}\n")),
    ]
    .join("\n");
    std::os::unix::fs::symlink("/etc/passwd", world.path("repo/link")).unwrap();
    world.commit("repo");
    all.push('\n');
    all.push_str(&told(&format!(
        "acme = {{ git = \"{url}\", rev = \"main\" }}\n"
    )));
    insta::assert_snapshot!(all);
}

#[test]
fn an_artifact_is_fetched_by_its_tag_and_then_by_its_digest() {
    let world = World::new();
    let registry = Registry::start();
    let package = |version: &str| {
        format!("[package]\nname = \"acme\"\nversion = \"{version}\"\nedition = \"2026\"\n")
    };
    let first = registry.push(
        "platform/acme",
        "2",
        &[("plat.toml", &package("2.3.0")), ("a/x.plat", "")],
    );
    let reference = format!("{}/platform/acme:2", registry.address());
    world.package(
        "shop",
        "shop",
        "1.0.0",
        &format!("acme = {{ oci = \"{reference}\" }}\n"),
    );
    let fetched = world.fetch().unwrap();
    let locked = fetched.lock.package("acme").unwrap();
    assert_eq!(
        (locked.version.as_str(), locked.exactly.as_str()),
        ("2.3.0", first.as_str())
    );
    assert_eq!(files(&world.find("acme").unwrap()), ["a", "plat.toml"]);
    // The tag moves; the lock does not.
    registry.push("platform/acme", "2", &[("plat.toml", &package("2.4.0"))]);
    fs::remove_dir_all(world.path("cache")).unwrap();
    assert_eq!(
        world.fetch().unwrap().lock.package("acme").unwrap().version,
        "2.3.0"
    );
    let update = Options {
        update: true,
        locked: false,
    };
    assert_eq!(
        world
            .fetch_as(update)
            .unwrap()
            .lock
            .package("acme")
            .unwrap()
            .version,
        "2.4.0"
    );

    let wrong = format!("{}/platform/none:1", registry.address());
    world.package(
        "shop",
        "shop",
        "1.0.0",
        &format!("acme = {{ oci = \"{wrong}\" }}\n"),
    );
    let told = world.fetch().unwrap_err();
    assert!(told.message.contains("platform/none:1"), "{told}");
    // A registry that gives other bytes than it says.
    registry.spoil();
    world.package(
        "shop",
        "shop",
        "1.0.0",
        &format!("acme = {{ oci = \"{reference}\" }}\n"),
    );
    fs::remove_dir_all(world.path("cache")).unwrap();
    let told = world.fetch().unwrap_err();
    assert!(told.message.to_lowercase().contains("digest"), "{told}");
}

#[test]
fn a_path_inside_of_what_was_fetched_leads_nowhere() {
    let world = World::new();
    world.package("repo", "acme", "1.0.0", "near = { path = \"../near\" }\n");
    world.commit("repo");
    let url = world.url("repo");
    world.package(
        "shop",
        "shop",
        "1.0.0",
        &format!("acme = {{ git = \"{url}\", rev = \"main\" }}\n"),
    );
    let told = world.fetch().unwrap_err();
    assert!(told.message.contains("../near"), "{told}");
}
