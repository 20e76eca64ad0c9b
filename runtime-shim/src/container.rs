//! The shim as the entrypoint of a container, which knows no agent: what to run is on its command
//! line, and all else is what it finds itself in: the environment, the directory, the user.
//!
//! Whoever keeps the container starts it again, so the shim ends with its child.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plat_shim::spec::{Policy, Spec};

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    name: String,
    dir: PathBuf,
    /// The port at which those who only ask are answered.
    pub listen: Option<u16>,
    drain: Duration,
    grace: Duration,
    argv: Vec<String>,
}

impl Asked {
    /// Reads what follows `exec`. The error says what is wrong with it.
    pub fn read(args: &[OsString]) -> Result<Asked, String> {
        let mut asked = Asked {
            name: "container".to_owned(),
            dir: PathBuf::from("/run/plat"),
            listen: None,
            drain: Duration::ZERO,
            grace: Duration::from_secs(10),
            argv: Vec::new(),
        };
        let text = |arg: &OsString| {
            let shown = arg.to_string_lossy();
            let text = arg.to_str().map(str::to_owned);
            text.ok_or_else(|| format!("`{shown}` is no UTF-8"))
        };
        let mut args = args.iter();
        while let Some(option) = args.next() {
            let option = text(option)?;
            if option == "--" {
                asked.argv = args.map(text).collect::<Result<_, _>>()?;
                break;
            }
            let value = args.next().map(text);
            let value = value.ok_or_else(|| format!("`{option}` lacks its value"))??;
            let millis = || {
                let number = value.parse().map(Duration::from_millis);
                number.map_err(|_| format!("`{option} {value}`: say milliseconds"))
            };
            match option.as_str() {
                "--name" => asked.name = value,
                "--dir" => asked.dir = PathBuf::from(value),
                "--listen" => {
                    let port = value.parse().ok().filter(|port| *port > 0);
                    let wrong = || format!("`--listen {value}`: say a port");
                    asked.listen = Some(port.ok_or_else(wrong)?);
                }
                "--drain" => asked.drain = millis()?,
                "--grace" => asked.grace = millis()?,
                _ => return Err(format!("`{option}` is no option")),
            }
        }
        if asked.argv.is_empty() {
            return Err("say which command, after `--`".to_owned());
        }
        Ok(asked)
    }

    /// What that means here. The error says what can't be found out.
    pub fn spec(&self) -> Result<Spec, String> {
        let here = env::current_dir();
        let here = here.map_err(|error| format!("could not find its directory: {error}"))?;
        let path = |name: &str| self.dir.join(name);
        let argv = self.argv.clone();
        let mut spec = Spec::new(
            &*self.name,
            argv,
            here,
            path("shim.sock"),
            path("shim.json"),
        );
        // One that is not UTF-8 can't be carried, and nobody sets it so in a manifest.
        let pairs = env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        spec.env = pairs.collect();
        spec.umask = 0o022;
        spec.die_with_shim = true;
        spec.restart.policy = Policy::Never;
        spec.stop.drain = self.drain;
        spec.stop.grace = self.grace;
        spec.check().map_err(|error| error.to_string())?;
        Ok(spec)
    }
}

/// Copies this program to `to`, for all to run: an image that holds nothing else can't do it. The
/// error says why it can't be.
pub fn install(to: &Path) -> Result<(), String> {
    let copied = || -> io::Result<()> {
        // Beside it and moved, so that nobody runs a part of it.
        let part = to.with_extension("part");
        // What a former attempt left may not be written over.
        match fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::copy("/proc/self/exe", &part)?;
        fs::set_permissions(&part, fs::Permissions::from_mode(0o555))?;
        fs::rename(&part, to)
    };
    copied().map_err(|error| format!("could not copy itself to {}: {error}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Asked, String> {
        let args: Vec<OsString> = words.iter().map(Into::into).collect();
        Asked::read(&args)
    }

    #[test]
    fn a_command_line() {
        let line = "--name api --dir /run/x --listen 9464 --drain 5000 --grace 20000 -- /bin/app --drain 1";
        let words: Vec<&str> = line.split(' ').collect();
        let asked = read(&words).unwrap();
        assert_eq!(asked.argv, ["/bin/app", "--drain", "1"]);
        assert_eq!(asked.listen, Some(9464));
        let spec = asked.spec().unwrap();
        assert_eq!(spec.control, Path::new("/run/x/shim.sock"));
        assert_eq!(spec.stop.drain, Duration::from_secs(5));
        assert_eq!(spec.stop.grace, Duration::from_secs(20));
        assert_eq!(spec.env.get("PATH"), env::var("PATH").ok().as_ref());
    }

    #[test]
    fn what_is_wrong_is_said() {
        let wrong = |words: &[&str]| read(words).unwrap_err();
        assert_eq!(wrong(&["--"]), "say which command, after `--`");
        assert_eq!(wrong(&["--drain"]), "`--drain` lacks its value");
        assert_eq!(
            wrong(&["--drain", "5s", "--", "x"]),
            "`--drain 5s`: say milliseconds"
        );
        assert_eq!(wrong(&["--what", "x", "--", "x"]), "`--what` is no option");
        let listen = wrong(&["--listen", "0.0.0.0", "--", "x"]);
        assert_eq!(listen, "`--listen 0.0.0.0`: say a port");
    }
}
