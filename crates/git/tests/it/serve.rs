//! Our own server, against Git's own client and ours.

use crate::fixture::{Repository, anonymous, paths};
use sluice_git::serve::Server;
use sluice_git::*;
use std::path::Path;
use std::process::Command;
use tokio::net::TcpListener;

/// Serves `directory` as `repo`; gives the URL.
async fn serve(directory: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/repo.git", listener.local_addr().unwrap());
    let server = Server::new().with("repo", directory).unwrap();
    tokio::spawn(server.run(listener, std::future::pending()));
    url
}

/// Runs Git in `directory`.
#[track_caller]
fn git(directory: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(directory).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0");
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn git_clones_fetches_deepens_and_checks_what_it_got() {
    for version in ["0", "1", "2"] {
        let repository = Repository::with_files();
        for n in 0..30 {
            repository.write("counter", &n.to_string());
            repository.commit(&format!("Number {n}"));
        }
        repository.git(&["tag", "-a", "v1", "-m", "annotated"]);
        repository.git(&["checkout", "-q", "-b", "side", "HEAD~10"]);
        repository.commit("Aside");
        repository.git(&["checkout", "-q", "main"]);
        let url = serve(&repository.path()).await;
        let there = tempfile::tempdir().unwrap();
        let protocol = format!("protocol.version={version}");
        let path = there.path().to_owned();
        let (first, url_) = (repository.id("HEAD"), url.clone());
        let protocol_ = protocol.clone();
        blocking(move || {
            let (protocol, url) = (&*protocol_, &*url_);
            git(&path, &["-c", protocol, "clone", "-q", url, "full"]);
            let full = path.join("full");
            assert_eq!(git(&full, &["rev-parse", "HEAD"]), first);
            assert_eq!(git(&full, &["rev-list", "--count", "HEAD"]), "31");
            assert_eq!(git(&full, &["tag"]), "v1");
            git(&full, &["fsck", "--strict"]);
            git(&path, &["-c", protocol, "clone", "-q", "--depth", "1", url, "shallow"]);
            let shallow = path.join("shallow");
            assert_eq!(git(&shallow, &["rev-list", "--count", "HEAD"]), "1");
            git(&shallow, &["-c", protocol, "fetch", "-q", "--depth", "5"]);
            assert_eq!(git(&shallow, &["rev-list", "--count", "origin/main"]), "5");
            git(&shallow, &["-c", protocol, "fetch", "-q", "--unshallow"]);
            assert_eq!(git(&shallow, &["rev-list", "--count", "origin/main"]), "31");
            git(&shallow, &["fsck", "--strict"]);
            git(&path, &["-c", protocol, "clone", "-q", "--depth", "1", url, "stays"]);
        })
        .await;
        repository.write("new", "x");
        let second = repository.commit("Second");
        let path = there.path().to_owned();
        blocking(move || {
            for clone in ["full", "stays"] {
                let clone = path.join(clone);
                git(&clone, &["-c", &protocol, "pull", "-q", "--ff-only"]);
                assert_eq!(git(&clone, &["rev-parse", "HEAD"]), second);
                git(&clone, &["fsck", "--strict"]);
                git(&clone, &["-c", &protocol, "fetch", "-q"]);
            }
        })
        .await;
    }
}

#[tokio::test]
async fn our_client_and_our_server_agree() {
    let repository = Repository::with_files();
    let first = repository.id("HEAD");
    repository.git(&["tag", "-a", "v1.0.0", "-m", "annotated"]);
    let second = repository.commit("Second");
    let url = serve(&repository.path()).await;
    let fetch = async |reference| anonymous(&url).fetch(&reference, &FetchOptions::default()).await;
    let fetched = fetch(Reference::Branch("main".into())).await.unwrap();
    assert_eq!((fetched.resolved.revision(), paths(&fetched).len()), (format!("main@sha1:{second}"), 8));
    assert!(fetch(Reference::Semver("1.x".into())).await.unwrap().tag.is_some());
    let commit = Reference::Commit { id: first.clone(), branch: Some("main".into()) };
    assert_eq!(fetch(commit).await.unwrap().resolved.revision(), format!("main@sha1:{first}"));
    let none = anonymous(&url.replace("repo", "none")).fetch(&Reference::Head, &FetchOptions::default()).await;
    assert!(matches!(none, Err(Error::RepositoryNotFound { .. })));
    let empty = Repository::new();
    let url = serve(&empty.path()).await;
    let none = anonymous(&url).fetch(&Reference::Branch("main".into()), &FetchOptions::default()).await.unwrap_err();
    assert!(matches!(none, Error::EmptyRepository { .. }), "{none}");
}

#[tokio::test]
async fn any_folder_is_a_branch_that_follows_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("base")).unwrap();
    std::fs::write(folder.path().join("base/a.yaml"), "a: 1\n").unwrap();
    let url = serve(folder.path()).await;
    let fetch = async || {
        let remote = anonymous(&url);
        let fetched = remote.fetch(&Reference::Branch("main".into()), &FetchOptions::default()).await.unwrap();
        (fetched.resolved.revision(), fetched.tree)
    };
    let (one, tree) = fetch().await;
    assert_eq!(tree.read("base/a.yaml").unwrap().as_ref(), b"a: 1\n");
    assert_eq!(fetch().await.0, one);
    std::fs::write(folder.path().join("base/a.yaml"), "a: 2\n").unwrap();
    let (two, tree) = fetch().await;
    assert_ne!(two, one);
    assert_eq!(tree.read("base/a.yaml").unwrap().as_ref(), b"a: 2\n");
    let there = tempfile::tempdir().unwrap();
    let path = there.path().to_owned();
    blocking(move || {
        git(&path, &["clone", "-q", &url, "clone"]);
        git(&path.join("clone"), &["fsck", "--strict"]);
    })
    .await;
}

#[tokio::test]
async fn junk_is_answered_and_nothing_else_is_reached() {
    let repository = Repository::with_files();
    let url = serve(&repository.path()).await;
    let client = reqwest::Client::new();
    let get = async |path: &str| client.get(format!("{url}{path}")).send().await.unwrap().status().as_u16();
    assert_eq!(get("/info/refs").await, 403);
    assert_eq!(get("/info/refs?service=git-receive-pack").await, 403);
    assert_eq!(get("/HEAD").await, 404);
    assert_eq!(get("/../../etc/passwd").await, 404);
    assert_eq!(get("/git-upload-pack").await, 405);
    let post = async |body: &str| {
        let request = client.post(format!("{url}/git-upload-pack")).header("Git-Protocol", "version=2");
        let response = request.body(body.to_owned()).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    for junk in
        ["", "junk", "0000", "0014command=ls-refs", "0011command=push0000", "0012command=fetch\n0001000bwant x\n0000"]
    {
        assert_eq!(post(junk).await.0, 400, "{junk}");
    }
    let want = format!("0012command=fetch\n00010032want {}\n0009done\n0000", "1".repeat(40));
    let (status, text) = post(&want).await;
    assert!(status == 200 && text.contains("ERR") && text.contains("not our ref"), "{text}");
}
