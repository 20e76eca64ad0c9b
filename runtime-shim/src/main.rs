//! The tiny parent of every workload.
fn main() {}
