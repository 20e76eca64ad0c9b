//! The relay of webhooks on a cluster: the same source and the same life as on this machine.

use plat_tests::{RELAY, There, cluster, relay, services};

use crate::fleet::KINDS;

#[test]
fn the_relay_lives_on_a_cluster() {
    let services = services();
    let mut home = RELAY.home();
    let there = There(cluster(), &RELAY);
    let _registry = there.open(&mut home, &services, 5004);
    relay(&home, &there);
    there.left(KINDS, "archive-data queues-data");
}
