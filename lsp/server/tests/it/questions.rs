//! Every question that the server answers, at random, and the same for two servers.

use serde_json::{Value, json};

use crate::client::Client;

/// Numbers at random, the same each time (Marsaglia, "Xorshift RNGs", 2003).
pub struct Random(pub u64);

impl Random {
    /// One that is less than `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    /// One of several.
    pub fn of<T: Clone>(&mut self, several: &[T]) -> T {
        several[self.below(several.len())].clone()
    }
}

/// What a question takes.
#[derive(Clone, Copy)]
enum Takes {
    Document,
    Position,
    Range,
    /// Nothing: it is about all packages.
    Nothing,
}

/// Every method of the protocol, and of ours; the ones that take what others gave are asked after
/// those.
const METHODS: [(&str, Takes); 34] = [
    ("textDocument/hover", Takes::Position),
    ("textDocument/definition", Takes::Position),
    ("textDocument/declaration", Takes::Position),
    ("textDocument/typeDefinition", Takes::Position),
    ("textDocument/implementation", Takes::Position),
    ("textDocument/references", Takes::Position),
    ("textDocument/completion", Takes::Position),
    ("textDocument/documentHighlight", Takes::Position),
    ("textDocument/signatureHelp", Takes::Position),
    ("textDocument/prepareRename", Takes::Position),
    ("textDocument/rename", Takes::Position),
    ("textDocument/prepareCallHierarchy", Takes::Position),
    ("textDocument/prepareTypeHierarchy", Takes::Position),
    ("textDocument/onTypeFormatting", Takes::Position),
    ("plat/becomes", Takes::Position),
    ("textDocument/inlayHint", Takes::Range),
    ("textDocument/codeAction", Takes::Range),
    ("textDocument/semanticTokens/range", Takes::Range),
    ("textDocument/rangeFormatting", Takes::Range),
    ("textDocument/selectionRange", Takes::Position),
    ("textDocument/semanticTokens/full", Takes::Document),
    ("textDocument/semanticTokens/full/delta", Takes::Document),
    ("textDocument/documentSymbol", Takes::Document),
    ("textDocument/foldingRange", Takes::Document),
    ("textDocument/codeLens", Takes::Document),
    ("textDocument/documentLink", Takes::Document),
    ("textDocument/formatting", Takes::Document),
    ("textDocument/diagnostic", Takes::Document),
    ("plat/environments", Takes::Document),
    ("plat/tests", Takes::Document),
    ("plat/graph", Takes::Document),
    ("plat/plan", Takes::Document),
    ("workspace/symbol", Takes::Nothing),
    ("workspace/diagnostic", Takes::Nothing),
];

/// What is asked of what another question gave: each of its parts in turn.
const NEXT: [(&str, &[&str]); 3] = [
    (
        "textDocument/prepareCallHierarchy",
        &["callHierarchy/incomingCalls", "callHierarchy/outgoingCalls"],
    ),
    (
        "textDocument/prepareTypeHierarchy",
        &["typeHierarchy/supertypes", "typeHierarchy/subtypes"],
    ),
    ("textDocument/codeLens", &["codeLens/resolve"]),
];

/// A question about a document at random: its method, and what it takes.
pub fn question(random: &mut Random, uri: &str, text: &str) -> (&'static str, Value) {
    let (method, takes) = random.of(&METHODS);
    (method, params(random, uri, text, takes))
}

fn params(random: &mut Random, uri: &str, text: &str, takes: Takes) -> Value {
    let at = |random: &mut Random| {
        let [line, character] = place(text, boundary(random, text));
        json!({ "line": line, "character": character })
    };
    let environment = random.of(&["dev", "prod", "nope"]);
    let mut params = json!({
        "textDocument": { "uri": uri },
        // Some take these, and the others do not mind.
        "context": { "includeDeclaration": random.below(2) == 0, "diagnostics": [] },
        "options": { "tabSize": 4, "insertSpaces": true },
        "newName": random.of(&["fresh", "api", "size"]),
        "ch": random.of(&["}", "\n"]),
        "environment": environment,
        "previousResultId": random.below(9).to_string(),
    });
    match takes {
        Takes::Position => {
            params["position"] = at(random);
            params["positions"] = json!([params["position"], at(random)]);
        }
        Takes::Range => {
            let mut ends = [boundary(random, text), boundary(random, text)];
            ends.sort_unstable();
            let [start, end] = ends.map(|byte| place(text, byte));
            params["range"] = json!({
                "start": { "line": start[0], "character": start[1] },
                "end": { "line": end[0], "character": end[1] },
            });
        }
        Takes::Document => {}
        Takes::Nothing => {
            params = json!({ "query": random.of(&["", "a", "web", "pd"]) });
            params["previousResultIds"] = json!([]);
        }
    }
    params
}

/// Asks both servers the same, and what follows from it: the answers are the same.
pub fn same(mine: &mut Client, theirs: &mut Client, method: &str, params: &Value, why: &str) {
    let answer = mine.ask(method, params.clone());
    let other = theirs.ask(method, params.clone());
    // Tokens have a number by which they are asked for again: each server counts by itself, and
    // tells what changed of what it told.
    if method.ends_with("/full/delta") {
        return;
    }
    let [answer, other] = [answer, other].map(|answer| {
        answer.map(|mut value| {
            if let Some(value) = value.as_object_mut() {
                value.remove("resultId");
            }
            value
        })
    });
    assert_eq!(answer, other, "{why}: {method} {params}");
    let next = NEXT.iter().find(|(of, _)| *of == method);
    let Some((_, then)) = next else {
        return;
    };
    let items = answer.ok();
    let items = items.as_ref().and_then(Value::as_array);
    for item in items.into_iter().flatten() {
        for method in *then {
            let params = match *method {
                "codeLens/resolve" => item.clone(),
                _ => json!({ "item": item }),
            };
            same(mine, theirs, method, &params, why);
        }
    }
}

/// Asks both servers everything about a document once, at places at random.
pub fn all_the_same(
    mine: &mut Client,
    theirs: &mut Client,
    random: &mut Random,
    (uri, text): (&str, &str),
    why: &str,
) {
    for (method, takes) in METHODS {
        let params = params(random, uri, text, takes);
        same(mine, theirs, method, &params, why);
    }
}

/// The place of a byte, as UTF-16 counts.
pub fn place(text: &str, byte: usize) -> [u32; 2] {
    let before = &text[..byte];
    let line = before.matches('\n').count();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let character = before[start..].encode_utf16().count();
    [
        u32::try_from(line).unwrap(),
        u32::try_from(character).unwrap(),
    ]
}

/// A place between two characters.
pub fn boundary(random: &mut Random, text: &str) -> usize {
    let mut at = random.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
