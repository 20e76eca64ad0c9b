//! Finding and fetching tools: from a server that lies, breaks off and hangs.

use crate::support::{dir, mode};
use plat_metal::tools::{Config, Layout, Origin, Pin, Resolved, Tool, Tools, pinned};
use sha2::{Digest, Sha256};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that answers every request with the same bytes, and counts them.
async fn server(answer: Vec<u8>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(&answer).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (url, asked)
}

fn ok(body: &[u8]) -> Vec<u8> {
    let mut answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// A zip archive with a script in it that says its version.
fn archive() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bin/nats-server", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(b"#!/bin/sh\necho nats-server: v9.9.9\n")
        .unwrap();
    zip.finish().unwrap().into_inner()
}

fn pin(archive: &[u8], sources: Vec<String>) -> Pin {
    Pin {
        tool: "NATS",
        version: "9.9.9".to_owned(),
        os: std::env::consts::OS,
        arch: std::env::consts::ARCH,
        file: "nats.zip".to_owned(),
        sources,
        sha256: format!("{:x}", Sha256::digest(archive)),
        bytes: archive.len() as u64,
        layout: Layout::ZipEntry("bin/nats-server".to_owned()),
        program: "nats-server",
        preference: 0,
    }
}

fn tools(cache: &Path, pin: Pin, mirror: Option<String>) -> Tools {
    Tools::new(
        cache,
        Config {
            mirror,
            search: Vec::new(),
            pins: vec![pin],
        },
    )
}

fn kept(cache: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(cache.join("tools"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn fetched_once_checked_and_told() {
    let archive = archive();
    let (url, asked) = server(ok(&archive)).await;
    let cache = dir();
    let tools = tools(cache.path(), pin(&archive, vec![url]), None);
    assert_eq!(tools.locate(Tool::Nats), None);
    let Resolved::Fetch(fetch) = tools.resolve(Tool::Nats).unwrap() else {
        panic!("it is not here yet")
    };
    assert_eq!(fetch.to_string(), "NATS 9.9.9, 1 MB");
    assert_eq!(asked.load(Ordering::SeqCst), 0);

    let told = Mutex::new(Vec::new());
    let found = tools
        .ensure(Tool::Nats, &|p| {
            told.lock()
                .unwrap()
                .push((p.what.to_owned(), p.done, p.total))
        })
        .await
        .unwrap();
    assert_eq!(
        (found.origin, found.version.as_str()),
        (Origin::Cache, "9.9.9")
    );
    assert_eq!(mode(&found.program), 0o755);
    assert_eq!(mode(found.program.parent().unwrap()), 0o755);
    let total = archive.len() as u64;
    assert_eq!(
        told.lock().unwrap().last(),
        Some(&("NATS 9.9.9".to_owned(), total, total))
    );

    assert_eq!(tools.ensure(Tool::Nats, &|_| ()).await.unwrap(), found);
    assert_eq!(tools.resolve(Tool::Nats).unwrap(), Resolved::Have(found));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(kept(cache.path()).len(), 1);
}

#[tokio::test]
async fn two_at_once_fetch_once_and_leftovers_of_a_killed_one_do_not_matter() {
    let archive = archive();
    let (url, asked) = server(ok(&archive)).await;
    let cache = dir();
    let pin = pin(&archive, vec![url]);
    let left = cache
        .path()
        .join("tools")
        .join(format!("nats-9.9.9-{}.new/unpacked", &pin.sha256[..12]));
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.join("nats-server"), "half").unwrap();
    let tools = tools(cache.path(), pin, None);
    let (a, b) = tokio::join!(
        tools.ensure(Tool::Nats, &|_| ()),
        tools.ensure(Tool::Nats, &|_| ())
    );
    let program = a.unwrap().program;
    assert_eq!(program, b.unwrap().program);
    assert!(
        std::fs::read_to_string(program)
            .unwrap()
            .starts_with("#!/bin/sh")
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(kept(cache.path()).len(), 1);
}

#[tokio::test]
async fn a_source_that_lies_or_breaks_off_is_passed_over_and_nothing_of_it_kept() {
    let archive = archive();
    let mut other = archive.clone();
    other[20] ^= 1;
    let mut cut = ok(&archive);
    cut.truncate(cut.len() - 10);
    let (lies, _) = server(ok(&other)).await;
    let (breaks, asked) = server(cut).await;
    let (absent, _) = server(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()).await;
    let (short, _) = server(ok(&archive[..50])).await;
    let closed = "http://127.0.0.1:9".to_owned();
    let bad = vec![
        closed.clone(),
        absent.clone(),
        lies.clone(),
        short.clone(),
        breaks.clone(),
    ];

    let cache = dir();
    let wanted = pin(&archive, bad.clone());
    let got = format!("{:x}", Sha256::digest(&other));
    let error = tools(cache.path(), wanted.clone(), None)
        .ensure(Tool::Nats, &|_| ())
        .await
        .unwrap_err()
        .to_string();
    let line = |url: &str| {
        error
            .lines()
            .find(|l| l.contains(url))
            .unwrap_or_default()
            .to_owned()
    };
    assert!(
        error.starts_with("NATS 9.9.9 is not installed and could not be fetched"),
        "{error}"
    );
    assert!(line(&closed).contains("refused"), "{error}");
    assert!(
        line(&absent).contains("it answers 404 Not Found"),
        "{error}"
    );
    assert!(
        line(&lies).contains(&format!(
            "its SHA-256 is {got} instead of {}",
            wanted.sha256
        )),
        "{error}"
    );
    assert!(
        line(&short).contains(&format!("it has 50 bytes instead of {}", archive.len())),
        "{error}"
    );
    assert!(line(&breaks).contains("it broke off"), "{error}");
    assert!(error.ends_with("install it (`apt install nats-server`), or set PLAT_MIRROR to a server or directory that holds nats.zip"), "{error}");
    assert_eq!(
        asked.load(Ordering::SeqCst),
        2,
        "what broke off is tried once more"
    );
    assert_eq!(kept(cache.path()), Vec::<String>::new());

    let (good, _) = server(ok(&archive)).await;
    let sources = [bad, vec![good]].concat();
    let tools = tools(cache.path(), pin(&archive, sources), None);
    assert!(tools.ensure(Tool::Nats, &|_| ()).await.is_ok());
}

#[tokio::test]
async fn a_mirror_is_asked_first_also_a_directory() {
    let archive = archive();
    let (url, asked) = server(ok(&archive)).await;
    let mirror = dir();
    std::fs::write(mirror.path().join("nats.zip"), &archive).unwrap();
    let cache = dir();
    let tools = tools(
        cache.path(),
        pin(&archive, vec![url]),
        Some(format!("file://{}", mirror.path().display())),
    );
    tools.ensure(Tool::Nats, &|_| ()).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_archive_without_the_program_and_a_cache_that_can_not_be_made() {
    let archive = archive();
    let (url, _) = server(ok(&archive)).await;
    let cache = dir();
    let mut wrong = pin(&archive, vec![url]);
    wrong.layout = Layout::ZipEntry("bin/other".to_owned());
    let error = tools(cache.path(), wrong.clone(), None)
        .ensure(Tool::Nats, &|_| ())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot unpack nats.zip (NATS 9.9.9): "),
        "{error}"
    );
    assert_eq!(kept(cache.path()), Vec::<String>::new());

    let file = cache.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = tools(&file.join("cache"), wrong, None)
        .ensure(Tool::Nats, &|_| ())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("cannot keep NATS 9.9.9 in the cache "),
        "{error}"
    );
}

#[test]
fn a_version_that_nobody_has_is_refused_before_anything_is_fetched() {
    let tools = Tools::new(
        "/nonexistent",
        Config {
            mirror: None,
            search: Vec::new(),
            pins: pinned(),
        },
    );
    let error = tools
        .resolve(Tool::Postgres { major: Some(9) })
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("PostgreSQL 9 is not installed"),
        "{error}"
    );
    assert!(error.contains("17.11"), "{error}");
    assert!(
        error.ends_with("install it: `apt install postgresql-9`"),
        "{error}"
    );
    let Resolved::Fetch(fetch) = tools.resolve(Tool::Postgres { major: None }).unwrap() else {
        panic!("nothing is here")
    };
    assert_eq!(fetch.to_string(), "PostgreSQL 17.11, 15 MB");
}

#[test]
fn the_machines_own_comes_first_if_it_is_of_the_version() {
    let machine = dir();
    let script = |path: PathBuf, says: &str| {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
    };
    for major in [13, 15, 16] {
        let bin = machine.path().join(major.to_string());
        script(
            bin.join("postgres"),
            &format!("postgres (PostgreSQL) {major}.3 (Debian)"),
        );
        script(bin.join("initdb"), "");
    }
    script(
        machine.path().join("17/postgres"),
        "postgres (PostgreSQL) 17.1",
    ); // no initdb beside it
    script(
        machine.path().join("15/redis-server"),
        "Redis server v=5.0.1 sha=0",
    );
    script(
        machine.path().join("16/valkey-server"),
        "Server v=8.1.1 sha=0",
    );
    let search = ["13", "15", "16", "17"]
        .map(|dir| machine.path().join(dir))
        .to_vec();
    let tools = Tools::new(
        "/nonexistent",
        Config {
            mirror: None,
            search,
            pins: Vec::new(),
        },
    );
    let check = |tool, version: Option<&str>| {
        let found = tools.locate(tool);
        assert_eq!(
            found.as_ref().map(|f| f.version.as_str()),
            version,
            "{tool}"
        );
        assert!(found.is_none_or(|f| f.origin == Origin::Machine));
    };
    check(Tool::Postgres { major: None }, Some("16.3"));
    check(Tool::Postgres { major: Some(15) }, Some("15.3"));
    check(Tool::Postgres { major: Some(13) }, None);
    check(Tool::Postgres { major: Some(17) }, None);
    check(Tool::Redis, Some("8.1.1"));
    check(Tool::Nats, None);
}
