//! Files that are part of the binary.

use anyhow::Context as _;
use sluice_tree::{Limits, Tree, TreeBuilder};

mod files {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// The example repository.
pub fn example() -> &'static [(&'static str, &'static [u8])] {
    files::EXAMPLE
}

/// The manifests that install the controllers, as a tree.
pub fn config() -> anyhow::Result<Tree> {
    let mut builder = TreeBuilder::new(Limits::default());
    for (path, data) in files::CONFIG {
        builder.file(path, *data, false).with_context(|| format!("bundled `{path}`"))?;
    }
    Ok(builder.build())
}
