//! The app graph of plat: declarations, links, labelled values and where each came from.
