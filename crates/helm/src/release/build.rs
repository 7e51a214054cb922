//! A record of what a rendering made.

use serde_json::{Map, Value};

use super::{ChartRecord, FileRecord, HookRecord, Info, Record, Status};
use crate::{Chart, Hook, Release, Rendered};

impl Record {
    /// The record of a revision that is about to be installed: `pending-install`, or `pending-upgrade`. `now` is the
    /// time as Helm writes it (RFC 3339 with nanoseconds); it is the first installation's too, which an upgrade
    /// replaces by that of the revision before.
    #[must_use]
    pub fn pending(
        chart: &Chart,
        config: &Map<String, Value>,
        rendered: &Rendered,
        release: &Release,
        now: &str,
    ) -> Self {
        let (status, description) = match release.is_upgrade {
            true => (Status::PendingUpgrade, "Preparing upgrade"),
            false => (Status::PendingInstall, "Initial install underway"),
        };
        let info = Info {
            first_deployed: Some(now.to_owned()),
            last_deployed: Some(now.to_owned()),
            description: Some(description.to_owned()),
            status,
            notes: Some(rendered.notes.clone()).filter(|notes| !notes.is_empty()),
            ..Info::default()
        };
        Self {
            name: release.name.clone(),
            info: Some(info),
            chart: Some(ChartRecord::of(rendered.chart.as_ref().unwrap_or(chart))),
            config: Some(config.clone()).filter(|config| !config.is_empty()),
            manifest: rendered.manifest(false),
            hooks: Some(rendered.hooks.iter().map(HookRecord::of).collect::<Vec<_>>())
                .filter(|hooks| !hooks.is_empty()),
            version: release.revision,
            namespace: release.namespace.clone(),
            apply_method: "ssa".to_owned(),
            ..Self::default()
        }
    }
}

impl ChartRecord {
    /// A chart without its dependencies, which Helm does not keep either.
    #[must_use]
    pub fn of(chart: &Chart) -> Self {
        let files = |files: &[crate::File]| Some(files.iter().map(FileRecord::of).collect::<Vec<_>>());
        Self {
            metadata: Some((&chart.metadata).into()),
            lock: chart.lock.as_ref().map(|lock| {
                serde_json::json!({
                    "generated": lock.generated, "digest": lock.digest, "dependencies": lock.dependencies,
                })
            }),
            templates: files(&chart.templates),
            values: Some((*chart.values).clone()),
            schema: chart
                .schema
                .as_ref()
                .map(|schema| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, schema)),
            files: files(&chart.files),
            ..Self::default()
        }
    }
}

impl HookRecord {
    /// A hook that has not run yet.
    #[must_use]
    pub fn of(hook: &Hook) -> Self {
        let list = |list: &[String]| Some(list.to_vec()).filter(|list| !list.is_empty());
        Self {
            name: hook.name.clone(),
            kind: hook.kind.clone(),
            path: hook.path.clone(),
            manifest: hook.manifest.clone(),
            events: list(&hook.events),
            weight: hook.weight,
            delete_policies: list(&hook.delete_policies),
            output_log_policies: list(&hook.output_log_policies),
            ..Self::default()
        }
    }
}
