//! This machine as a target of plat: the agent, its proxy and its data services.
//!
//! The way of a declaration: [`lower`] makes objects of the graph, with what [`facts`] read of the
//! machine; [`backend`] is asked by the engine to make them true, and asks the [`agent`], through
//! its [`client`]; the agent keeps them and runs what they need under shims.
//!
//! Data plane: [`tools`] finds or fetches the programs, [`services`] says how to run the data
//! services and brings them to what was asked for, [`objectstore`] and [`proxy`] are processes of
//! our own that outlive the agent.
//!
//! Architecture invariants:
//! - No syntax and no terminal: a graph comes in, values and errors go out.
//! - Lowering is pure: graph and facts in, objects out, byte for byte the same each time.
//! - Nothing here knows another target.
//!
//! # What a paused `platc` can still do
//!
//! A `platc` may be stopped (a lid is closed) after the journal has its intent and before the agent
//! has the call, and go on when another holds the lease. Nothing but the agent changes anything,
//! and it refuses a call whose fencing token is lower than the highest it has seen for the app and
//! environment. Whoever takes over raises it with its first operation. The window that remains is
//! from the takeover to that first operation; and what the agent had begun by then it finishes. In
//! it, a late call must meet its precondition, the uid and the version of the object, and calls for
//! one object wait for each other: it can't undo what the other did. What it did is in the journal,
//! which whoever took over has read, and is found by its token.
//!
//! Start reading at [`spec`], which says what the agent is asked for.

pub mod agent;
mod attach;
pub mod backend;
mod check;
pub mod client;
pub mod dirs;
pub mod facts;
mod generate;
mod logs;
pub mod lower;
mod names;
pub mod objectstore;
mod ports;
pub mod proxy;
mod recall;
pub mod secrets;
pub mod services;
pub mod spec;
pub mod text;
mod time;
pub mod tools;
mod vault;

pub use backend::Local;
