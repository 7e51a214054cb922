//! Fields that are lists of words: resources, components, generators, transformers, buildMetadata; and replicas.

use std::path::Path;

use anyhow::bail;
use serde_json::{Value, json};

use super::file::File;
use super::glob;
use crate::output::talk;

const OPTIONS: [&str; 3] = ["originAnnotations", "transformerAnnotations", "managedByLabel"];
const KUSTOMIZATION_FILES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Whether a resource is fetched from somewhere.
pub fn is_url(word: &str) -> bool {
    word.contains("://") || word.starts_with("git@") || word.starts_with("git::") || word.starts_with("github.com/")
}

/// What patterns name in a folder, without the kustomization file itself.
pub fn found(dir: &Path, file: &str, patterns: &[String], verify: bool) -> anyhow::Result<Vec<String>> {
    let mut all = Vec::new();
    for pattern in patterns {
        let matches = glob::matches(dir, pattern);
        if matches.is_empty() {
            if verify && !is_url(pattern) {
                bail!(
                    "{pattern} has no match in `{}`: nothing was added to {file}; create it first, or add --no-verify",
                    dir.display()
                );
            }
            all.push(pattern.clone());
        }
        all.extend(matches.into_iter().filter(|path| !KUSTOMIZATION_FILES.contains(&path.as_str())));
    }
    Ok(all)
}

/// What patterns name; what is not there is said and left out.
pub fn present(dir: &Path, patterns: &[String]) -> Vec<String> {
    let mut all = Vec::new();
    for pattern in patterns {
        let matches = glob::matches(dir, pattern);
        if matches.is_empty() {
            talk::plain(&format!("{pattern} has no match"));
        }
        all.extend(matches);
    }
    all
}

/// Adds what is not in a list.
pub fn add(file: &mut File, field: &str, what: &str, words: Vec<String>) -> anyhow::Result<bool> {
    let list = file.list(field)?;
    let before = list.len();
    for word in words {
        if list.iter().any(|item| *item == json!(word)) {
            talk::plain(&format!("{what} {word} already in kustomization file"));
        } else {
            list.push(json!(word));
        }
    }
    let changed = list.len() > before;
    file.tidy(field);
    Ok(changed)
}

/// Removes what patterns match in a list.
pub fn remove(file: &mut File, field: &str, what: &str, patterns: &[String]) -> anyhow::Result<bool> {
    let list = file.list(field)?;
    let before = list.len();
    for pattern in patterns {
        let count = list.len();
        list.retain(|item| !item.as_str().is_some_and(|word| word == pattern || glob::path_fits(pattern, word)));
        if list.len() == count {
            talk::plain(&format!("{what} {pattern} doesn't exist in kustomization file"));
        }
    }
    let changed = list.len() < before;
    file.tidy(field);
    Ok(changed)
}

fn check_options(words: &[String]) -> anyhow::Result<()> {
    match words.iter().find(|word| !OPTIONS.contains(&word.as_str())) {
        Some(word) => bail!("invalid buildMetadata option: {word}; must be one of {}", OPTIONS.join(", ")),
        None => Ok(()),
    }
}

/// `add buildmetadata`
pub fn add_options(file: &mut File, words: Vec<String>) -> anyhow::Result<bool> {
    check_options(&words)?;
    let list = file.list("buildMetadata")?;
    if let Some(word) = words.iter().find(|word| list.iter().any(|item| *item == json!(word))) {
        bail!("buildMetadata option {word} already in kustomization file");
    }
    add(file, "buildMetadata", "buildMetadata option", words)
}

/// `remove buildmetadata`
pub fn remove_options(file: &mut File, words: &[String]) -> anyhow::Result<bool> {
    check_options(words)?;
    let list = file.list("buildMetadata")?;
    list.retain(|item| !words.iter().any(|word| *item == json!(word)));
    file.tidy("buildMetadata");
    Ok(true)
}

/// `set buildmetadata`
pub fn set_options(file: &mut File, words: Vec<String>) -> anyhow::Result<bool> {
    check_options(&words)?;
    *file.list("buildMetadata")? = words.into_iter().map(Value::from).collect();
    Ok(true)
}

/// `set replicas`
pub fn set_replicas(file: &mut File, replicas: &[String]) -> anyhow::Result<bool> {
    let mut parsed = Vec::new();
    for replica in replicas {
        let parts = replica.split_once('=').and_then(|(name, count)| Some((name, count.parse::<i64>().ok()?)));
        let Some((name, count)) = parts.filter(|(name, _)| !name.is_empty()) else {
            bail!("`{replica}`: invalid format of replica, use the following format: <name>=<count>");
        };
        parsed.push((name, count));
    }
    let list = file.list("replicas")?;
    for (name, count) in parsed {
        match list.iter_mut().find(|item| item["name"] == name) {
            Some(item) => item["count"] = json!(count),
            None => list.push(json!({ "name": name, "count": count })),
        }
    }
    Ok(true)
}
