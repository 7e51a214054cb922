//! Upgrade.

use std::sync::Arc;

use serde_json::{Map, Value};
use sluice_apply::Change;
use sluice_helm::release::{Record, Status};

use crate::error::{Failure, Wrong};
use crate::install::{Set, stopped};
use crate::render::Chosen;
use crate::write::Method;
use crate::{Release, ServerSide, Upgrade, latest, now};

impl Release<'_> {
    /// Makes a new revision of a release. `history` is what is stored of it.
    ///
    /// # Errors
    /// See [`Failure`]; what failed after the record was made is stored as `failed`.
    pub async fn upgrade(&self, chosen: &Chosen, options: &Upgrade, history: &[Record]) -> Result<Record, Failure> {
        let no_release = || Failure::new(format!("\"{}\" has no deployed releases", self.name));
        let last = latest(history).ok_or_else(no_release)?;
        if last.status().is_pending() {
            return Err(Failure::new("another operation (install/upgrade/rollback) is in progress"));
        }
        let current = current(history).ok_or_else(no_release)?;
        let mut chosen = chosen.clone();
        if options.reuse_values {
            chosen.values = reused(current, &chosen.values);
            chosen.chart.values = Arc::new(defaults(current));
        }
        let revision = sluice_helm::Release {
            name: self.name.to_owned(),
            namespace: current.namespace.clone(),
            revision: last.version + 1,
            is_upgrade: true,
        };
        let crds = crate::crds::labelled(&chosen).map_err(Failure::new)?;
        self.apply_crds(&crds, options.crds).await.map_err(stopped)?;
        let rendered = self.render(&chosen, &revision, options.skip_schema).await.map_err(Failure::new)?;
        let mut record = Record::pending(&chosen.chart, &chosen.values, &rendered, &revision, &now());
        let method = method(options.server_side, options.force, last);
        record.apply_method = applied_by(method).to_owned();
        if let (Some(info), Some(before)) = (record.info.as_mut(), current.info.as_ref()) {
            info.first_deployed.clone_from(&before.first_deployed);
        }
        record.labels.clone_from(&last.labels);
        record.labels.extend(options.labels.clone());
        let build = |which: &str, why: String| {
            Failure::new(format!("unable to build kubernetes objects from {which} release manifest: {why}"))
        };
        // A kind that is gone from the cluster has taken its objects along; Helm stops here, we go on.
        let before = self.objects_that_are(&current.manifest).await.map_err(|why| build("current", why))?;
        let objects = self.objects(&record.manifest).await.map_err(|why| build("new", why))?;
        let unable = |why: String| Failure::new(format!("unable to continue with update: {why}"));
        let live = self.look(&objects, &before, options.take_ownership).await.map_err(unable)?;
        self.check_stop().map_err(|why| stopped(why.into()))?;
        self.storage().create(&record, history, self.max_history).await.map_err(Failure::new)?;
        let mut changes: Vec<Change> = Vec::with_capacity(objects.len());
        let outcome = async {
            if options.hooks {
                let hooks = self.run_hooks(&mut record, "pre-upgrade", options.timeout, &|_| true);
                hooks.await.map_err(|wrong| wrong.during("pre-upgrade hooks failed"))?;
            }
            self.write(&objects, &live, &before, method, &mut changes).await?;
            self.delete_gone(before, &objects).await;
            self.ready(&changes, options.wait, options.timeout).await?;
            if options.hooks {
                let hooks = self.run_hooks(&mut record, "post-upgrade", options.timeout, &|_| true);
                hooks.await.map_err(|wrong| wrong.during("post-upgrade hooks failed"))?;
            }
            Ok::<(), Wrong>(())
        };
        if let Err(wrong) = outcome.await {
            record.set(Status::Failed, Some(format!("Upgrade \"{}\" failed: {}", self.name, wrong.message)));
            if options.cleanup_on_fail {
                self.clean_up(&objects, &changes).await;
            }
            return Err(self.failed(wrong, record).await);
        }
        // One that failed stays so, otherwise than in Helm: it is nothing to go back to.
        if current.status() == Status::Deployed {
            let mut superseded = current.clone();
            superseded.set(Status::Superseded, None);
            self.storage().update(&superseded).await.map_err(|why| Failure::new(why).with(&record))?;
        }
        let described = options.description.clone().unwrap_or_else(|| "Upgrade complete".to_owned());
        record.set(Status::Deployed, Some(described));
        self.storage().update(&record).await.map_err(|why| Failure::new(why).with(&record))?;
        Ok(record)
    }
}

/// The revision that an upgrade starts from: the one that is deployed, else the last if it failed or was superseded.
fn current(history: &[Record]) -> Option<&Record> {
    let deployed = history.iter().rev().find(|record| record.status() == Status::Deployed);
    deployed.or_else(|| latest(history).filter(|it| matches!(it.status(), Status::Failed | Status::Superseded)))
}

pub(crate) fn method(wanted: ServerSide, force: bool, last: &Record) -> Method {
    match wanted {
        ServerSide::Yes => Method::Apply,
        ServerSide::No => Method::Merge { force },
        ServerSide::Auto if last.apply_method == "ssa" => Method::Apply,
        ServerSide::Auto => Method::Merge { force },
    }
}

pub(crate) fn applied_by(method: Method) -> &'static str {
    match method {
        Method::Apply => "ssa",
        Method::Merge { .. } => "csa",
    }
}

/// The values of a revision under new ones.
fn reused(current: &Record, values: &Map<String, Value>) -> Map<String, Value> {
    let mut merged = current.config.clone().unwrap_or_default();
    sluice_helm::values::overlay(&mut merged, values.clone());
    merged
}

/// What stood in for defaults in a revision: as Helm does it, those of its chart under its values. A default that is new in
/// the chart comes in no more.
fn defaults(current: &Record) -> Map<String, Value> {
    let mut values = current.chart.as_ref().and_then(|chart| chart.values.clone()).unwrap_or_default();
    sluice_helm::values::overlay(&mut values, current.config.clone().unwrap_or_default());
    without_nulls(&mut values);
    values
}

fn without_nulls(values: &mut Map<String, Value>) {
    values.retain(|_, value| !value.is_null());
    values.values_mut().filter_map(Value::as_object_mut).for_each(without_nulls);
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluice_helm::release::{ChartRecord, Info};

    use super::*;

    #[test]
    fn values_that_are_kept_hide_new_defaults() {
        let map = |value: Value| value.as_object().cloned();
        let chart = ChartRecord { values: map(json!({"a": 1, "b": {"c": 1, "d": 2}})), ..ChartRecord::default() };
        let config = map(json!({"a": null, "b": {"c": 3}}));
        let current = Record { chart: Some(chart), config, ..Record::default() };
        assert_eq!(Value::Object(defaults(&current)), json!({"b": {"c": 3, "d": 2}}));
    }

    fn record(version: i64, status: Status) -> Record {
        Record { version, info: Some(Info { status, ..Info::default() }), ..Record::default() }
    }

    #[test]
    fn an_upgrade_starts_from_what_is_deployed() {
        let check = |history: &[Record], want: Option<i64>| {
            assert_eq!(current(history).map(|it| it.version), want);
        };
        check(&[record(1, Status::Deployed), record(2, Status::Failed)], Some(1));
        check(&[record(1, Status::Superseded), record(2, Status::Failed)], Some(2));
        check(&[record(1, Status::Uninstalled)], None);
        check(&[], None);
    }
}
