//! Long editing sessions at random: whatever was typed, cancelled and asked in between, in the end
//! every answer is that of a server which has just begun.

use serde_json::{Value, json};

use crate::client::{Client, Disk};

const FILES: &str = r#"//- /w/app/plat.toml
[package]
name = "shop"
version = "1.0.0"
edition = "2026"
//- /w/app/shop.plat
app shop

/// Where orders are kept.
postgres db

let copies = 1 + 1

service api {
    run = image("api:1")
    env = { DATABASE_URL = db.url, "A" = "b ${copies}" }
    scale = copies
}
//- /w/app/kinds.plat
kind web {
    size: Int = 3
    let twice = size * 2
    service server {
        run = image("web:1")
        scale = twice
    }
    out url = server.url
}

web front { size = 1 }
//- /w/app/environments.plat
env dev { target = local {} }

env prod {
    target = local {}
    set = { api.scale = 4, front.server.scale = 2 }
}
"#;

const PATHS: [&str; 3] = [
    "/w/app/shop.plat",
    "/w/app/kinds.plat",
    "/w/app/environments.plat",
];

/// What is typed.
const PIECES: [&str; 24] = [
    "\n",
    " ",
    "}",
    "{",
    "\"",
    "api",
    "db",
    ".",
    "= ",
    "scale = 3\n",
    "service x { run = image(\"y\") }\n",
    "let z = [1, 2].map(|n| n * 2)\n",
    "512MiB",
    "// note\n",
    "/// doc\n",
    "if copies > 1 {\n",
    "ü𝄞",
    "web other\n",
    ", ",
    "front",
    "url",
    "(",
    ")",
    "env dev2 { target = local {} }\n",
];

/// Questions that take a position, and those that take none.
const QUESTIONS: [(&str, bool); 10] = [
    ("textDocument/hover", true),
    ("textDocument/definition", true),
    ("textDocument/completion", true),
    ("textDocument/documentHighlight", true),
    ("textDocument/signatureHelp", true),
    ("textDocument/semanticTokens/full", false),
    ("textDocument/documentSymbol", false),
    ("textDocument/foldingRange", false),
    ("textDocument/codeLens", false),
    ("textDocument/documentLink", false),
];

/// Numbers at random, the same each time (Marsaglia, "Xorshift RNGs", 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

/// The place of a byte, as UTF-16 counts.
fn place(text: &str, byte: usize) -> [u32; 2] {
    let before = &text[..byte];
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let character = before[start..].encode_utf16().count();
    [
        u32::try_from(line).unwrap(),
        u32::try_from(character).unwrap(),
    ]
}

fn boundary(random: &mut Random, text: &str) -> usize {
    let mut at = random.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn question(random: &mut Random, path: &str, text: &str) -> (&'static str, Value) {
    let (method, takes) = QUESTIONS[random.below(QUESTIONS.len())];
    let mut params = json!({ "textDocument": { "uri": format!("file://{path}") } });
    if takes {
        let [line, character] = place(text, boundary(random, text));
        params["position"] = json!({ "line": line, "character": character });
    }
    (method, params)
}

fn session(seed: u64, steps: usize) {
    let disk = Disk::of(FILES);
    let mut random = Random(seed);
    let mut client = Client::new(&disk);
    let mut texts: Vec<String> = PATHS
        .iter()
        .map(|p| disk.read(p.as_ref()).unwrap())
        .collect();
    for (path, text) in PATHS.iter().zip(&texts) {
        client.open(path, text);
    }
    let mut begun: Vec<i32> = Vec::new();
    for step in 0..steps {
        let which = random.below(PATHS.len());
        let path = PATHS[which];
        // A burst now and then.
        for _ in 0..=random.below(4) {
            let text = &mut texts[which];
            let from = boundary(&mut random, text);
            let mut to = (from + random.below(12)).min(text.len());
            while !text.is_char_boundary(to) {
                to += 1;
            }
            // Text goes as often as it comes.
            let new = match random.below(2) {
                0 => "",
                _ => PIECES[random.below(PIECES.len())],
            };
            let to = if new.is_empty() { to } else { from };
            let ([a, b], [c, d]) = (place(text, from), place(text, to));
            let version = i32::try_from(step).unwrap() + 2;
            client.change(path, version, [a, b, c, d], new);
            text.replace_range(from..to, new);
        }
        for _ in 0..random.below(3) {
            let (method, params) = question(&mut random, path, &texts[which]);
            let id = client.begin(method, params);
            if random.below(3) == 0 {
                client.tell("$/cancelRequest", json!({ "id": id }));
            }
            begun.push(id);
        }
        if random.below(20) == 0 {
            client.close(path);
            client.open(path, &texts[which]);
        }
    }
    for id in begun {
        match client.end(id) {
            Ok(_) => {}
            // Changed meanwhile, or cancelled.
            Err((code, text)) => assert!([-32801, -32800].contains(&code), "{code} {text}"),
        }
    }
    client.settle();
    let mut fresh = Client::new(&disk);
    for (path, text) in PATHS.iter().zip(&texts) {
        fresh.open(path, text);
    }
    fresh.settle();
    for (path, text) in PATHS.iter().zip(&texts) {
        assert_eq!(
            client.wrong(path),
            fresh.wrong(path),
            "seed {seed}: {path}\n{text}"
        );
        for _ in 0..30 {
            let (method, params) = question(&mut random, path, text);
            let mine = client.ask(method, params.clone()).unwrap();
            let theirs = fresh.ask(method, params.clone()).unwrap();
            assert_eq!(mine, theirs, "seed {seed}: {method} {params}\n{text}");
        }
    }
    client.shutdown();
    fresh.shutdown();
}

#[test]
fn after_any_session_every_answer_is_that_of_a_fresh_server() {
    let long = std::env::var("PLAT_SESSIONS")
        .ok()
        .and_then(|n| n.parse().ok());
    for seed in 1..=long.unwrap_or(6) {
        session(0x9e37_79b9_7f4a_7c15 ^ seed << 32 ^ seed, 120);
    }
}
