//! `images`.

use anyhow::bail;
use serde_json::{Value, json};

use super::file::File;
use crate::output::talk;

pub const HELP: &str = "\
Examples:
  # Another tag, another name with a tag, a digest
  sluice kustomize edit set image node:8.15.0 mysql=mariadb:10 alpine@sha256:24a0c4b4…

  # Another name, the tag that is set already
  sluice kustomize edit set image node=registry.acme.example/node:*";

const FORMS: &str = "invalid format of image, use one of the following options:
- <image>=<newimage>:<newtag>
- <image>=<newimage>@<digest>
- <image>=<newimage>:<newtag>@<digest>
- <image>=<newimage>
- <image>:<newtag>
- <image>:<newtag>@<digest>
- <image>@<digest>";

#[derive(Default)]
struct Image {
    name: String,
    new_name: String,
    new_tag: String,
    digest: String,
}

/// `NAME[:TAG][@DIGEST]`; a colon before a slash is a port's.
fn split(text: &str) -> (&str, &str, &str) {
    let (image, digest) = text.split_once('@').unwrap_or((text, ""));
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag, digest),
        _ => (image, "", digest),
    }
}

fn parse(argument: &str) -> anyhow::Result<Image> {
    let image = match argument.split_once('=') {
        Some((name, to)) => {
            let (new_name, new_tag, digest) = split(to);
            Image { name: name.into(), new_name: new_name.into(), new_tag: new_tag.into(), digest: digest.into() }
        }
        None => {
            let (name, new_tag, digest) = split(argument);
            if new_tag.is_empty() && digest.is_empty() {
                bail!("`{argument}`: {FORMS}");
            }
            Image { name: name.into(), new_name: String::new(), new_tag: new_tag.into(), digest: digest.into() }
        }
    };
    if image.name.is_empty() {
        bail!("`{argument}`: {FORMS}");
    }
    Ok(image)
}

/// `set image`
pub fn set(file: &mut File, arguments: &[String]) -> anyhow::Result<bool> {
    let images: Vec<Image> = arguments.iter().map(|argument| parse(argument)).collect::<Result<_, _>>()?;
    let list = file.list("images")?;
    for image in images {
        let place = list.iter().position(|item| item["name"] == image.name.as_str());
        let old = place.map(|place| list[place].clone()).unwrap_or_else(|| json!({}));
        let mut new = json!({ "name": image.name });
        // As in kustomize, all that was said of the image before is replaced.
        for (field, value) in [("newName", &image.new_name), ("newTag", &image.new_tag), ("digest", &image.digest)] {
            match value.as_str() {
                "" => {}
                "*" => {
                    if let Some(kept) = old.get(field) {
                        new[field] = kept.clone();
                    }
                }
                value => new[field] = json!(value),
            }
        }
        match place {
            Some(place) => list[place] = new,
            None => list.push(new),
        }
    }
    Ok(true)
}

/// `remove image`
pub fn remove(file: &mut File, names: &[String]) -> anyhow::Result<bool> {
    let list = file.list("images")?;
    let before = list.len();
    for name in names {
        let has = |item: &Value| item["name"] == name.as_str();
        if !list.iter().any(has) {
            talk::plain(&format!("image {name} doesn't exist in kustomization file"));
        }
        list.retain(|item| !has(item));
    }
    let changed = list.len() < before;
    file.tidy("images");
    Ok(changed)
}
