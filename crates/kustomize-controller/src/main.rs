//! Builds Kustomizations and keeps a cluster as they say.
fn main() {}
