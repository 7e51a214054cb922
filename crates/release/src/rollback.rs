//! Rollback.

use sluice_apply::Change;
use sluice_helm::release::{Info, Record, Status};

use crate::error::{Failure, Wrong};
use crate::install::{Set, stopped};
use crate::upgrade::{applied_by, method};
use crate::{Release, Rollback, latest, now};

impl Release<'_> {
    /// Makes a new revision that is as an earlier one was. `history` is what is stored of the release.
    ///
    /// # Errors
    /// See [`Failure`]; what failed after the record was made is stored as `failed`.
    pub async fn rollback(&self, options: &Rollback, history: &[Record]) -> Result<Record, Failure> {
        let current = latest(history).ok_or_else(|| Failure::new("release: not found"))?;
        if current.status().is_pending() {
            return Err(Failure::new("another operation (install/upgrade/rollback) is in progress"));
        }
        let target = history.iter().find(|record| record.version == options.version);
        let target = target.ok_or_else(|| Failure::new(format!("release has no {} version", options.version)))?;
        let method = method(options.server_side, options.force, current);
        let info = current.info.clone().unwrap_or_default();
        let mut record = Record {
            name: current.name.clone(),
            namespace: current.namespace.clone(),
            chart: target.chart.clone(),
            config: target.config.clone(),
            manifest: target.manifest.clone(),
            hooks: target.hooks.clone(),
            version: current.version + 1,
            labels: target.labels.clone(),
            apply_method: applied_by(method).to_owned(),
            info: Some(Info {
                first_deployed: info.first_deployed,
                last_deployed: Some(now()),
                status: Status::PendingRollback,
                description: Some(format!("Rollback to {}", options.version)),
                notes: target.info.as_ref().and_then(|info| info.notes.clone()),
                ..Info::default()
            }),
            ..Record::default()
        };
        let build = |which: &str, why: String| {
            Failure::new(format!("unable to build kubernetes objects from {which} release manifest: {why}"))
        };
        let before = self.objects_that_are(&current.manifest).await.map_err(|why| build("current", why))?;
        let objects = self.objects(&record.manifest).await.map_err(|why| build("new", why))?;
        let live = self.look(&objects, &before, true).await.map_err(Failure::new)?;
        self.check_stop().map_err(|why| stopped(why.into()))?;
        self.storage().create(&record, history, self.max_history).await.map_err(Failure::new)?;
        let mut changes: Vec<Change> = Vec::with_capacity(objects.len());
        let outcome = async {
            if options.hooks {
                self.run_hooks(&mut record, "pre-rollback", options.timeout, &|_| true).await?;
            }
            self.write(&objects, &live, &before, method, &mut changes).await?;
            self.delete_gone(before, &objects).await;
            self.ready(&changes, options.wait, options.timeout).await?;
            if options.hooks {
                self.run_hooks(&mut record, "post-rollback", options.timeout, &|_| true).await?;
            }
            Ok::<(), Wrong>(())
        };
        let outcome = outcome.await;
        for deployed in history.iter().filter(|it| it.status() == Status::Deployed) {
            let mut superseded = deployed.clone();
            superseded.set(Status::Superseded, None);
            self.storage().update(&superseded).await.map_err(|why| Failure::new(why).with(&record))?;
        }
        if let Err(wrong) = outcome {
            record.set(Status::Failed, Some(format!("Release \"{}\" failed: {}", self.name, wrong.message)));
            if options.cleanup_on_fail {
                self.clean_up(&objects, &changes).await;
            }
            return Err(self.failed(wrong, record).await);
        }
        record.set(Status::Deployed, None);
        self.storage().update(&record).await.map_err(|why| Failure::new(why).with(&record))?;
        Ok(record)
    }
}
