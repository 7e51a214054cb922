//! `sluice image diff`: what an ImageUpdateAutomation would write into a folder, with file and line.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;
use sluice_policy::{Latest, Limits, Setters, update};
use sluice_tree::{Tree, TreeBuilder};

use crate::cluster::{Cluster, KubeFlags};
use crate::output::{self, talk};
use crate::{escape, kinds, yaml};

/// Files that are looked at; far more than a repository of manifests has.
const MAX_FILES: usize = 200_000;

const EXAMPLES: &str = "\
Examples:
  # What the policies of the cluster would change in this folder
  sluice image diff -n flux-system

  # Without a cluster
  sluice image diff ./fleet --policy flux-system/web=ghcr.io/acme/web:1.10.0

The exit code is 1 when something would change, and 2 when that cannot be said.";

/// Show which marked fields of a folder would change; nothing is written
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct DiffArgs {
    /// Folder, for example a clone of the Git repository
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Folder below it to look at (spec.update.path)
    #[arg(long, default_value = "")]
    path: String,
    /// A policy and its image, as [NAMESPACE/]NAME=IMAGE:TAG[@DIGEST]; may be repeated. No cluster is asked then
    #[arg(long)]
    policy: Vec<String>,
    /// File with ImagePolicies, as `sluice get` or kubectl print them with -o yaml; no cluster is asked then
    #[arg(long, short)]
    file: Option<PathBuf>,
}

/// A policy's namespace, name and image.
type Policy = (String, String, Latest);

/// Runs the command.
///
/// # Errors
/// When the folder cannot be read, a policy is none, or the cluster cannot be asked.
pub async fn run(args: DiffArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let policies = policies(&args, flags).await?;
    if policies.is_empty() {
        talk::warning("no ImagePolicy has chosen an image");
    }
    let tree = read(&args.folder)?;
    let setters = Setters::new(policies.iter().map(|(ns, name, latest)| (ns.as_str(), name.as_str(), latest)))?;
    let update = update(&tree, &args.path, &setters, &Limits::default())?;
    let mut text = String::new();
    for (file, new) in &update.files {
        let old = tree.read(file).with_context(|| format!("`{file}`"))?;
        text.push_str(&differences(file, &String::from_utf8_lossy(old), new));
    }
    output::data(&escape::lines(&text))?;
    if text.is_empty() {
        talk::success("all marked fields are as the policies want them");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

async fn policies(args: &DiffArgs, flags: &KubeFlags) -> anyhow::Result<Vec<Policy>> {
    let own = flags.own_namespace()?;
    let mut policies: Vec<Policy> = args.policy.iter().map(|it| parse(it, &own)).collect::<anyhow::Result<_>>()?;
    if let Some(file) = &args.file {
        let text = std::fs::read_to_string(file).with_context(|| format!("`{}`", file.display()))?;
        let objects = yaml::objects(&text).with_context(|| format!("`{}`", file.display()))?;
        policies.extend(objects.iter().filter_map(of_object));
    }
    if args.policy.is_empty() && args.file.is_none() {
        let cluster = Cluster::connect(flags).await?;
        let list = cluster.get(&kinds::IMAGE_POLICY.path(&cluster.namespace)).await?.unwrap_or_default();
        policies.extend(list["items"].as_array().into_iter().flatten().filter_map(of_object));
    }
    Ok(policies)
}

/// `[NAMESPACE/]NAME=IMAGE:TAG[@DIGEST]`.
fn parse(text: &str, own: &str) -> anyhow::Result<Policy> {
    let wrong = || format!("--policy: `{text}` is none; write NAMESPACE/NAME=IMAGE:TAG");
    let (policy, image) = text.split_once('=').with_context(wrong)?;
    let (namespace, name) = policy.split_once('/').unwrap_or((own, policy));
    let (image, digest) = image.split_once('@').unwrap_or((image, ""));
    let slash = image.rfind('/').map_or(0, |at| at + 1);
    let colon = image[slash..].find(':').with_context(wrong)? + slash;
    if name.is_empty() || namespace.is_empty() || colon == 0 {
        bail!(wrong());
    }
    let (image, tag) = (image[..colon].to_owned(), image[colon + 1..].to_owned());
    Ok((namespace.to_owned(), name.to_owned(), Latest { name: image, tag, digest: digest.to_owned() }))
}

fn of_object(object: &Value) -> Option<Policy> {
    let latest = object.pointer("/status/latestRef").filter(|it| it.is_object())?;
    let latest: Latest = serde_json::from_value(latest.clone()).ok()?;
    let is_policy = object["kind"].as_str().is_none_or(|it| it == "ImagePolicy");
    let of = |text: &str| text.to_owned();
    is_policy.then(|| (of(sluice_object::namespace(object)), of(sluice_object::name(object)), latest))
}

/// The YAML files below a folder, hidden folders too; links are not followed.
fn read(folder: &Path) -> anyhow::Result<Tree> {
    let mut tree = TreeBuilder::new(sluice_tree::Limits::default());
    let mut todo = vec![(folder.to_owned(), String::new())];
    let mut seen = 0;
    while let Some((dir, at)) = todo.pop() {
        for entry in std::fs::read_dir(&dir).with_context(|| format!("reading `{}`", dir.display()))? {
            let entry = entry.with_context(|| format!("reading `{}`", dir.display()))?;
            seen += 1;
            if seen > MAX_FILES {
                bail!("`{}`: more than {MAX_FILES} files; name a folder with fewer", folder.display());
            }
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
            let kind = entry.file_type().with_context(|| format!("`{path}`"))?;
            if kind.is_dir() && name != ".git" {
                tree.directory(&path).with_context(|| format!("`{path}`"))?;
                todo.push((entry.path(), path));
            } else if kind.is_file() && (name.ends_with(".yaml") || name.ends_with(".yml") || name == "Kustomization") {
                let data = std::fs::read(entry.path()).with_context(|| format!("`{path}`"))?;
                tree.file(&path, data, false).with_context(|| format!("`{path}`"))?;
            }
        }
    }
    Ok(tree.build())
}

/// The lines that differ, each with its place. A value never spans another number of lines than before, but were it so,
/// all from the first to the last line that differs is shown as one.
fn differences(file: &str, old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    if old.len() == new.len() {
        let pairs = old.iter().zip(&new).enumerate().filter(|(_, (old, new))| old != new);
        return pairs.map(|(at, (old, new))| format!("{file}:{}\n-{old}\n+{new}\n", at + 1)).collect();
    }
    let before = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let shorter = old.len().min(new.len()) - before;
    let after = old.iter().rev().zip(new.iter().rev()).take(shorter).take_while(|(old, new)| old == new).count();
    let mut text = format!("{file}:{}\n", before + 1);
    old[before..old.len() - after].iter().for_each(|line| text.push_str(&format!("-{line}\n")));
    new[before..new.len() - after].iter().for_each(|line| text.push_str(&format!("+{line}\n")));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_named_with_its_image() {
        let (namespace, name, latest) = parse("web=h.io:5000/a/b:1.0@sha256:aa", "flux-system").unwrap();
        assert_eq!((namespace.as_str(), name.as_str()), ("flux-system", "web"));
        assert_eq!(latest.to_string(), "h.io:5000/a/b:1.0@sha256:aa");
        assert_eq!(parse("apps/web=b:1", "x").unwrap().0, "apps");
        for wrong in ["web", "web=b", "=b:1", "web=h.io:5000/b", "/x=b:1"] {
            assert!(parse(wrong, "x").is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_line_that_differs_has_its_place() {
        assert_eq!(differences("f", "a\nb\nc\n", "a\nx\nc\n"), "f:2\n-b\n+x\n");
        assert_eq!(differences("f", "a\nb\nc\n", "a\nx\ny\nc\n"), "f:2\n-b\n+x\n+y\n");
    }
}
