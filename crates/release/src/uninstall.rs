//! Uninstall.

use sluice_helm::release::{Record, Status};
use tracing::debug;

use crate::error::{Failure, text};
use crate::install::Set;
use crate::objects::{is_kept, sort_for_uninstall};
use crate::{Release, Uninstall, latest, now};

impl Release<'_> {
    /// Deletes the objects of a release, and its records unless they are to be kept. `history` is what is stored.
    ///
    /// # Errors
    /// See [`Failure`].
    pub async fn uninstall(&self, options: &Uninstall, history: &[Record]) -> Result<Record, Failure> {
        let last = latest(history).ok_or_else(|| Failure::new("release: not found"))?;
        if last.status() == Status::Uninstalled {
            if options.keep_history {
                return Err(Failure::new(format!("the release named \"{}\" is already deleted", self.name)));
            }
            self.purge(history).await.map_err(Failure::new)?;
            return Ok(last.clone());
        }
        let mut record = last.clone();
        record.set(Status::Uninstalling, Some("Deletion in progress (or silently failed)".to_owned()));
        record.info.get_or_insert_default().deleted = Some(now());
        if options.hooks {
            let hooks = self.run_hooks(&mut record, "pre-delete", options.timeout, &|_| true).await;
            hooks.map_err(|wrong| {
                let message = wrong.message.clone();
                wrong.failure(message, &record)
            })?;
        }
        self.storage().update(&record).await.map_err(|why| Failure::new(why).with(last))?;
        let failed = |why: String| Failure {
            interrupted: self.stop.is_cancelled(),
            ..Failure::new(format!("failed to delete release: {}: {why}", self.name)).with(&record)
        };
        let mut objects = self.objects_that_are(&record.manifest).await.map_err(failed)?;
        sort_for_uninstall(&mut objects);
        let mut going = Vec::new();
        let mut errors = Vec::new();
        for object in objects.into_iter().filter(|it| !is_kept(&it.desired)) {
            self.check_stop().map_err(failed)?;
            match self.applier.delete_one(&object.at, None, options.propagation.clone()).await {
                Ok(true) => going.push(object),
                Ok(false) => debug!(object = %object.at.object, "it is gone already"),
                Err(error) => errors.push(text(&error)),
            }
        }
        if !errors.is_empty() {
            return Err(failed(errors.join(", ")));
        }
        if options.wait {
            self.gone(&going, options.timeout).await.map_err(failed)?;
        }
        if options.hooks {
            let hooks = self.run_hooks(&mut record, "post-delete", options.timeout, &|_| true).await;
            hooks.map_err(|wrong| {
                let message = wrong.message.clone();
                wrong.failure(message, &record)
            })?;
        }
        record.set(Status::Uninstalled, Some("Uninstallation complete".to_owned()));
        if options.keep_history {
            self.storage().update(&record).await.map_err(|why| Failure::new(why).with(&record))?;
        } else {
            self.purge(history).await.map_err(|why| Failure::new(why).with(&record))?;
        }
        Ok(record)
    }

    /// Deletes all records, the newest last: whoever is killed meanwhile finds that the release is being uninstalled.
    async fn purge(&self, history: &[Record]) -> Result<(), String> {
        for record in history {
            self.storage().delete(record.version).await?;
        }
        Ok(())
    }

    /// Marks a release that died in the middle of an action as failed, so that the next action may start.
    ///
    /// # Errors
    /// The API server's.
    pub async fn unlock(&self, record: &Record) -> Result<Record, Failure> {
        let mut record = record.clone();
        let described = format!("Release unlocked from stale '{}' state", record.status().as_str());
        record.set(Status::Failed, Some(described));
        self.storage().update(&record).await.map_err(Failure::new)?;
        Ok(record)
    }
}
