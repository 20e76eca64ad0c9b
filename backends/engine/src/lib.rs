//! Plan, journal, lease, state and apply: what every backend of plat shares.
