//! What the built-in definitions and fields are for, in English. Kept apart and deflated: only OpenAPI documents and
//! `kubectl explain` want it.

use std::io::Read;

use super::Definition;

static BLOB: &[u8] = include_bytes!("descriptions.zlib");

/// The descriptions, inflated: about 1 MB while it lives.
pub struct Descriptions(Vec<String>);

/// The embedded descriptions cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("built-in descriptions: {0}")]
pub struct DescriptionsError(#[from] std::io::Error);

/// Inflates the descriptions. Keep them no longer than needed.
///
/// # Errors
/// When the program was built with a damaged file.
pub fn descriptions() -> Result<Descriptions, DescriptionsError> {
    let mut text = String::new();
    flate2::read::ZlibDecoder::new(BLOB).read_to_string(&mut text)?;
    let lines = text.lines().map(|line| serde_json::from_str(line).map_err(std::io::Error::from));
    Ok(Descriptions(lines.collect::<Result<_, _>>()?))
}

impl Descriptions {
    /// What a definition is for; empty where nothing is said.
    #[must_use]
    pub fn definition(&self, definition: Definition<'_>) -> &str {
        self.line(definition.description())
    }

    /// What a field of a definition is for; empty where nothing is said.
    #[must_use]
    pub fn field(&self, definition: Definition<'_>, field: &str) -> &str {
        let at = definition.node().fields().position(|(name, _)| name == field);
        at.map_or("", |at| self.line(definition.description() + 1 + at))
    }

    fn line(&self, at: usize) -> &str {
        self.0.get(at).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::builtin;

    #[test]
    fn descriptions_belong_to_their_fields() {
        let all = descriptions().unwrap();
        let spec = builtin().definition("io.k8s.api.apps.v1.DeploymentSpec").unwrap();
        assert!(all.definition(spec).starts_with("DeploymentSpec is the specification"));
        assert!(all.field(spec, "replicas").starts_with("Number of desired pods."));
        let last = builtin().definitions().last().unwrap();
        let lines = last.description() + 1 + last.node().fields().len();
        assert_eq!(lines, all.0.len());
    }
}
