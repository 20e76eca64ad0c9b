//! Builds plat-shim, small and static, and hands its bytes to `src/shim.rs`.
//!
//! A cargo of its own, in a target directory of its own (so the two can't wait for each other's
//! lock), with the profile `shim` and a musl target: the shim must run in any container and on any
//! host of this architecture. None of this build's flags reach it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

#[expect(
    clippy::print_stderr,
    reason = "a build script's way to say why it failed"
)]
fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?).join("../..");
    for path in [
        "runtime-shim/src",
        "runtime-shim/Cargo.toml",
        "Cargo.toml",
        "Cargo.lock",
    ] {
        println!("cargo:rerun-if-changed={}", root.join(path).display());
    }
    println!("cargo:rerun-if-changed=build.rs");

    let target = shim_target()?;
    let target_dir = PathBuf::from(variable("OUT_DIR")?).join("shim");
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .args([
            "build",
            "--locked",
            "--quiet",
            "--package",
            "plat-shim",
            "--bin",
            "plat-shim",
        ])
        .args(["--profile", "shim", "--target", &target])
        .arg("--target-dir")
        .arg(&target_dir)
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"));
    for (name, _) in env::vars_os() {
        if leaks(&name) {
            cargo.env_remove(name);
        }
    }
    let status = cargo
        .status()
        .map_err(|error| format!("could not run {cargo:?} to build plat-shim: {error}"))?;
    if !status.success() {
        return Err(format!(
            "plat-shim, which platc carries inside, did not build ({status}); its messages stand above. \
             By hand: cargo build -p plat-shim --profile shim --target {target}"
        ));
    }

    let shim = target_dir.join(&target).join("shim/plat-shim");
    println!("cargo:rustc-env=PLAT_SHIM_PATH={}", shim.display());
    println!("cargo:rustc-env=PLAT_SHIM_DIGEST={}", digest(&shim)?);
    // Only that of musl runs where there is no libc beside it.
    println!("cargo:rustc-env=PLAT_SHIM_TARGET={target}");
    Ok(())
}

fn variable(name: &str) -> Result<OsString, String> {
    env::var_os(name).ok_or_else(|| format!("cargo did not set {name} for platc's build script"))
}

/// The musl target of the architecture platc is built for; platc's own target where rustc has not
/// got that one.
fn shim_target() -> Result<String, String> {
    let own = variable("TARGET")?.to_string_lossy().into_owned();
    if variable("CARGO_CFG_TARGET_OS")? != "linux" {
        return Err(format!(
            "platc carries plat-shim, which runs on Linux alone, and can't be built for {own}; build it for a Linux target"
        ));
    }
    let arch = variable("CARGO_CFG_TARGET_ARCH")?
        .to_string_lossy()
        .into_owned();
    let musl = format!("{arch}-unknown-linux-musl");
    let asked = Command::new(variable("RUSTC")?)
        .args(["--print", "target-libdir", "--target", &musl])
        .output()
        .map_err(|error| format!("could not ask rustc for its {musl} library: {error}"))?;
    let libdir = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    // rustc names the directory whether or not rustup has put something there.
    if asked.status.success() && Path::new(&libdir).is_dir() {
        return Ok(musl);
    }
    println!(
        "cargo:warning=the target {musl} is not installed (rustup target add {musl}): \
         the shim inside platc is built for {own}, larger and bound to this machine's libc"
    );
    Ok(own)
}

/// What this build was told about itself, and what flags it runs under (clippy's wrapper among
/// them). What says where registries, caches and the toolchain are stays.
fn leaks(name: &OsString) -> bool {
    const KEPT: [&str; 7] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
        "CARGO_CACHE_",
    ];
    let name = name.to_string_lossy();
    let wrapper = matches!(
        &*name,
        "RUSTFLAGS"
            | "RUSTC_WRAPPER"
            | "RUSTC_WORKSPACE_WRAPPER"
            | "CLIPPY_ARGS"
            | "CLIPPY_CONF_DIR"
    );
    wrapper || name.starts_with("CARGO_") && !KEPT.iter().any(|kept| name.starts_with(kept))
}

/// Tells one shim from another; it guards against nothing.
fn digest(shim: &Path) -> Result<String, String> {
    let bytes = fs::read(shim)
        .map_err(|error| format!("could not read the built shim {}: {error}", shim.display()))?;
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    Ok(format!("{:016x}", hasher.finish()))
}
