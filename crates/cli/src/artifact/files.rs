//! Between folders and archives.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use sluice_tree::ignore::{IgnoreLimits, Patterns};
use sluice_tree::{Entry, Limits, Tree, TreeBuilder, disk};

/// What is left out of an artifact unless told otherwise (spec/flux/cli.md §3).
const IGNORED: &str = ".git/,.gitignore,.gitmodules,.gitattributes,*.jpg,*.jpeg,*.gif,*.png,*.wmv,*.flv,*.tar.gz,*.zip";

/// The local files of an artifact.
#[derive(Args)]
pub struct LocalFiles {
    /// A folder, a file, or `-` for manifests from standard input
    #[arg(short = 'f', long)]
    path: PathBuf,
    /// What to leave out, in the language of .gitignore, with commas between
    #[arg(long, default_value = IGNORED, hide_default_value = true, value_delimiter = ',')]
    ignore_paths: Vec<String>,
    /// What to leave out beside that
    #[arg(long, value_delimiter = ',')]
    add_ignore_paths: Vec<String>,
}

impl LocalFiles {
    /// The files.
    ///
    /// # Errors
    /// When they cannot be read, or are too many.
    pub fn read(&self) -> anyhow::Result<Tree> {
        let mut files = TreeBuilder::new(Limits::default());
        if self.path.as_os_str() == "-" {
            let mut text = Vec::new();
            std::io::stdin().lock().take(64 << 20).read_to_end(&mut text).context("reading standard input")?;
            files.file("manifests.yaml", text, false)?;
            return Ok(files.build());
        }
        let shown = self.path.display();
        let metadata = fs::metadata(&self.path).with_context(|| format!("--path {shown}"))?;
        if metadata.is_file() {
            let name = self.path.file_name().and_then(|it| it.to_str()).with_context(|| format!("--path {shown}"))?;
            files.file(name, fs::read(&self.path).with_context(|| format!("--path {shown}"))?, false)?;
            return Ok(files.build());
        }
        let all = disk::read(&self.path, &Limits::default()).with_context(|| format!("--path {shown}"))?;
        let text = [self.ignore_paths.join("\n"), self.add_ignore_paths.join("\n")].join("\n");
        // As for a bucket: these patterns, and none that are built in.
        let patterns = Patterns::of_bucket(None, Some(&text), &IgnoreLimits::default())?;
        let mut steps = 0;
        for (path, entry) in all.walk() {
            let is_dir = matches!(entry, Entry::Directory);
            if patterns.ignores(path, is_dir, &mut steps)? {
                continue;
            }
            match entry {
                Entry::Directory => files.directory(path)?,
                Entry::File { data, executable } => files.file(path, data.clone(), *executable)?,
                Entry::Symlink { .. } => {}
            }
        }
        Ok(files.build())
    }
}

/// Writes files into a folder that is there. Nothing is written through a symbolic link.
///
/// # Errors
/// When the folder is not there, a link is in the way, or the disk refuses.
pub fn write(tree: &Tree, folder: &Path) -> anyhow::Result<()> {
    if !folder.is_dir() {
        bail!("--output {}: it must be a folder that is there", folder.display());
    }
    for (path, entry) in tree.walk() {
        let target = folder.join(path);
        let is_link = fs::symlink_metadata(&target).is_ok_and(|it| it.file_type().is_symlink());
        if is_link {
            bail!("{}: a symbolic link is in the way", target.display());
        }
        let written = match entry {
            Entry::Directory if target.is_dir() => Ok(()),
            Entry::Directory => fs::create_dir(&target),
            Entry::File { data, .. } => fs::write(&target, data),
            Entry::Symlink { .. } => Ok(()),
        };
        written.with_context(|| format!("writing {}", target.display()))?;
    }
    Ok(())
}
