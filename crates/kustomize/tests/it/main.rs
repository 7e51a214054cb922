//! What the engine gives, seen from outside.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "these are tests, helpers included")]

mod cases;
mod conformance;
mod errors;
mod hostile;
mod properties;

use sluice_kustomize::{Build, Errors, Options, build};
use sluice_tree::{Limits, Tree, TreeBuilder};

/// A tree of these files.
fn tree(files: &[(&str, &str)]) -> Tree {
    let mut builder = TreeBuilder::new(Limits::default());
    for (path, text) in files {
        builder.file(path, text.to_string(), false).unwrap();
    }
    builder.build()
}

/// Builds the root of these files.
fn build_files(files: &[(&str, &str)]) -> Result<Build, Errors> {
    build(&tree(files), "", &Options::default())
}

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n";
