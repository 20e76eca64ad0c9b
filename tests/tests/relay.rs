//! The relay of webhooks on this machine: the same source and the same life as on a cluster.

use plat_tests::{Here, RELAY, relay};

#[test]
fn the_relay_lives_on_this_machine() {
    let home = RELAY.home();
    relay(&home, &Here(&home, &RELAY));
}
