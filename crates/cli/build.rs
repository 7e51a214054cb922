//! Puts the bundled example and the installation's manifests into the binary.
#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../..");
    let mut code = String::new();
    for (name, folder) in [("EXAMPLE", "examples/web-app"), ("CONFIG", "config")] {
        let folder = root.join(folder).canonicalize()?;
        let mut files = Vec::new();
        collect(&folder, &mut files)?;
        files.sort();
        let _ = writeln!(code, "pub(super) const {name}: &[(&str, &[u8])] = &[");
        for file in files {
            let path = file.strip_prefix(&folder).map_err(io::Error::other)?;
            let _ = writeln!(code, "    ({:?}, include_bytes!({:?})),", path.display().to_string(), file);
        }
        code.push_str("];\n");
    }
    // The command runs for milliseconds, and a tenth of them would go into moving tables to a random place. The
    // controllers, which stay and are reached by others, are position independent.
    let target = |part: &str| env::var(format!("CARGO_CFG_TARGET_{part}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    fs::write(out.join("embedded.rs"), code)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            println!("cargo::rerun-if-changed={}", entry.path().display());
            files.push(entry.path());
        }
    }
    Ok(())
}
