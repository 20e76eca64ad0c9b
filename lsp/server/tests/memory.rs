//! A server that runs for long holds no more than one that has just begun: what is closed is given
//! back, and what is typed over is forgotten.
//!
//! What is counted is the bytes that are asked of the allocator and not given back, by all threads,
//! when nothing is under way: time and the system's view of the process are not looked at.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test's helpers"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

#[path = "it/client.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
mod client;

use client::{Client, Disk};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_add(size, Ordering::Relaxed);
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the promises of `realloc`.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const MANIFEST: &str = "[package]\nname = \"NAME\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";

const FILES: usize = 10;

/// A package of several files.
fn package(disk: &Disk, name: &str) {
    let root = format!("/w/{name}");
    let manifest = MANIFEST.replace("NAME", name);
    disk.write(format!("{root}/plat.toml").as_ref(), &manifest);
    for number in 0..FILES {
        disk.write(path(name, number).as_ref(), &text(name, number, "3"));
    }
}

fn path(name: &str, number: usize) -> String {
    format!("/w/{name}/file{number}.plat")
}

fn text(name: &str, number: usize, scale: &str) -> String {
    let mut text = String::new();
    if number == 0 {
        let _ = writeln!(text, "app {name}\nenv dev {{ target = local {{}} }}");
    }
    for service in 0..10 {
        let _ = writeln!(
            text,
            "service s{number}_{service} {{\n    run = image(\"a:1\")\n    scale = {scale}\n}}"
        );
    }
    text
}

/// A day's work, small: each file is opened, typed into, asked about and closed. `name` is a name for
/// each file.
fn round(client: &mut Client, name: impl Fn(usize) -> String) {
    for number in 0..FILES {
        let path = path("app", number);
        client.open(&path, &text("app", number, "3"));
        let name = name(number);
        for edit in 0..5_i32 {
            let typed = text("app", number, &name);
            client.replace(&path, edit + 2, &format!("{typed}let {name} = {edit}\n"));
        }
        let at = json!({ "position": { "line": 4, "character": 8 } });
        for method in ["hover", "completion", "semanticTokens/full", "codeLens"] {
            client.about(&format!("textDocument/{method}"), &path, at.clone());
        }
        client.close(&path);
    }
    client.open_at("untitled:1", "let a = 1\n");
    client.close_at("untitled:1");
    client.settle();
}

/// What is held once nothing is under way.
fn live(client: &mut Client) -> usize {
    client.settle();
    // What a thread that has answered still holds is gone once it answers again.
    for _ in 0..8 {
        let _ = client.ask("workspace/symbol", json!({ "query": "zz" }));
    }
    LIVE.load(Ordering::Relaxed)
}

#[test]
fn what_a_server_holds_does_not_grow_with_what_was_typed_and_closed() {
    let disk = Disk::default();
    package(&disk, "app");
    package(&disk, "other");
    let mut client = Client::new(&disk);
    let known = |number| format!("value{number}");
    for _ in 0..2 {
        round(&mut client, known);
    }
    let before = live(&mut client);
    // So much room have the buffers that threads keep for themselves.
    let most = before + before / 50;
    for _ in 0..4 {
        round(&mut client, known);
    }
    let after = live(&mut client);
    assert!(after <= most, "the same text again: {before}, then {after}");

    client.folders(&[], &["/w/other"]);
    let both = live(&mut client);
    assert!(both > most, "a package more takes more: {both}");
    client.folders(&["/w/other"], &[]);
    let after = live(&mut client);
    assert!(after <= most, "a folder closed: {before}, then {after}");

    // Names are kept: a few words for each that stood in a text when that was looked at.
    let rounds = 3;
    for count in 0..rounds {
        round(&mut client, |number| format!("new{count}_{number}"));
    }
    let grown = live(&mut client).saturating_sub(before);
    let names = rounds * FILES;
    assert!(grown / names < 4096, "{grown} bytes for {names} names");
    client.shutdown();
}
