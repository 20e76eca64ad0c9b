//! A Kubernetes cluster as a target of plat: the objects an app becomes, and how they are kept.
//!
//! The way of a declaration: [`facts`] reads what lowering must know of the package, [`lower`]
//! makes the objects that somebody who knows Kubernetes well would write, [`render`] writes them
//! as YAML for those who commit them; [`backend`] is asked by the engine to make them true and does
//! so through the [`cluster`]'s API, `inspect` shows what runs.
//!
//! Architecture invariants:
//! - No syntax and no terminal: a graph comes in, values and errors go out.
//! - Lowering is pure: graph and facts in, objects out, byte for byte the same each time. No
//!   cluster is needed for it.
//! - No value of a secret is ever in an object: containers take it from a `Secret` by reference,
//!   and a `Secret` is lowered without its data.
//! - Who may reach whom comes from the graph's links alone (`lower/network.rs`).
//! - Nothing here knows another target.
//!
//! Objects are written in the notation of JSON (`json/`), since that reads as the manifests do that
//! people know; the tests read each of them back through the types of `k8s-openapi` and fail on a
//! field that those do not have.
//!
//! Start reading at [`lower`](mod@lower), then `lower/pods.rs`.

mod attach;
pub mod backend;
pub mod cluster;
pub mod facts;
pub mod image;
pub mod import;
mod inspect;
mod json;
mod logs;
pub mod lower;
mod names;
mod place;
pub mod rbac;
pub mod render;

pub use backend::Kubernetes;
pub use image::push::{Logins, NoLogin};
pub use place::Place;
