//! The submodules of a commit, and theirs.

use super::{Plan, Remote};
use crate::checkout::{Found, Sparse};
use crate::error::Error;
use crate::listing::Freshness;
use crate::pack::{Interrupt, Pack};
use crate::protocol::Wants;
use crate::refs::{Reference, Resolved};
use crate::submodule::{Submodule, in_submodule, submodules};
use crate::url::Scheme;
use gix::ObjectId;
use sluice_tree::TreeBuilder;
use std::sync::Arc;

impl Remote {
    /// Checks out the submodules of `commit` and theirs, each once, one after the other.
    pub(super) async fn get_submodules(
        &self,
        found: &Found,
        commit: ObjectId,
        mut builder: TreeBuilder,
    ) -> Result<TreeBuilder, Error> {
        let limits = &self.shared.config.limits;
        let root = Arc::new(Level { parent: None, url: self.url.to_string(), commit });
        let mut open: Vec<Task> = tasks(found, self, &root, "", 1)?;
        let mut done = 0;
        while let Some(task) = open.pop() {
            let failed = |err| in_submodule(&task.path, err);
            done += 1;
            if done > limits.submodules || task.depth > limits.submodule_depth {
                let (what, limit) = if done > limits.submodules {
                    ("submodules (limit `submodules`)", limits.submodules)
                } else {
                    ("submodules in submodules (limit `submodule_depth`)", limits.submodule_depth)
                };
                let url = self.url.to_string();
                return Err(failed(Error::Limit { url, what, limit: limit as u64, found: "there are more".into() }));
            }
            let Task { remote, path, commit, level, depth } = &task;
            if self.shared.config.same_host_submodules && remote.url.host() != self.url.host() {
                let what = format!("a submodule of another host (`{}`)", remote.url);
                return Err(failed(Error::Unsupported { url: self.url.to_string(), what }));
            }
            if level.holds(&remote.url.to_string(), *commit) {
                let what = format!("a submodule that holds itself (`{}`)", remote.url);
                return Err(failed(Error::Unsupported { url: self.url.to_string(), what }));
            }
            let resolved = Resolved { commit: *commit, tag: None, name: None };
            let out = remote.get_pinned(&resolved, path, builder).await.map_err(failed)?;
            builder = out.0;
            let level =
                Arc::new(Level { parent: Some(Arc::clone(level)), url: remote.url.to_string(), commit: *commit });
            open.extend(tasks(&out.1, remote, &level, path, depth + 1)?);
        }
        Ok(builder)
    }

    /// Checks out a commit that another repository names: no branch need have it.
    async fn get_pinned(
        &self,
        resolved: &Resolved,
        prefix: &str,
        builder: TreeBuilder,
    ) -> Result<(TreeBuilder, Found), Error> {
        // Any reference but a commit: where it is on a branch is not asked.
        if self.url.scheme() == Scheme::File {
            let (_, builder, found) = self.get_one(&Reference::Head, resolved, prefix, &[], builder).await?;
            return Ok((builder, found));
        }
        let alone = Wants { ids: vec![resolved.commit], shallow: true, ..Wants::default() };
        let spool = match self.receive(alone).await {
            Err(Error::Refused { .. }) => {
                let refs = self.list(&["refs/heads/".to_owned(), "refs/tags/".to_owned()], Freshness::Recent).await?;
                let ids = refs.iter().map(|(_, it)| it.commit()).collect();
                self.receive(Wants { ids, ..Wants::default() }).await?.0
            }
            other => other?.0,
        };
        let plan = Plan {
            resolved: resolved.clone(),
            prefix: prefix.to_owned(),
            sparse: Sparse::default(),
            url: self.url.to_string(),
        };
        let limits = self.shared.config.limits.clone();
        let work = move |pack: Pack, interrupt: &Interrupt| plan.run(&pack, builder, &limits, interrupt);
        let (_, builder, found) = self.with_pack(spool, work).await?;
        Ok((builder, found))
    }
}

/// A submodule that waits for its checkout.
struct Task {
    remote: Remote,
    path: String,
    commit: ObjectId,
    level: Arc<Level>,
    depth: usize,
}

/// The repositories that a submodule is in, from the inside out.
struct Level {
    parent: Option<Arc<Level>>,
    url: String,
    commit: ObjectId,
}

impl Level {
    fn holds(&self, url: &str, commit: ObjectId) -> bool {
        let mut at = Some(self);
        while let Some(level) = at {
            if level.url == url && level.commit == commit {
                return true;
            }
            at = level.parent.as_deref();
        }
        false
    }
}

fn tasks(found: &Found, parent: &Remote, level: &Arc<Level>, prefix: &str, depth: usize) -> Result<Vec<Task>, Error> {
    let here = |path: &str| if prefix.is_empty() { path.to_owned() } else { format!("{prefix}/{path}") };
    let listed = submodules(found.gitmodules.as_deref(), &found.gitlinks, &parent.url)?;
    let task = |Submodule { path, url, commit }: Submodule| {
        let path = here(&path);
        let access = parent.access.narrowed(&parent.url, &url).checked(&url).map_err(|err| in_submodule(&path, err))?;
        let remote = Remote { url, access, ..parent.clone() };
        Ok(Task { remote, path, commit, level: Arc::clone(level), depth })
    };
    listed.into_iter().map(task).collect()
}
