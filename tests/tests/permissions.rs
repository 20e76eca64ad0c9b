//! OpenFGA on this machine: the same source and the same life as on a cluster.

use plat_tests::{Here, PERMISSIONS, permissions};

#[test]
fn openfga_lives_on_this_machine() {
    let home = PERMISSIONS.home();
    permissions(&home, &Here(&home, &PERMISSIONS));
}
