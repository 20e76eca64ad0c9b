//! Who applies, for the list of releases.

/// As CI systems name whoever started them, else the user and the machine: `anna@laptop`.
pub fn applies() -> String {
    let said = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let ci = said("GITHUB_ACTOR").or_else(|| said("GITLAB_USER_LOGIN"));
    if let Some(actor) = ci {
        return actor;
    }
    let user = said("USER").or_else(|| said("LOGNAME"));
    // A service manager sets neither; then the list of users says, and else the number does.
    let user = user
        .or_else(|| whoami::username().ok().filter(|name| !name.is_empty()))
        .unwrap_or_else(|| rustix::process::getuid().as_raw().to_string());
    let machine = rustix::system::uname();
    format!("{user}@{}", machine.nodename().to_string_lossy())
}
