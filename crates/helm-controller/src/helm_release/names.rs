//! What a release is called, and where it is (spec/flux/helm.md §1).

use sha2::{Digest, Sha256};
use sluice_api::helm::HelmRelease;

/// Helm takes no longer names.
const LONGEST: usize = 53;

/// `[<targetNamespace>-]<name>` unless another name is given; a name that is too long keeps its beginning and gets a
/// piece of its digest.
#[must_use]
pub fn release_name(object: &HelmRelease) -> String {
    let spec = &object.spec;
    if !spec.release_name.is_empty() {
        return spec.release_name.clone();
    }
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let whole = match spec.target_namespace.as_str() {
        "" => name.to_owned(),
        namespace => format!("{namespace}-{name}"),
    };
    shortened(whole)
}

fn shortened(name: String) -> String {
    if name.len() <= LONGEST {
        return name;
    }
    let digest = hex::encode(Sha256::digest(&name));
    format!("{}-{}", &name[..name.floor_char_boundary(40)], &digest[..12])
}

/// Where the objects go.
#[must_use]
pub fn release_namespace(object: &HelmRelease) -> &str {
    or_own(object, &object.spec.target_namespace)
}

/// Where the records go.
#[must_use]
pub fn storage_namespace(object: &HelmRelease) -> &str {
    or_own(object, &object.spec.storage_namespace)
}

fn or_own<'a>(object: &'a HelmRelease, namespace: &'a str) -> &'a str {
    if namespace.is_empty() { object.metadata.namespace.as_deref().unwrap_or_default() } else { namespace }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_its_beginning_and_a_piece_of_its_digest() {
        assert_eq!(shortened("web".to_owned()), "web");
        let long = "a".repeat(54);
        let short = shortened(long.clone());
        assert_eq!(short.len(), 53);
        assert_eq!(short, format!("{}-{}", "a".repeat(40), &hex::encode(Sha256::digest(long))[..12]));
    }

    #[test]
    fn the_target_namespace_is_part_of_the_name() {
        let mut object = HelmRelease::default();
        object.metadata.name = Some("web".to_owned());
        object.metadata.namespace = Some("apps".to_owned());
        assert_eq!((release_name(&object).as_str(), release_namespace(&object)), ("web", "apps"));
        object.spec.target_namespace = "prod".to_owned();
        assert_eq!((release_name(&object).as_str(), release_namespace(&object)), ("prod-web", "prod"));
        assert_eq!(storage_namespace(&object), "apps");
    }
}
