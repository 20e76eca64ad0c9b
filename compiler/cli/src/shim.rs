//! The plat-shim that was built with this platc (see `build.rs`).

/// The whole program, for this architecture, static. Write it to a file, mode 0700, and run it.
pub static BYTES: &[u8] = include_bytes!(env!("PLAT_SHIM_PATH"));

/// Names this very shim (16 hexadecimal digits): a file named after it never has to be replaced
/// while a process runs from it. No protection against tampering.
pub const DIGEST: &str = env!("PLAT_SHIM_DIGEST");

/// The program where it runs in every image: static, as that of a target of musl is.
#[must_use]
pub fn for_containers() -> Option<&'static [u8]> {
    env!("PLAT_SHIM_TARGET").ends_with("-musl").then_some(BYTES)
}
