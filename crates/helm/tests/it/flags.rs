//! The flags of `helm template` that recorded cases have.

use serde_json::Value;
use sluice_helm::values::ValueFlags;
use sluice_helm::{Capabilities, KubeVersion, Limits, Release, RenderOptions};

/// What they say.
#[derive(Default)]
pub struct Flags {
    pub values: ValueFlags,
    pub show: Vec<String>,
    pub crds: bool,
    pub no_hooks: bool,
    pub skip_tests: bool,
    pub upgrade: bool,
    skip_schema: bool,
    capabilities: Capabilities,
}

impl Flags {
    pub fn parse(flags: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut found = Flags::default();
        let mut flags = flags.into_iter();
        while let Some(flag) = flags.next() {
            let (name, given) = match flag.split_once('=') {
                Some((name, value)) if flag.starts_with("--") => (name.to_owned(), Some(value.to_owned())),
                _ => (flag.clone(), None),
            };
            let mut value = || given.clone().unwrap_or_else(|| flags.next().unwrap());
            match name.as_str() {
                "--set" => found.values.set.push(value()),
                "--set-string" => found.values.string.push(value()),
                "--set-json" => found.values.json.push(value()),
                "--set-file" => found.values.file.push(value()),
                "--set-literal" => found.values.literal.push(value()),
                "--kube-version" => {
                    let version = value();
                    let parsed = KubeVersion::parse(&version);
                    let parsed = parsed.map_err(|why| format!("invalid kube version '{version}': {why}"))?;
                    found.capabilities.kube_version = parsed;
                }
                "--api-versions" | "-a" => {
                    found.capabilities.api_versions.extend(value().split(',').map(str::to_owned));
                }
                "--show-only" | "-s" => found.show.push(value()),
                "--include-crds" => found.crds = true,
                "--is-upgrade" => found.upgrade = true,
                "--no-hooks" => found.no_hooks = true,
                "--skip-tests" => found.skip_tests = true,
                "--skip-schema-validation" => found.skip_schema = true,
                // Helm still prints what --include-crds asked for.
                "--skip-crds" => {}
                other => return Err(format!("flag {other}")),
            }
        }
        Ok(found)
    }

    pub fn options(&self, release: &str, namespace: &str) -> RenderOptions {
        RenderOptions {
            release: Release {
                name: release.to_owned(),
                namespace: namespace.to_owned(),
                revision: 1,
                is_upgrade: self.upgrade,
            },
            capabilities: self.capabilities.clone(),
            lookup: None,
            skip_schema: self.skip_schema,
            sub_notes: false,
            limits: Limits::default(),
        }
    }
}

/// The texts of a list.
pub fn strings(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.map(|it| it.as_str().unwrap().to_owned()).collect()
}
