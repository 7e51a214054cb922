//! Repositories in repositories.

use crate::fixture::{Repository, anonymous, paths};
use crate::httpd::{Httpd, Options};
use sluice_git::*;

fn with_submodules() -> FetchOptions {
    FetchOptions { sparse: Vec::new(), submodules: true }
}

/// Makes `inner` a submodule of `outer` at `path`, described by `url`.
fn add(outer: &Repository, inner: &str, path: &str, url: &str) {
    outer.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{inner},{path}")]);
    outer.write(".gitmodules", &format!("[submodule \"x\"]\n\tpath = {path}\n\turl = {url}\n"));
    outer.git(&["add", ".gitmodules"]);
    outer.git(&["commit", "-q", "-m", "Submodule"]);
}

#[tokio::test]
async fn a_submodule_is_checked_out_where_it_belongs() {
    let (outer, inner) = (Repository::with_files(), Repository::new());
    inner.write("lib.yaml", "kind: Lib\n");
    let pinned = inner.commit("Pinned");
    inner.write("later.yaml", "x");
    inner.commit("Later");
    let inner_httpd = Httpd::start(inner.parent(), Options::default()).await;
    add(&outer, &pinned, "vendor/lib", &inner_httpd.url("repo.git"));
    let httpd = Httpd::start(outer.parent(), Options::default()).await;
    let remote = anonymous(&httpd.url("repo.git"));
    let fetched = remote.fetch(&Reference::Head, &with_submodules()).await.unwrap();
    assert_eq!(paths(&fetched)[9..], ["vendor/", "vendor/lib/", "vendor/lib/lib.yaml"]);
    let without = remote.fetch(&Reference::Head, &FetchOptions::default()).await.unwrap();
    assert_eq!(paths(&without)[9..], ["vendor/", "vendor/lib/"]);
}

#[tokio::test]
async fn credentials_stay_with_their_server() {
    let (outer, inner) = (Repository::with_files(), Repository::new());
    inner.write("lib.yaml", "kind: Lib\n");
    let pinned = inner.commit("Pinned");
    let inner_httpd = Httpd::start(inner.parent(), Options::default()).await;
    add(&outer, &pinned, "lib", &inner_httpd.url("repo.git"));
    let httpd = Httpd::start(outer.parent(), Options::default()).await;
    let credentials = Credentials::Basic { username: "me".into(), password: "secret".into() };
    let access = Access { credentials, plain_http: PlainHttp::WithCredentials, ..Access::default() };
    let remote = crate::client().remote(&httpd.url("repo.git"), access, std::time::Duration::from_secs(20)).unwrap();
    remote.fetch(&Reference::Head, &with_submodules()).await.unwrap();
    assert!(httpd.log().iter().all(|it| it.ends_with("+auth")));
    assert!(!inner_httpd.log().is_empty() && inner_httpd.log().iter().all(|it| !it.ends_with("+auth")));
}

#[tokio::test]
async fn a_submodule_on_this_disk_or_out_of_reach_is_refused() {
    let inner = Repository::with_files();
    for url in [inner.url(), "ext::sh -c id".into(), "https://127.0.0.1:1/x".into(), "ssh://127.0.0.1/x".into()] {
        let outer = Repository::with_files();
        add(&outer, &inner.id("HEAD"), "lib", &url);
        let httpd = Httpd::start(outer.parent(), Options::default()).await;
        let err = anonymous(&httpd.url("repo.git")).fetch(&Reference::Head, &with_submodules()).await.unwrap_err();
        assert!(matches!(&err, Error::Submodule { path, .. } if path == "lib"), "{url}: {err}");
    }
}

#[tokio::test]
async fn submodules_in_submodules_end_somewhere() {
    // A commit cannot hold its own id, but a repository can hold older commits of itself, and those others.
    let repository = Repository::with_files();
    let httpd = Httpd::start(repository.parent(), Options::default()).await;
    for _ in 0..12 {
        add(&repository, &repository.id("HEAD"), "again", "./../repo.git");
    }
    let err = anonymous(&httpd.url("repo.git")).fetch(&Reference::Head, &with_submodules()).await.unwrap_err();
    assert!(err.to_string().contains("submodule_depth"), "{err}");
}
