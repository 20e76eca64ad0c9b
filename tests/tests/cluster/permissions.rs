//! OpenFGA on a cluster: the same source and the same life as on this machine.

use plat_tests::{PERMISSIONS, There, cluster, permissions, services};

use crate::fleet::KINDS;

#[test]
fn openfga_lives_on_a_cluster() {
    let services = services();
    let mut home = PERMISSIONS.home();
    let there = There(cluster(), &PERMISSIONS);
    let _registry = there.open(&mut home, &services, 5003);
    permissions(&home, &there);
    there.left(KINDS, "db-data");
}
