//! Install.

use serde_json::json;
use sluice_apply::Located;
use sluice_helm::release::{Record, Status};
use sluice_object::{GroupVersionKind, ObjectRef};

use crate::error::{Failure, Wrong, text};
use crate::render::Chosen;
use crate::write::Method;
use crate::{Install, Release, latest, now};

impl Release<'_> {
    /// Installs a chart. `history` is what is stored of the release.
    ///
    /// # Errors
    /// See [`Failure`]; what failed after the record was made is stored as `failed`.
    pub async fn install(&self, chosen: &Chosen, options: &Install, history: &[Record]) -> Result<Record, Failure> {
        let last = latest(history);
        let reused = matches!(last.map(Record::status), Some(Status::Uninstalled | Status::Failed));
        if last.is_some() && !(options.replace && reused) {
            return Err(Failure::new("release name check failed: cannot reuse a name that is still in use"));
        }
        let version = last.map_or(1, |last| last.version + 1);
        let revision = sluice_helm::Release {
            name: self.name.to_owned(),
            namespace: self.namespace.to_owned(),
            revision: version,
            is_upgrade: false,
        };
        let crds = crate::crds::labelled(chosen).map_err(Failure::new)?;
        self.apply_crds(&crds, options.crds).await.map_err(stopped)?;
        let rendered = self.render(chosen, &revision, options.skip_schema).await.map_err(Failure::new)?;
        let mut record = Record::pending(&chosen.chart, &chosen.values, &rendered, &revision, &now());
        let method = if options.server_side { Method::Apply } else { Method::Merge { force: false } };
        record.apply_method = if options.server_side { "ssa" } else { "csa" }.to_owned();
        record.labels.clone_from(&options.labels);
        if options.create_namespace {
            self.create_namespace().await.map_err(Failure::new)?;
        }
        let build =
            |why: String| Failure::new(format!("unable to build kubernetes objects from release manifest: {why}"));
        let objects = self.objects(&record.manifest).await.map_err(build)?;
        let unable = |why: String| Failure::new(format!("unable to continue with install: {why}"));
        let live = self.look(&objects, &[], options.take_ownership).await.map_err(unable)?;
        self.check_stop().map_err(|why| stopped(why.into()))?;
        if let Some(last) = last {
            let mut last = last.clone();
            last.set(Status::Superseded, None);
            self.storage().update(&last).await.map_err(Failure::new)?;
        }
        self.storage().create(&record, history, self.max_history).await.map_err(Failure::new)?;
        let outcome = async {
            if options.hooks {
                let hooks = self.run_hooks(&mut record, "pre-install", options.timeout, &|_| true);
                hooks.await.map_err(|wrong| wrong.during("failed pre-install"))?;
            }
            let mut changes = Vec::with_capacity(objects.len());
            self.write(&objects, &live, &[], method, &mut changes).await?;
            self.ready(&changes, options.wait, options.timeout).await?;
            if options.hooks {
                let hooks = self.run_hooks(&mut record, "post-install", options.timeout, &|_| true);
                hooks.await.map_err(|wrong| wrong.during("failed post-install"))?;
            }
            Ok::<(), Wrong>(())
        };
        if let Err(wrong) = outcome.await {
            let described = format!("Release \"{}\" failed: {}", self.name, wrong.message);
            record.set(Status::Failed, Some(described));
            return Err(self.failed(wrong, record).await);
        }
        let described = options.description.clone().unwrap_or_else(|| "Install complete".to_owned());
        record.set(Status::Deployed, Some(described));
        self.storage().update(&record).await.map_err(|why| Failure::new(why).with(&record))?;
        Ok(record)
    }

    /// Stores a record that failed; the failure has the message of what went wrong.
    pub(crate) async fn failed(&self, wrong: Wrong, record: Record) -> Failure {
        let message = wrong.message.clone();
        match self.storage().update(&record).await {
            Ok(()) => wrong.failure(message, &record),
            Err(why) => wrong.failure(format!("{message}; and it could not be recorded: {why}"), &record),
        }
    }

    async fn create_namespace(&self) -> Result<(), String> {
        let gvk = GroupVersionKind::new("", "v1", "Namespace");
        let object = ObjectRef { gvk, namespace: String::new(), name: self.namespace.to_owned() };
        let Some(at): Option<Located> = self.applier.locate(&object, "").await.map_err(|error| text(&error))? else {
            return Ok(());
        };
        let desired = json!({"apiVersion": "v1", "kind": "Namespace",
                             "metadata": {"name": self.namespace, "labels": {"name": self.namespace}}});
        match self.applier.create(&at, &desired).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => Err(text(&error)),
        }
    }
}

/// A failure before anything was stored.
pub(crate) fn stopped(wrong: Wrong) -> Failure {
    Failure { message: wrong.message, record: None, objects: wrong.objects, interrupted: wrong.interrupted }
}

/// What every action does to a record.
pub(crate) trait Set {
    /// Sets how the release stands.
    fn set(&mut self, status: Status, description: Option<String>);
}

impl Set for Record {
    fn set(&mut self, status: Status, description: Option<String>) {
        let info = self.info.get_or_insert_default();
        info.status = status;
        if description.is_some() {
            info.description = description;
        }
    }
}
