//! OpenFGA on this machine: the same source and the same life as on a cluster.

use plat_tests::{Home, Place, edit, environment_of, kill, lives, permissions, processes_naming};

const KEY: &str = "OPENFGA_AUTHN_PRESHARED_KEYS";

struct Here<'a>(&'a Home);

impl Here<'_> {
    /// The servers that run.
    fn servers(&self) -> Vec<i32> {
        let all = processes_naming(KEY).into_iter();
        let here = all.filter(|(pid, _)| {
            std::fs::read_link(format!("/proc/{pid}/cwd"))
                .is_ok_and(|cwd| cwd.starts_with(self.0.path()))
        });
        here.map(|(pid, _)| pid).collect()
    }
}

impl Place for Here<'_> {
    fn environment(&self) -> &'static str {
        "dev"
    }

    fn address(&self) -> (String, &'static str) {
        let at = format!("127.0.0.1:{}", self.0.port());
        (at, "permissions.localhost")
    }

    fn key(&self) -> Result<String, String> {
        let servers = self.servers();
        let mut keys = servers
            .iter()
            .filter_map(|pid| environment_of(*pid).remove(KEY));
        keys.next().ok_or_else(|| "no server runs".to_owned())
    }

    fn copies(&self) -> usize {
        self.servers().len()
    }

    fn kill(&self) {
        for server in self.servers() {
            kill(server, "KILL");
        }
    }
}

#[test]
fn openfga_lives_on_this_machine() {
    let home = permissions();
    let target = format!("local {{ port = {} }}", home.port());
    edit(&home, "permissions/permissions.plat", "local {}", &target);
    lives(&home, &Here(&home));
}
