//! The tiny parent of every workload.
