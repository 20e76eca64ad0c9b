//! Writes how the lexer and the parser read texts, for tests of other readers of plat (the editors' grammar).
//!
//! Texts come in on stdin, parted by NUL characters. Of each go out on stdout, one a line, with ranges in bytes:
//!
//! - `text MISTAKES`: another text begins, and so much is wrong with it
//! - `token KIND START END`
//! - `comment docs START END`, `comment plain START END`
//! - `node KIND START END`: what the parser has made, parts after what they are part of
//!
//! ```sh
//! cargo run -p plat-syntax --example tokens < shop.plat
//! ```

use std::io::{Read, Write};
use std::sync::Arc;

use plat_syntax::{Lexeme, LexemeKind, lexemes, parse};

fn main() -> std::io::Result<()> {
    let mut all = String::new();
    std::io::stdin().lock().read_to_string(&mut all)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let file: Arc<str> = Arc::from("stdin");
    for text in all.split('\0') {
        let parse = parse(&file, text);
        writeln!(out, "text {}", parse.diagnostics.len())?;
        for Lexeme { kind, range } in lexemes(text) {
            let kind = match kind {
                LexemeKind::Token(kind) => format!("token {kind:?}"),
                LexemeKind::Docs => "comment docs".to_owned(),
                LexemeKind::Comment => "comment plain".to_owned(),
            };
            writeln!(out, "{kind} {} {}", range.start, range.end)?;
        }
        for item in &parse.items {
            for node in item.tree.nodes() {
                let range = node.range().shifted(item.offset);
                writeln!(out, "node {:?} {} {}", node.kind(), range.start, range.end)?;
            }
        }
    }
    out.flush()
}
