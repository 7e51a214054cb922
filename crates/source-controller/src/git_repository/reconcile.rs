//! One pass over a GitRepository (spec/flux/source.md §2): is there something new, and if so, what is in it.

use std::time::Duration;

use sluice_api::meta::Artifact;
use sluice_api::source::{GitRepository, GitRepositoryStatus};
use sluice_git::{FetchOptions, Freshness, Reference, Remote, Resolved};
use tracing::debug;

use super::{access, include, publish};
use crate::context::{Context, Shared};
use crate::source::failure::{Aspect, Failure};
use crate::source::{Known, Made, Outcome, Source, is_awaited};

/// The branch of a repository that names none (spec/flux/source.md §2).
const DEFAULT_BRANCH: &str = "master";

impl Source for GitRepository {
    type State = GitRepositoryStatus;
    /// The artifacts of the included repositories.
    type Observed = Vec<Artifact>;
    const KIND: &'static str = "GitRepository";
    const LINK: Option<&'static str> = None;

    fn known(ctx: &Shared) -> &Known<Self> {
        &ctx.git_repositories
    }

    fn state(&self) -> &GitRepositoryStatus {
        &self.status
    }

    fn state_mut(&mut self) -> &mut GitRepositoryStatus {
        &mut self.status
    }

    fn artifact(state: &GitRepositoryStatus) -> Option<&Artifact> {
        state.artifact.as_ref()
    }

    fn set_artifact(state: &mut GitRepositoryStatus, artifact: Option<Artifact>, _link: Option<String>) {
        state.artifact = artifact;
    }

    /// The fields that a later pass compares the specification with.
    fn observe(&self, state: &mut GitRepositoryStatus, included: Vec<Artifact>) {
        state.included_artifacts = included;
        state.observed_ignore.clone_from(&self.spec.ignore);
        state.observed_recurse_submodules = self.spec.recurse_submodules;
        state.observed_include.clone_from(&self.spec.include);
        state.observed_sparse_checkout.clone_from(&self.spec.sparse_checkout);
    }

    fn is_suspended(&self) -> bool {
        self.spec.suspend
    }

    fn interval(&self) -> Option<Duration> {
        self.spec.interval.to_std().ok()
    }

    fn asks_for_verification(&self) -> bool {
        self.spec.verify.is_some()
    }

    fn stored(artifact: &Artifact) -> String {
        format!("stored artifact for revision '{}'", artifact.revision)
    }

    async fn pass(&self, ctx: &Context, new: &mut Option<String>) -> Result<Outcome<Vec<Artifact>>, Failure> {
        story(self, ctx, new).await
    }
}

async fn story(
    object: &GitRepository,
    ctx: &Context,
    new: &mut Option<String>,
) -> Result<Outcome<Vec<Artifact>>, Failure> {
    if object.spec.verify.is_some() {
        let message = "spec.verify: signature verification is not supported yet, so nothing that asks for it is served";
        return Err(Failure::retry(Aspect::Verification, "VerificationError", message));
    }
    let access = access::of(object, ctx).await?;
    let timeout = object.spec.timeout.as_ref().and_then(|it| it.to_std().ok()).unwrap_or(Duration::from_secs(60));
    let remote = ctx.git.remote(&object.spec.url, access, timeout)?;
    let reference = reference(object);
    let included = include::artifacts(object, ctx);
    let resolved = resolve(object, &remote, &reference).await?;
    let included = included?;
    let revision = resolved.revision();
    let advertised = object.status.artifact.as_ref().map(|it| it.revision.as_str());
    if advertised == Some(revision.as_str()) && !content_changed(object, &included) {
        debug!(%revision, "nothing new");
        return Ok(Outcome::Unchanged(None));
    }
    if advertised != Some(revision.as_str()) {
        *new = Some(revision);
    }
    let options = FetchOptions { sparse: sparse(object), submodules: object.spec.recurse_submodules };
    let fetched = remote.checkout(&reference, &resolved, &options).await?;
    let told = format!("stored artifact for commit '{}'", shortened_subject(fetched.commit.subject()));
    let artifact = publish::artifact(object, fetched, &included, ctx).await?;
    let stored = ("Succeeded", GitRepository::stored(&artifact));
    Ok(Outcome::Made(Box::new(Made { artifact, observed: included, stored, told: ("NewArtifact", told) })))
}

/// Whether the artifact would have other content although the commit is the same.
fn content_changed(object: &GitRepository, included: &[Artifact]) -> bool {
    let (spec, status) = (&object.spec, &object.status);
    let same = |(a, b): (&Artifact, &Artifact)| a.same_content(b);
    spec.ignore != status.observed_ignore
        || spec.recurse_submodules != status.observed_recurse_submodules
        || spec.include != status.observed_include
        || spec.sparse_checkout != status.observed_sparse_checkout
        || included.len() != status.included_artifacts.len()
        || !included.iter().zip(&status.included_artifacts).all(same)
}

/// One round trip, or none when somebody just asked the same. A user who asks for a pass, resumes or edits the object
/// wants to know about now.
async fn resolve(object: &GitRepository, remote: &Remote, reference: &Reference) -> Result<Resolved, Failure> {
    // New objects that are made together share a round trip.
    let freshness = if is_awaited(object) { Freshness::Since(std::time::Instant::now()) } else { Freshness::Recent };
    Ok(remote.resolve(reference, freshness).await?)
}

/// What `spec.ref` names; commit before name before semver before tag before branch.
fn reference(object: &GitRepository) -> Reference {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let Some(it) = &object.spec.reference else { return Reference::Branch(DEFAULT_BRANCH.to_owned()) };
    if let Some(id) = given(&it.commit) {
        return Reference::Commit { id, branch: given(&it.branch) };
    }
    let names = [
        given(&it.name).map(Reference::Name),
        given(&it.semver).map(Reference::Semver),
        given(&it.tag).map(Reference::Tag),
        given(&it.branch).map(Reference::Branch),
    ];
    names.into_iter().flatten().next().unwrap_or_else(|| Reference::Branch(DEFAULT_BRANCH.to_owned()))
}

fn sparse(object: &GitRepository) -> Vec<String> {
    object.spec.sparse_checkout.iter().map(|it| it.strip_prefix("./").unwrap_or(it).to_owned()).collect()
}

/// The first fifty characters, as Flux's message has them.
fn shortened_subject(subject: &str) -> String {
    let clean: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match clean.char_indices().nth(50) {
        Some((at, _)) => format!("{}...", &clean[..at]),
        None => clean,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_ignore_is_another_content() {
        let mut object = GitRepository::default();
        object.spec.ignore = Some("/docs".into());
        let mut status = object.status.clone();
        object.observe(&mut status, vec![]);
        object.status = status;
        assert!(!content_changed(&object, &[]));
        object.spec.ignore = None;
        assert!(content_changed(&object, &[]));
    }

    #[test]
    fn the_most_exact_reference_wins() {
        let check = |reference_: serde_json::Value, want: Reference| {
            let object: GitRepository = serde_json::from_value(json!({
                "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
                "metadata": {"name": "x"}, "spec": {"ref": reference_},
            }))
            .unwrap();
            assert_eq!(reference(&object), want);
        };
        check(json!({}), Reference::Branch("master".into()));
        check(json!({"branch": "main"}), Reference::Branch("main".into()));
        check(json!({"branch": "main", "tag": "v1"}), Reference::Tag("v1".into()));
        check(json!({"semver": ">1", "tag": "v1"}), Reference::Semver(">1".into()));
        check(json!({"semver": ">1", "name": "refs/pull/1/head"}), Reference::Name("refs/pull/1/head".into()));
        let id = "a".repeat(40);
        let want = Reference::Commit { id: id.clone(), branch: Some("main".into()) };
        check(json!({"commit": id, "branch": "main", "name": "refs/heads/x"}), want);
    }

    #[test]
    fn a_long_subject_is_shortened() {
        assert_eq!(shortened_subject("fix"), "fix");
        assert_eq!(shortened_subject(&"ä".repeat(51)), format!("{}...", "ä".repeat(50)));
    }
}
