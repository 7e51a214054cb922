//! Names, tags and digests of images.

use sluice_yaml::Value;

use crate::fieldspec::{Create, FieldSpec};
use crate::kustomization::Image;
use crate::resmap::ResMap;
use crate::selector::Expression;

pub(crate) fn run(resmap: &mut ResMap, image: &Image, fields: &[FieldSpec]) -> Result<(), String> {
    let pattern = Pattern::new(&image.name);
    for resource in resmap.contents_mut() {
        if resource.kind() == "CustomResourceDefinition" {
            continue;
        }
        // kustomize looks for containers anywhere first, and then goes by the field specs.
        anywhere(&mut resource.value, &|text| pattern.matches(text).then(|| renamed(text, image)))
            .map_err(|error| format!("{}: {error}", resource.id()))?;
        for field in fields.iter().filter(|field| field.matches(&resource.value)).collect::<Vec<_>>() {
            let set = &mut |value: &mut Value| match value {
                Value::String(text) => {
                    if pattern.matches(text) {
                        *text = renamed(text, image);
                    }
                    Ok(())
                }
                Value::Object(_) | Value::Array(_) => {
                    Err("expected the name of an image, found a map or a list".to_owned())
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
            };
            field
                .visit(&mut resource.value, Create::Nothing, set)
                .map_err(|error| format!("{}: {error}", resource.id()))?;
        }
    }
    Ok(())
}

/// Renames the images of `containers` and `initContainers` at any depth.
fn anywhere(value: &mut Value, rename: &dyn Fn(&str) -> Option<String>) -> Result<(), String> {
    match value {
        Value::Array(list) => list.iter_mut().try_for_each(|element| anywhere(element, rename)),
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                anywhere(value, rename)?;
                let (true, Value::Array(containers)) = (matches!(key.as_str(), "containers" | "initContainers"), value)
                else {
                    continue;
                };
                for container in containers {
                    match container {
                        Value::Null => {}
                        Value::Object(container) => match container.get_mut("image") {
                            Some(Value::String(text)) => {
                                if let Some(new) = rename(text) {
                                    *text = new;
                                }
                            }
                            Some(Value::Object(_) | Value::Array(_)) => {
                                return Err(format!("`image` in `{key}` is a map or a list; a name is wanted"));
                            }
                            _ => {}
                        },
                        _ => return Err(format!("an element of `{key}` is no map")),
                    }
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A name to compare with; kustomize takes it as a regular expression.
enum Pattern {
    /// A name in which only `.` means something to an expression: any character.
    Plain(String),
    Expression {
        /// What every match begins with.
        start: String,
        regex: Option<Expression>,
    },
}

impl Pattern {
    fn new(name: &str) -> Self {
        if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:".contains(&byte)) {
            return Self::Plain(name.to_owned());
        }
        let start = name.split(['.', '*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '\\', '^', '$']).next();
        let optional =
            start.is_some_and(|start| name[start.len()..].starts_with(['*', '?', '{', '|'])) || name.contains('|');
        let pattern =
            format!("^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{{}}-]*)?$");
        // A name that is no expression matches nothing, as in kustomize.
        Self::Expression {
            start: if optional { "" } else { start.unwrap_or("") }.to_owned(),
            regex: Expression::new(&pattern).ok(),
        }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Plain(name) => {
                let mut rest = text.chars();
                let fits = |want: char| rest.next().is_some_and(|got| got == want || (want == '.' && got != '\n'));
                name.chars().all(fits) && is_tag_and_digest(rest.as_str())
            }
            Self::Expression { start, regex } => {
                text.starts_with(start) && regex.as_ref().is_some_and(|regex| regex.is_match(text))
            }
        }
    }
}

/// Whether what follows a name is `:TAG`, `@ALGORITHM:DIGEST`, both or nothing, as the end of the expression has it.
fn is_tag_and_digest(rest: &str) -> bool {
    let word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.{}-".contains(&byte));
    let (tag, digest) = rest.split_once('@').map_or((rest, None), |(tag, digest)| (tag, Some(digest)));
    let names = |algorithm: &str| {
        let mut parts = algorithm.split(['.', '+', '_', '-']);
        parts.all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    (tag.is_empty() || tag.strip_prefix(':').is_some_and(word))
        && digest.is_none_or(|it| it.split_once(':').is_some_and(|(algorithm, hex)| names(algorithm) && word(hex)))
}

fn renamed(text: &str, image: &Image) -> String {
    let (name, mut tag, mut digest) = split(text);
    let mut tag_text = String::new();
    if !image.new_tag.is_empty() || !image.digest.is_empty() {
        (tag, digest) = (&image.new_tag, &image.digest);
    } else if !image.tag_suffix.is_empty() {
        tag_text = format!("{tag}{}", image.tag_suffix);
        digest = "";
    }
    if !tag_text.is_empty() {
        tag = &tag_text;
    }
    let mut result = if image.new_name.is_empty() { name } else { &image.new_name }.to_owned();
    for (separator, part) in [(':', tag), ('@', digest)] {
        if !part.is_empty() {
            result.push(separator);
            result.push_str(part);
        }
    }
    result
}

/// Name, tag and digest; a colon before the first slash belongs to a port.
fn split(image: &str) -> (&str, &str, &str) {
    let slash = image.find('/').filter(|&at| at > 0).unwrap_or(0);
    let at = image[slash..].find('@').map(|at| at + slash);
    let colon = image[slash..].find(':').map(|at| at + slash);
    match (colon, at) {
        (None, None) => (image, "", ""),
        (colon, Some(at)) if colon.is_none_or(|colon| at < colon) => (&image[..at], "", &image[at + 1..]),
        (Some(colon), Some(at)) => (&image[..colon], &image[colon + 1..at], &image[at + 1..]),
        (Some(colon), None) => (&image[..colon], &image[colon + 1..], ""),
        (None, Some(at)) => (&image[..at], "", &image[at + 1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, image: &Image, want: &str) {
        assert_eq!(renamed(text, image), want);
    }

    #[test]
    fn tag_and_digest_are_one_unit() {
        let image = |new_name: &str, new_tag: &str, digest: &str, tag_suffix: &str| Image {
            name: String::new(),
            new_name: new_name.into(),
            new_tag: new_tag.into(),
            digest: digest.into(),
            tag_suffix: tag_suffix.into(),
        };
        check("a:1", &image("", "2", "", ""), "a:2");
        check("a:1@sha256:x", &image("", "2", "", ""), "a:2");
        check("a:1", &image("b", "", "sha256:y", ""), "b@sha256:y");
        check("r:5000/a", &image("", "2", "", ""), "r:5000/a:2");
        check("a:1@sha256:x", &image("b", "", "", ""), "b:1@sha256:x");
        check("a:1", &image("", "", "", "-x"), "a:1-x");
    }

    #[test]
    fn a_name_is_an_anchored_expression() {
        assert!(Pattern::new("nginx").matches("nginx:1.2"));
        assert!(!Pattern::new("nginx").matches("nginx-x:1.2"));
        assert!(Pattern::new("my.*").matches("myapp@sha256:abc"));
        assert!(!Pattern::new("a(").matches("a("));
        let plain = |name: &str| Pattern::new(name);
        let expression = |name: &str| Pattern::new(&format!("(?:{name})"));
        for name in ["ghcr.io/a/b", "nginx", "r:5000/x", "é", ""] {
            for text in [
                "ghcr.io/a/b",
                "ghcrXio/a/b:1",
                "ghcréio/a/b@sha256:0f",
                "nginx:",
                "nginx:@a:",
                "nginx:1@sha256:x",
                "nginx@",
                "nginx:1:2",
                "nginx@a.b+c:",
                "nginx@a..b:c",
                "nginx@:c",
                "r:5000/x:{}",
                "nginx\n",
                "é:1",
                ":1",
                "",
            ] {
                assert_eq!(plain(name).matches(text), expression(name).matches(text), "{name} {text}");
            }
        }
    }
}
