//! This machine as a target of plat: the agent, its proxy and its data services.
//!
//! Data plane: [`tools`] finds or fetches the programs, [`services`] says how to run the data
//! services and brings them to what was asked for, [`objectstore`] and [`proxy`] are processes of
//! our own that outlive the agent.

pub mod objectstore;
pub mod proxy;
pub mod services;
pub mod tools;
