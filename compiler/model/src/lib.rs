//! The app graph: what an application is in one environment, as plain data.
//!
//! The graph is the waist of plat: everything before it (text, types, evaluation) knows no
//! target, everything after it (lowering, plan, apply) knows no syntax. It is also a public
//! format: `platc graph --json` prints it, versioned by [`Graph::FORMAT`].
//!
//! Architecture invariants:
//! - This crate depends on no other crate of ours, does no I/O and reads no clock.
//! - Nothing here is ordered by a hash: maps are [`std::collections::BTreeMap`] or [`Fields`],
//!   lists keep the order of the source. The same program gives the same bytes.
//! - No secret value is ever in a graph. A secret, or anything known only after apply, is a
//!   [`Hole`] that names who will produce it.
//!
//! Start reading at [`Graph`], then [`Node`], [`Value`] and [`Origin`].

mod cases;
mod digest;
mod fields;
mod graph;
mod origin;
mod path;
mod pins;
mod quantity;
mod read;
mod renumber;
mod show;
mod text;
mod value;

pub use cases::{CaseShape, Cases};
pub use digest::{Digest, DigestWriter, Digester};
pub use fields::{Fields, Iter as FieldsIter};
pub use graph::{
    Change, Environment, Existing, Graph, Hold, Link, Moved, Node, NodeKind, Owner, Package,
    Target, TargetId,
};
pub use origin::{Origin, OriginId, OriginTable, Place, Site, SiteKind};
pub use path::{FieldPath, NodePath, external_name};
pub use pins::ImagePin;
pub use quantity::{Decimal, ParseDecimalError, Quantity};
pub use show::CaseForm;
pub use text::Str;
pub use value::{Data, Hole, Piece, Value};
