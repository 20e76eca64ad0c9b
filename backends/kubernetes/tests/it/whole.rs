//! Whole apps, as their manifests.

use crate::program::{PROGRAMS, shown};

#[test]
fn a_shop() {
    insta::assert_snapshot!(shown(PROGRAMS[0]));
}

#[test]
fn the_corners() {
    insta::assert_snapshot!(shown(PROGRAMS[1]));
}

#[test]
fn what_is_said_in_its_own_words() {
    insta::assert_snapshot!(shown(PROGRAMS[2]));
}

#[test]
fn the_same_bytes_each_time() {
    for program in PROGRAMS {
        assert_eq!(shown(program), shown(program));
    }
}
