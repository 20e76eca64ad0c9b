//! The standard library of plat, embedded.
