//! The folder of a chart, with what its symbolic links lead to.
//!
//! Helm follows the links of a chart that lies on the disk of who calls it, and so does the command. A chart that comes
//! out of an archive or a repository is not read here: the engine refuses links.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use sluice_tree::{Entry, Limits, Tree, TreeBuilder, disk};

use crate::output::talk;

/// A folder that is still to be added.
struct Folder {
    /// Where it goes.
    at: String,
    /// Where it is, without links.
    place: PathBuf,
    tree: Tree,
    /// The folders, without links, whose links led here.
    trail: Vec<PathBuf>,
}

/// Reads a folder.
///
/// # Errors
/// A link that leads nowhere, round in circles, or to what is neither a file nor a folder; a limit that is reached.
pub fn read(root: &Path) -> anyhow::Result<Tree> {
    let limits = Limits::default();
    let tree = disk::read(root, &limits).with_context(|| root.display().to_string())?;
    if !tree.walk().any(|(_, entry)| matches!(entry, Entry::Symlink { .. })) {
        return Ok(tree);
    }
    let root = fs::canonicalize(root).with_context(|| root.display().to_string())?;
    let mut whole = TreeBuilder::new(limits.clone());
    let mut todo = vec![Folder { at: String::new(), place: root.clone(), tree, trail: vec![root] }];
    while let Some(Folder { at, place, tree, trail }) = todo.pop() {
        for (name, entry) in tree.walk() {
            let path = if at.is_empty() { name.to_owned() } else { format!("{at}/{name}") };
            match entry {
                Entry::Directory => whole.directory(&path)?,
                Entry::File { data, executable } => whole.file(&path, data.clone(), *executable)?,
                Entry::Symlink { .. } => {
                    let link = place.join(name);
                    // An error of the system's own would be taken for one of the output.
                    let target = fs::canonicalize(&link)
                        .map_err(|error| anyhow!("error evaluating symlink {}: {error}", link.display()))?;
                    told(&link, &target);
                    if target.is_dir() {
                        if trail.contains(&target) || link.starts_with(&target) {
                            bail!("open {}: too many levels of symbolic links", link.display());
                        }
                        let trail = trail.iter().cloned().chain([target.clone()]).collect();
                        let tree = disk::read(&target, &limits)?;
                        todo.push(Folder { at: path, place: target, tree, trail });
                    } else if target.is_file() {
                        whole.file(&path, content(&target, &limits)?, false)?;
                    } else {
                        bail!("cannot load irregular file {} as it has file mode type bits set", link.display());
                    }
                }
            }
        }
    }
    Ok(whole.build())
}

/// What stands in a file, and one byte more than fits: the tree then says so.
fn content(file: &Path, limits: &Limits) -> anyhow::Result<Vec<u8>> {
    let failed = || file.display().to_string();
    let mut data = Vec::new();
    let open = File::open(file).with_context(failed)?;
    open.take(limits.extracted.saturating_add(1)).read_to_end(&mut data).with_context(failed)?;
    Ok(data)
}

/// As Helm tells it.
fn told(link: &Path, target: &Path) {
    let (link, target) = (link.display(), target.display());
    talk::plain(&format!(
        "level=INFO msg=\"found symbolic link in path. Contents of linked file included and used\" path={link} \
         resolved={target}"
    ));
}
