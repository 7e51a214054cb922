//! `sluice diff artifact`.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;
use sluice_tree::Tree;

use super::files::LocalFiles;
use super::pull::fetch;
use super::{Registry, reference};
use crate::cluster::KubeFlags;
use crate::output::{self, talk};

/// What to compare.
#[derive(Args)]
pub struct DiffArtifactArgs {
    /// Which: `oci://registry/repository:tag`
    url: String,
    #[command(flatten)]
    files: LocalFiles,
    #[command(flatten)]
    registry: Registry,
}

/// Runs the command.
///
/// # Errors
/// When the registry refuses or the files cannot be read.
pub async fn run(args: DiffArtifactArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let reference = reference(&args.url)?;
    let local = args.files.read()?;
    let repository = args.registry.repository(&reference.repository, flags.timeout.0)?;
    let (_, _, remote) = fetch(&reference, &repository).await?;
    let changes = changes(&remote, &local);
    output::data(&crate::escape::lines(&changes))?;
    if changes.is_empty() {
        talk::success("no changes detected");
        return Ok(ExitCode::SUCCESS);
    }
    talk::warning("identified at least one change, exiting with non-zero exit code");
    Ok(ExitCode::FAILURE)
}

/// A line for each file that is another.
fn changes(remote: &Tree, local: &Tree) -> String {
    let names = |tree: &Tree| -> BTreeSet<String> {
        tree.walk().filter(|(path, _)| tree.is_file(path)).map(|(path, _)| path.to_owned()).collect()
    };
    let (there, here) = (names(remote), names(local));
    let mut text = String::new();
    for path in there.union(&here) {
        let what = match (remote.read(path), local.read(path)) {
            (Ok(old), Ok(new)) if old == new => continue,
            (Ok(_), Ok(_)) => "changed",
            (Ok(_), Err(_)) => "removed",
            (Err(_), _) => "added",
        };
        text.push_str(&format!("{what} {path}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use sluice_tree::{Limits, TreeBuilder};

    use super::*;

    #[test]
    fn each_other_file_is_a_line() {
        let tree = |files: &[(&str, &'static str)]| {
            let mut tree = TreeBuilder::new(Limits::default());
            files.iter().for_each(|(path, text)| tree.file(path, *text, false).unwrap());
            tree.build()
        };
        let remote = tree(&[("a", "1"), ("b", "1"), ("c/d", "1")]);
        let local = tree(&[("a", "1"), ("b", "2"), ("e", "1")]);
        assert_eq!(changes(&remote, &local), "changed b\nremoved c/d\nadded e\n");
        assert_eq!(changes(&remote, &remote), "");
    }
}
