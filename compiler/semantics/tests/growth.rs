//! Twice the program is twice the work: a program's shape makes nothing cost more than its size.
//!
//! What is counted is the bytes that a check asks of the allocator, whichever thread it works on:
//! whatever is copied or listed again and again shows in it. The checks are made one at a time, and
//! share one thread, so that no two do the same work twice. Time is not looked at. What compares again and
//! again without asking for memory does not show here: what bounds that is tested where it is done, in
//! `near.rs`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helpers"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use plat_semantics::{Database, PackageInput, Project, parse_manifest};

struct Counting;

/// What was asked for in this process.
static BYTES: AtomicUsize = AtomicUsize::new(0);

/// Held by the test that counts.
static COUNTS: Mutex<()> = Mutex::new(());

fn count(bytes: usize) {
    BYTES.fetch_add(bytes, Ordering::Relaxed);
}

// SAFETY: all is handed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps the promises of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the promises of `dealloc`.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.saturating_sub(layout.size()));
        // SAFETY: the caller keeps the promises of `realloc`.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const HEAD: &str = "app big\nenv dev { target = local {} }\n";

/// What a program is wrong in, if it is.
#[derive(Clone, Copy, PartialEq)]
enum Is {
    Right,
    /// In every declaration: this code, and no other.
    Wrong(&'static str),
}

/// The bytes that checking a program asks for, beyond those of an empty one.
fn cost(text: &str, is: Is) -> usize {
    let check = |text: &str, is: Is| {
        let manifest = "[package]\nname = \"big\"\nversion = \"1.0.0\"\nedition = \"2026\"\n";
        let mut db = Database::default();
        db.set_project(Project {
            packages: vec![PackageInput {
                manifest: parse_manifest(manifest).unwrap(),
                root: String::new(),
                files: vec![("main.plat".to_owned(), text.to_owned())],
                listing: Vec::new(),
                ..PackageInput::default()
            }],
        });
        let before = BYTES.load(Ordering::Relaxed);
        let found = db.diagnostics();
        let bytes = BYTES.load(Ordering::Relaxed) - before;
        match is {
            Is::Right => assert_eq!(found.first(), None),
            Is::Wrong(code) => {
                assert!(!found.is_empty());
                assert_eq!(found.iter().find(|d| d.code != code), None);
            }
        }
        bytes
    };
    let text = format!("{HEAD}{text}\n");
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    alone.unwrap().install(|| {
        let empty = check(HEAD, Is::Right);
        check(&text, is).saturating_sub(empty)
    })
}

/// Doubles a shape twice and holds both steps to a little more than double.
fn linear(name: &str, first: usize, shape: impl Fn(usize) -> String) {
    grows(name, first, Is::Right, shape);
}

/// The same for what stands in each other: a thing's path, its type and the arms around it are as long as
/// it is deep, so that there is a part which grows with the square. It must be a small one.
fn nearly_linear(name: &str, first: usize, shape: impl Fn(usize) -> String) {
    held(name, first, Is::Right, (8, 3), shape);
}

fn grows(name: &str, first: usize, is: Is, shape: impl Fn(usize) -> String) {
    held(name, first, is, (9, 4), shape);
}

/// `most` is how much more twice as many may take.
fn held(
    name: &str,
    first: usize,
    is: Is,
    (most, of): (usize, usize),
    shape: impl Fn(usize) -> String,
) {
    // One that failed counts no more.
    let _alone = COUNTS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let costs: Vec<usize> = [first, 2 * first, 4 * first]
        .into_iter()
        .map(|n| cost(&shape(n), is))
        .collect();
    for pair in costs.windows(2) {
        assert!(
            pair[1] < pair[0] * most / of,
            "{name}: {costs:?} bytes for {first}, twice and four times that"
        );
    }
}

/// A word of letters for each number: those of near numbers differ in a letter.
fn word(number: usize) -> String {
    let mut left = number;
    let mut word = String::new();
    for _ in 0..4 {
        word.push(char::from(b'a' + u8::try_from(left % 26).unwrap()));
        left /= 26;
    }
    word
}

fn lines(n: usize, line: impl Fn(usize) -> String) -> String {
    (0..n).map(line).collect::<Vec<_>>().join("\n")
}

const USE: &str = "\nredis cache { memory = x * 1MiB }";

#[test]
fn wide_records() {
    linear("wide records", 200, |n| {
        let fields = lines(n, |i| format!("    f{i} = {i}"));
        format!("let r = {{\n{fields}\n}}\nlet x = r.f1 + 1{USE}")
    });
}

#[test]
fn many_records() {
    linear("many records", 200, |n| {
        let all = lines(n, |i| {
            format!("let r{i} = {{ a = {{ b = {{ c = {i} }} }} }}")
        });
        format!("{all}\nlet x = r1.a.b.c + 1{USE}")
    });
}

#[test]
fn long_chains_of_with() {
    linear("with", 100, |n| {
        let fields = lines(n, |i| format!("    f{i} = {i}"));
        let changes = lines(n, |i| format!("    f{i} = {}", i + 1));
        format!("let r = {{\n{fields}\n}}\nlet s = r with {{\n{changes}\n}}\nlet x = s.f1{USE}")
    });
}

/// Each of many changes the one before it.
#[test]
fn records_that_are_changed_again_and_again() {
    linear("with after with", 100, |n| {
        let fields = lines(20, |i| format!("    f{i} = {i}"));
        let changes = lines(n, |i| {
            format!("let r{} = r{i} with {{ f{} = {i} }}", i + 1, i % 20)
        });
        format!("let r0 = {{\n{fields}\n}}\n{changes}\nlet x = r{n}.f1 + 1{USE}")
    });
}

/// As deep as they may stand.
#[test]
fn records_in_records() {
    nearly_linear("deep records", 14, |depth| {
        let all = lines(50, |i| {
            let opened = "{ a = ".repeat(depth);
            let closed = " }".repeat(depth);
            format!(
                "let r{i} = {opened}{i}{closed}\nlet v{i} = r{i}{}",
                ".a".repeat(depth)
            )
        });
        let sum: Vec<String> = (0..50).map(|i| format!("v{i}")).collect();
        format!("{all}\nlet x = sum([{}]) + 1{USE}", sum.join(", "))
    });
}

#[test]
fn lists_in_lists() {
    nearly_linear("deep lists", 14, |depth| {
        let all = lines(50, |i| {
            let (opened, closed) = ("[".repeat(depth), "]".repeat(depth));
            format!("let l{i} = {opened}{i}{closed}")
        });
        let sum: Vec<String> = (0..50).map(|i| format!("length(l{i})")).collect();
        format!("{all}\nlet x = sum([{}]){USE}", sum.join(", "))
    });
}

#[test]
fn big_maps() {
    linear("big maps", 200, |n| {
        let entries = lines(n, |i| format!("    k{i} = {i}"));
        let read = lines(n, |i| format!("let v{i} = m[\"k{i}\"]"));
        format!("let m: Map<Int> = {{\n{entries}\n}}\n{read}\nlet x = length(m) + v1{USE}")
    });
}

/// A key beside one that is nearly the same is told; those that are all near each other are compared
/// with few.
#[test]
fn maps_with_many_keys_that_are_nearly_the_same() {
    grows("near keys", 200, Is::Wrong("W0501"), |n| {
        let keys = lines(n, |i| format!("    name_{} = {i}", word(i)));
        format!(
            "let m: Map<Int> = {{ name_zzzz = 1 }}\nlet n = m with {{\n{keys}\n}}\nlet x = length(n){USE}"
        )
    });
}

#[test]
fn many_renames() {
    let things = |n: usize| lines(n, |i| format!("redis b{i} {{ memory = 64MiB }}"));
    linear("moved", 100, |n| {
        let moved = lines(n, |i| format!("moved a{i} to b{i}"));
        format!("{}\n{moved}", things(n))
    });
    linear("moved after moved", 100, |n| {
        let moved = lines(n - 1, |i| format!("moved b{i}x to b{}x", i + 1));
        format!("{}\n{moved}\nmoved b{}x to b0", things(1), n - 1)
    });
}

#[test]
fn many_waivers() {
    linear("waive", 100, |n| {
        let things = lines(n, |i| format!("redis r{i} {{ memory = 64MiB }}"));
        let waived = lines(n, |i| {
            format!("waive large for r{i} {{ reason = \"small is enough\" }}")
        });
        format!("{things}\npolicy large(r: redis) {{ require = r.memory > 1GiB }}\n{waived}")
    });
}

#[test]
fn many_environments() {
    linear("environments of one base", 20, |n| {
        let envs = lines(n, |i| {
            format!("env e{i} {{\n extends = dev\n set = {{ cache.memory = {i}MiB + 64MiB }}\n}}")
        });
        format!("redis cache {{ memory = 64MiB }}\n{envs}")
    });
    // In rows as long as they may be.
    linear("rows of environments", 2, |n| {
        let envs = lines(n, |row| {
            lines(16, |i| {
                let base = match i {
                    0 => "dev".to_owned(),
                    _ => format!("e{row}_{}", i - 1),
                };
                format!(
                    "env e{row}_{i} {{\n extends = {base}\n set = {{ cache.memory = {i}MiB + 64MiB }}\n}}"
                )
            })
        });
        format!("redis cache {{ memory = 64MiB }}\n{envs}")
    });
}

#[test]
fn names_that_are_nearly_right() {
    grows("typos", 200, Is::Wrong("E0201"), |n| {
        let right = lines(n, |i| format!("let abcdefgh{i} = {i}"));
        let wrong = lines(n, |i| format!("let zbcdefgh{i}q = xbcdefhg{i}"));
        format!("{right}\n{wrong}")
    });
    grows("typos of kinds", 100, Is::Wrong("E0201"), |n| {
        let right = lines(n, |i| format!("kind store_{} {{}}", word(i)));
        let wrong = lines(n, |i| format!("stoer_{} s{i} {{}}", word(i)));
        format!("{right}\n{wrong}")
    });
}

#[test]
fn definitions_that_many_miss() {
    grows("a name that is gone", 200, Is::Wrong("E0201"), |n| {
        lines(n, |i| {
            format!("worker w{i} {{\n    run = image(\"x:1\")\n    env = {{ C = cache.url }}\n}}")
        })
    });
}

#[test]
fn chains_of_lets() {
    linear("lets", 200, |n| {
        let chain = lines(n, |i| format!("let a{} = a{i} + 1", i + 1));
        format!("let a0 = 1\n{chain}\nlet x = a{n}{USE}")
    });
}

#[test]
fn long_texts() {
    linear("texts", 100, |n| {
        let holes: String = (0..n).map(|i| format!("${{a}}-{i} ")).collect();
        format!("let a = 1\nlet t = \"{holes}\"\nlet x = length(t){USE}")
    });
}

#[test]
fn many_links_to_one_thing() {
    linear("links", 100, |n| {
        let all = lines(n, |i| {
            format!("worker w{i} {{\n run = image(\"x:1\")\n env = {{ C = cache.url }}\n}}")
        });
        format!("redis cache {{ memory = 64MiB }}\n{all}")
    });
}

#[test]
fn many_members_of_one_family() {
    linear("members", 100, |n| {
        format!(
            "for i in 1..{n} {{ redis cache[\"${{i}}\"] {{ memory = 64MiB }} }}\n\
             for i in 1..{n} {{\n worker w[\"${{i}}\"] {{\n  run = image(\"x:1\")\n  \
             env = {{ C = cache[\"${{i}}\"].url }}\n }}\n}}"
        )
    });
}

#[test]
fn comprehensions() {
    linear("comprehensions", 500, |n| {
        format!("let l = [for i in 1..{n}: i * 2]\nlet x = sum([for i in l: i]){USE}")
    });
}

#[test]
fn wide_matches() {
    linear("match", 200, |n| {
        let arms = lines(n, |i| format!("    {i} => {}", i + 1));
        format!("let a = 3\nlet x = match a {{\n{arms}\n    _ => 0\n}}{USE}")
    });
}

#[test]
fn kinds_of_many_things() {
    linear("kinds", 50, |n| {
        let all = lines(n, |i| format!("    redis r{i} {{ memory = size }}"));
        format!("kind many {{\n    size: Bytes\n{all}\n}}\nmany one {{ size = 64MiB }}")
    });
}

#[test]
fn overrides_of_an_environment() {
    linear("set", 100, |n| {
        let mut text = lines(n, |i| format!("redis r{i} {{ memory = 64MiB }}"));
        let set = lines(n, |i| format!("    r{i}.memory = 128MiB"));
        let _ = write!(
            text,
            "\nenv prod {{ target = local {{}}\n set = {{\n{set}\n}} }}"
        );
        text
    });
}

#[test]
fn kinds_in_kinds() {
    // As deep as they may stand, each with as many beside it.
    linear("deep kinds", 20, |n| {
        let chain = lines(30, |i| {
            format!(
                "kind k{} {{\n    size: Bytes\n    k{i} inner {{ size = size }}\n    out url = inner.url\n}}",
                i + 1
            )
        });
        let uses = lines(n, |i| format!("k30 u{i} {{ size = 64MiB }}"));
        format!(
            "kind k0 {{\n    size: Bytes\n    redis store {{ memory = size }}\n    out url = store.url\n}}\n{chain}\n{uses}"
        )
    });
}

/// Deeper and deeper, to the limit. The path of each is as long as it is deep.
#[test]
fn kinds_in_kinds_in_kinds() {
    nearly_linear("deeper kinds", 7, |depth| {
        let chain = lines(depth, |i| {
            format!(
                "kind k{} {{\n    size: Bytes\n    k{i} k {{ size = size }}\n    out url = k.url\n}}",
                i + 1
            )
        });
        let uses = lines(10, |i| format!("k{depth} u{i} {{ size = 64MiB }}"));
        format!(
            "kind k0 {{\n    size: Bytes\n    redis store {{ memory = size }}\n    out url = store.url\n}}\n{chain}\n{uses}"
        )
    });
}

#[test]
fn loops_in_loops() {
    linear("nested for", 20, |n| {
        format!(
            "for a in 1..{n} {{ for b in 1..5 {{ for c in 1..4 {{ if b != c {{\n    \
             redis cache[\"${{a}}-${{b}}-${{c}}\"] {{ memory = 64MiB }}\n}} }} }} }}\n\
             let l = [for a in 1..{n} for b in 1..5 if a != b: {{ a = a, b = \"${{b}}\" }}]\n\
             redis sums {{ memory = length(l) * 1MiB }}"
        )
    });
}

#[test]
fn long_rows_of_else_if() {
    nearly_linear("else if", 200, |n| {
        let values: String = (0..n)
            .map(|i| format!("if a == {i} then {i} else "))
            .collect();
        let blocks: String = (0..n)
            .map(|i| format!("if a == {i} {{\n    redis r{i} {{ memory = 64MiB }}\n}} else "))
            .collect();
        format!("let a = {n} - 1\nlet x = {values}0\n{blocks}{{}}{USE}")
    });
}

#[test]
fn many_errors() {
    grows("names that are not there", 200, Is::Wrong("E0201"), |n| {
        lines(n, |i| format!("let a{i} = b{i}x + missing"))
    });
    grows("values of another type", 200, Is::Wrong("E0301"), |n| {
        lines(n, |i| format!("redis r{i} {{ memory = \"{i}\" }}"))
    });
    grows("values that do not hold", 200, Is::Wrong("E0511"), |n| {
        let all = lines(n, |i| format!("let p{i}: Port = 70{i:04}"));
        format!("type Port = Int where 1..65535\n{all}")
    });
}

#[test]
fn questions_about_many() {
    linear("links and holders", 50, |n| {
        let all = lines(n, |i| {
            format!(
                "kind k{i} {{\n    redis store {{ memory = 64MiB }}\n    out url = store.url\n}}\nk{i} c{i} {{}}\n\
                 worker w{i} {{\n    run = image(\"x:1\")\n    env = {{ C = c{i}.url }}\n}}"
            )
        });
        format!(
            "{all}\npolicy held(c: redis) {{ require = length(holders(c)) == 1 }}\n\
             policy holds(w: worker) {{ require = length(links(w)) == 1 }}\n\
             policy known(l: link) {{ require = l.to is redis }}"
        )
    });
}

#[test]
fn references_to_what_is_made_of_others() {
    linear("references to uses of kinds", 50, |n| {
        let all = lines(n, |i| {
            format!(
                "store c{i} {{}}\nworker w{i} {{\n    run = image(\"x:1\")\n    reach = [c{i}]\n}}"
            )
        });
        format!(
            "kind store {{\n    redis a {{ memory = 64MiB }}\n    redis b {{ memory = 64MiB }}\n}}\n{all}"
        )
    });
}

/// What grows with each step is made anew with each step: the cost is that of all that is made.
#[test]
fn maps_and_lists_that_grow() {
    let _alone = COUNTS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let costs: Vec<usize> = [50, 100, 200]
        .into_iter()
        .map(|n| {
            let all = lines(n, |i| {
                format!(
                    "let m{j} = m{i} with {{ k{i} = {i} }}\nlet l{j} = l{i} + [{i}]",
                    j = i + 1
                )
            });
            let text = format!(
                "let m0: Map<Int> = {{}}\nlet l0: [Int] = []\n{all}\nlet x = length(m{n}) + length(l{n}){USE}"
            );
            cost(&text, Is::Right)
        })
        .collect();
    for pair in costs.windows(2) {
        assert!(
            pair[1] < pair[0] * 9 / 2,
            "growing maps and lists: {costs:?} bytes"
        );
    }
}
