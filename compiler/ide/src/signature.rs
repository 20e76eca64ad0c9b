//! The call that is being written.

use plat_semantics::{Database, FileId};

/// How something is called, and what is being given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// All of it on one line.
    pub label: String,
    /// Where in it each parameter stands, in bytes.
    pub params: Vec<(usize, usize)>,
    /// Which one is being given.
    pub active: Option<usize>,
    /// Its documentation.
    pub doc: Option<String>,
}

/// The innermost call that a byte of a file is in.
pub fn signature(db: &Database, file: FileId, offset: u32) -> Option<Signature> {
    let call = db.call_at(file, offset)?;
    let mut label = format!("{}(", call.name);
    let mut params = Vec::new();
    for (number, param) in call.params.iter().enumerate() {
        if number > 0 {
            label.push_str(", ");
        }
        params.push((label.len(), label.len() + param.len()));
        label.push_str(param);
    }
    label.push(')');
    if let Some(result) = &call.result {
        label.push_str(": ");
        label.push_str(result);
    }
    Some(Signature {
        label,
        params,
        active: call.active,
        doc: db.about(&call.symbol).doc,
    })
}
