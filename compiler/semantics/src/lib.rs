//! Names, types, evaluation and diagnostics of plat, as a salsa database.
