//! Whole-system tests of plat, the servers they use, and the benchmarks.
