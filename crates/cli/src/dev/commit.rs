//! Commits of the example, written without a `git` program: objects, the index, then the branch.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use gix::ObjectId;
use gix::objs::{Kind, Write as _};

const BRANCH: &str = "refs/heads/main";

/// A file of the index.
struct Indexed {
    path: String,
    mode: u32,
    id: ObjectId,
}

fn options() -> gix::open::Options {
    gix::open::Options::isolated().config_overrides(["user.name=Sluice", "user.email=sluice@localhost"])
}

/// Makes a folder a repository.
///
/// # Errors
/// When it cannot be written.
pub fn init(root: &Path) -> anyhow::Result<()> {
    let create = gix::create::Options::default();
    gix::ThreadSafeRepository::init_opts(root, gix::create::Kind::WithWorktree, create, options())
        .map_err(|error| anyhow!("making `{}` a repository: {error}", root.display()))?;
    fs::write(root.join(".git/HEAD"), format!("ref: {BRANCH}\n"))?;
    Ok(())
}

/// Commits the work tree as it is to `main`; the commit's id.
///
/// # Errors
/// When something cannot be read or written.
pub fn all(root: &Path, message: &str) -> anyhow::Result<String> {
    let repository = gix::open_opts(root, options()).map_err(|error| anyhow!("`{}`: {error}", root.display()))?;
    let mut index = Vec::new();
    let tree = write_tree(&repository, root, "", &mut index)?.context("there is nothing to commit")?;
    let parent = repository.rev_parse_single(BRANCH).ok().map(|it| format!("parent {it}\n")).unwrap_or_default();
    let now = jiff::Timestamp::now().as_second();
    let who = format!("Sluice <sluice@localhost> {now} +0000");
    let text = format!("tree {tree}\n{parent}author {who}\ncommitter {who}\n\n{message}\n");
    let id = write(&repository, Kind::Commit, text.as_bytes())?;
    // Without it `git commit -a` would take every file for deleted.
    fs::write(root.join(".git/index"), index_file(index)?).context("writing the index")?;
    let any = gix::refs::transaction::PreviousValue::Any;
    repository
        .reference(BRANCH, id, any, format!("commit: {message}"))
        .map_err(|error| anyhow!("{BRANCH}: {error}"))?;
    Ok(id.to_string())
}

fn write(repository: &gix::Repository, kind: Kind, data: &[u8]) -> anyhow::Result<ObjectId> {
    repository.objects.write_buf(kind, data).map_err(|error| anyhow!("writing a Git object: {error}"))
}

/// The tree of a folder; `None` for an empty one, which Git does not know.
fn write_tree(
    repository: &gix::Repository,
    root: &Path,
    at: &str,
    index: &mut Vec<Indexed>,
) -> anyhow::Result<Option<ObjectId>> {
    let mut entries: Vec<(String, u32, ObjectId)> = Vec::new();
    for entry in fs::read_dir(root.join(at)).with_context(|| format!("`{at}`"))? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| anyhow!("`{}` is not UTF-8", name.display()))?;
        if at.is_empty() && name == ".git" {
            continue;
        }
        let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
        let kind = entry.file_type()?;
        let (mode, id) = if kind.is_dir() {
            let Some(id) = write_tree(repository, root, &path, index)? else { continue };
            (0o040_000, id)
        } else if kind.is_symlink() {
            let target = fs::read_link(entry.path())?;
            (0o120_000, write(repository, Kind::Blob, target.as_os_str().as_encoded_bytes())?)
        } else {
            let executable = entry.metadata()?.permissions().mode() & 0o100 != 0;
            let id = write(repository, Kind::Blob, &fs::read(entry.path())?)?;
            (if executable { 0o100_755 } else { 0o100_644 }, id)
        };
        if mode != 0o040_000 {
            index.push(Indexed { path, mode, id });
        }
        entries.push((name, mode, id));
    }
    if entries.is_empty() {
        return Ok(None);
    }
    // Git sorts folders as if their names ended with a slash.
    entries.sort_by_key(|(name, mode, _)| if *mode == 0o040_000 { format!("{name}/") } else { name.clone() });
    let mut data = Vec::new();
    for (name, mode, id) in entries {
        data.extend_from_slice(format!("{mode:o} {name}\0").as_bytes());
        data.extend_from_slice(id.as_slice());
    }
    write(repository, Kind::Tree, &data).map(Some)
}

/// Version 2 of the format. Times and sizes are zero: Git looks at the files once and fills them in.
fn index_file(mut entries: Vec<Indexed>) -> anyhow::Result<Vec<u8>> {
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let mut data = b"DIRC".to_vec();
    data.extend_from_slice(&2u32.to_be_bytes());
    data.extend_from_slice(&u32::try_from(entries.len())?.to_be_bytes());
    for Indexed { path, mode, id } in entries {
        let start = data.len();
        data.extend_from_slice(&[0; 24]);
        data.extend_from_slice(&mode.to_be_bytes());
        data.extend_from_slice(&[0; 12]);
        data.extend_from_slice(id.as_slice());
        // The length of the name, or all ones for longer ones.
        data.extend_from_slice(&u16::try_from(path.len()).unwrap_or(0xfff).min(0xfff).to_be_bytes());
        data.extend_from_slice(path.as_bytes());
        let length = data.len() - start;
        data.resize(start + (length / 8 + 1) * 8, 0);
    }
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(&data);
    let checksum = hasher.try_finalize().map_err(|error| anyhow!("the index: {error}"))?;
    data.extend_from_slice(checksum.as_slice());
    Ok(data)
}
