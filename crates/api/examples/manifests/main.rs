//! Writes config/crds. Run by `make manifests`:
//!
//! ```text
//! cargo run -p sluice-api --example manifests
//! ```

mod render;

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/crds");
    for (path, text) in render::files() {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("every file lies in a folder"))?;
        fs::write(path, text)?;
    }
    Ok(())
}
