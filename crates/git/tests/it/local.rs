//! Repositories on this disk.

use crate::fixture::{Repository, anonymous, paths};
use sluice_git::*;

async fn fetch(repository: &Repository, reference: Reference) -> Result<Fetched, Error> {
    anonymous(&repository.url()).fetch(&reference, &FetchOptions::default()).await
}

#[tokio::test]
async fn a_repository_on_disk_is_read_like_any_other() {
    let repository = Repository::with_files();
    let first = repository.id("HEAD");
    repository.git(&["tag", "-a", "v1.0.0", "-m", "annotated"]);
    let second = repository.commit("Second");
    repository.git(&["gc", "-q"]);
    let fetched = fetch(&repository, Reference::Branch("main".into())).await.unwrap();
    assert_eq!(fetched.resolved.revision(), format!("main@sha1:{second}"));
    assert_eq!(paths(&fetched).len(), 8);
    let tagged = fetch(&repository, Reference::Semver("1.x".into())).await.unwrap();
    assert_eq!(tagged.resolved.revision(), format!("v1.0.0@sha1:{first}"));
    assert!(tagged.tag.is_some());
    let on = |id: &str| Reference::Commit { id: id.into(), branch: Some("main".into()) };
    assert_eq!(fetch(&repository, on(&first)).await.unwrap().resolved.revision(), format!("main@sha1:{first}"));
    let lost = repository.git(&["commit-tree", "-m", "lost", "HEAD^{tree}"]);
    assert!(matches!(fetch(&repository, on(&lost)).await, Err(Error::CommitNotOnBranch { .. })));
    let err = fetch(&repository, Reference::Branch("none".into())).await.unwrap_err();
    assert!(matches!(err, Error::ReferenceNotFound { .. }), "{err}");
    let err = fetch(&Repository::new(), Reference::Branch("main".into())).await.unwrap_err();
    assert!(matches!(err, Error::EmptyRepository { .. }), "{err}");
    let err = anonymous("file:///nonexistent").fetch(&Reference::Head, &FetchOptions::default()).await.unwrap_err();
    assert!(matches!(err, Error::RepositoryNotFound { .. }), "{err}");
}

#[test]
fn the_disk_is_out_of_reach_unless_allowed() {
    let client = Client::default();
    let err = client.remote("file:///tmp/x", Access::default(), std::time::Duration::from_secs(1)).err().unwrap();
    assert!(matches!(err, Error::InvalidUrl { .. }), "{err}");
}

#[test]
fn revisions_are_written_as_git_has_them() {
    let repository = Repository::with_files();
    let first = repository.id("HEAD");
    repository.git(&["tag", "-a", "v1", "-m", "annotated"]);
    repository.write("new", "x");
    let second = repository.commit("Second");
    let local = LocalRepository::open(&repository.path()).unwrap();
    for (spec, want) in
        [("HEAD", &second), ("main", &second), ("HEAD~1", &first), ("v1", &first), (&first[..8], &first)]
    {
        assert_eq!(local.resolve(spec).unwrap().to_string(), *want, "{spec}");
    }
    let (commit, tree) = local.tree("HEAD", &Limits::default()).unwrap();
    assert_eq!((commit.subject(), tree.is_file("new")), ("Second", true));
    assert!(!local.tree("main~1", &Limits::default()).unwrap().1.is_file("new"));
    assert!(matches!(local.resolve("none"), Err(Error::ReferenceNotFound { .. })));
    assert!(matches!(local.resolve("HEAD~99"), Err(Error::ReferenceNotFound { .. })));
}

#[test]
fn replacements_are_ignored() {
    let repository = Repository::with_files();
    let first = repository.id("HEAD");
    repository.write("evil", "x");
    let second = repository.commit("Second");
    repository.git(&["replace", &first, &second]);
    let local = LocalRepository::open(&repository.path()).unwrap();
    let (commit, tree) = local.tree(&first, &Limits::default()).unwrap();
    assert_eq!((commit.subject(), tree.is_file("evil")), ("First", false));
}
