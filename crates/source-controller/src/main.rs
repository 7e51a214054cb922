//! Turns Git repositories into artifacts.
fn main() {}
