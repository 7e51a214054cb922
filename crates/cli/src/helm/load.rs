//! Charts and files that a command line names.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use clap::Args;
use sluice_helm::values::ValueFlags;
use sluice_helm::{Chart, Limits};

/// Flags that give values, in Helm's words.
#[derive(Args, Default)]
pub struct ValueArgs {
    /// File with values, `-` for standard input; may be repeated, later ones win
    #[arg(short = 'f', long = "values", value_name = "FILE", value_delimiter = ',')]
    values: Vec<String>,
    /// Values: `a.b=1,c={x,y}`
    #[arg(long, value_name = "VALUES")]
    set: Vec<String>,
    /// Values that are always texts
    #[arg(long, value_name = "VALUES")]
    set_string: Vec<String>,
    /// Values in JSON: `a={"b": 1}`
    #[arg(long, value_name = "VALUES")]
    set_json: Vec<String>,
    /// One value, taken as it stands
    #[arg(long, value_name = "VALUE")]
    set_literal: Vec<String>,
    /// Values from files: `a=path`
    #[arg(long, value_name = "VALUES")]
    set_file: Vec<String>,
}

impl ValueArgs {
    /// All of them merged.
    ///
    /// # Errors
    /// The first that cannot be read, as Helm words it.
    pub fn merge(self) -> anyhow::Result<sluice_yaml::Map<String, sluice_yaml::Value>> {
        let flags = ValueFlags {
            files: self.values,
            json: self.set_json,
            set: self.set,
            string: self.set_string,
            file: self.set_file,
            literal: self.set_literal,
        };
        flags.merge(&read).map_err(anyhow::Error::msg)
    }
}

/// Whether there is something at the path.
///
/// # Errors
/// A URL, or nothing there.
pub fn locate(path: &str) -> anyhow::Result<()> {
    if path.contains("://") {
        bail!("{path}: nothing is fetched; pull the chart first and name its folder or .tgz file");
    }
    if !Path::new(path).exists() {
        bail!("path {path:?} not found");
    }
    Ok(())
}

/// The chart at a path: a folder or a packed chart.
///
/// # Errors
/// A path or chart that cannot be read, as Helm words it.
pub fn chart(path: &str, limits: &Limits) -> anyhow::Result<Chart> {
    let place = Path::new(path);
    if place.is_dir() {
        let tree = sluice_tree::disk::read(place, &sluice_tree::Limits::default()).with_context(|| path.to_owned())?;
        return Ok(Chart::load(&tree, limits)?);
    }
    let bytes = fs::read(place).with_context(|| path.to_owned())?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        bail!("file '{path}' does not appear to be a gzipped archive; got '{}'", kind_of_content(&bytes));
    }
    Ok(Chart::from_archive(&bytes, limits)?)
}

/// What a browser would take the bytes for, of the kinds that somebody may name by mistake.
fn kind_of_content(bytes: &[u8]) -> &'static str {
    let start = &bytes[..bytes.len().min(512)];
    if start.starts_with(b"PK\x03\x04") {
        return "application/zip";
    }
    // Helm looks at 512 bytes, whatever stands there.
    if start.len() < 512 {
        return "application/octet-stream";
    }
    let is_binary = |b: &u8| matches!(b, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    if start.iter().any(is_binary) { "application/octet-stream" } else { "text/plain; charset=utf-8" }
}

/// A file that a flag names.
fn read(path: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    match path.trim() {
        "-" => std::io::stdin().lock().read_to_end(&mut bytes).map(drop).map_err(|e| e.to_string())?,
        url if url.contains("://") => return Err(format!("{url}: nothing is fetched; name a file")),
        path => {
            bytes = fs::read(path).map_err(|e| match e.kind() {
                std::io::ErrorKind::NotFound => format!("open {path}: no such file or directory"),
                std::io::ErrorKind::PermissionDenied => format!("open {path}: permission denied"),
                _ => format!("open {path}: {e}"),
            })?;
        }
    }
    Ok(bytes)
}
