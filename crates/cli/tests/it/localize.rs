//! `sluice kustomize localize`.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use sluice_git::serve::Server;

use crate::preview::git;
use crate::{sluice, write};

/// Serves the repository in `folder` as `/org/repo`, and gives the port.
fn serve(folder: &Path) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let server = Server::new().with("org/repo", folder).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            server.run(listener, std::future::pending()).await.unwrap();
        });
    });
    port
}

/// A repository whose folder `over` needs its folder `base`, at the tag `v1`.
fn repository() -> (tempfile::TempDir, u16) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "base/kustomization.yaml", "resources: [config.yaml]\n");
    write(folder.path(), "base/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: far}\n");
    write(folder.path(), "over/kustomization.yaml", "resources: [../base] # beside it\nnamePrefix: o-\n");
    write(folder.path(), "unread.yaml", "nothing");
    git(folder.path(), &["init", "-q", "-b", "main"]);
    git(folder.path(), &["add", "-A"]);
    git(folder.path(), &["commit", "-q", "-m", "one"]);
    git(folder.path(), &["tag", "v1"]);
    let port = serve(folder.path());
    (folder, port)
}

#[test]
fn a_copy_needs_nothing_from_elsewhere() {
    let (_repository, port) = repository();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://localhost:{port}/org/repo//over?ref=v1");
    write(
        folder.path(),
        "fleet/app/kustomization.yaml",
        &format!("# mine\nresources:\n- ../near\n- '{url}' # theirs\n"),
    );
    write(folder.path(), "fleet/near/kustomization.yaml", "configMapGenerator: [{name: near, files: [a=data.txt]}]\n");
    write(folder.path(), "fleet/near/data.txt", "data");
    write(folder.path(), "fleet/near/unread.txt", "data");

    let run = sluice(folder.path(), &["kustomize", "localize", "fleet/app"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("name a wider one with `--scope`"), "{}", run.stderr);
    assert!(!folder.path().join("localized-app").exists());

    let run = sluice(folder.path(), &["kustomize", "localize", "fleet/app", "copy", "--scope", "fleet"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (0, "✔ localized `fleet/app` to `copy`: 6 files, 3 of them from other hosts\n")
    );
    let copied = fs::read_to_string(folder.path().join("copy/app/kustomization.yaml")).unwrap();
    let local = "localized-files/localhost/org/repo/v1/over";
    assert_eq!(copied, format!("# mine\nresources:\n- ../near\n- '{local}' # theirs\n"));
    let far = fs::read_to_string(folder.path().join("copy/app").join(local).join("kustomization.yaml")).unwrap();
    assert_eq!(far, "resources: [../base] # beside it\nnamePrefix: o-\n");
    assert!(!folder.path().join("copy/near/unread.txt").exists());

    let build =
        |dir: &str, flags: &[&str]| sluice(folder.path(), &[&["kustomize", "build", dir], flags].concat()).stdout;
    assert_eq!(build("copy/app", &["--no-remote-bases"]), build("fleet/app", &[]));
    let again = sluice(folder.path(), &["kustomize", "localize", "fleet/app", "copy", "--scope", "fleet"]);
    assert!(again.code == 1 && again.stderr.contains("`copy` is there already"), "{}", again.stderr);
}

#[test]
fn a_folder_of_a_repository_is_copied_at_its_revision() {
    let (_repository, port) = repository();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://localhost:{port}/org/repo//over");
    let run = sluice(folder.path(), &["kustomize", "localize", &url]);
    assert!(run.code == 1 && run.stderr.contains("has no revision; add `?ref=TAG`"), "{}", run.stderr);
    let run = sluice(folder.path(), &["kustomize", "localize", &format!("{url}?ref=v1")]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(folder.path().join("localized-repo-v1/over/kustomization.yaml").is_file());
    assert!(folder.path().join("localized-repo-v1/base/config.yaml").is_file());
}

#[test]
fn links_stay_links() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "app/kustomization.yaml", "resources: [../alias]\n");
    write(folder.path(), "base/kustomization.yaml", "namePrefix: b-\nresources: [config.yaml]\n");
    write(folder.path(), "base/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n");
    std::os::unix::fs::symlink("base", folder.path().join("alias")).unwrap();
    let run = sluice(folder.path(), &["kustomize", "localize", "app", "copy", "--scope", "."]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(folder.path().join("copy/alias/config.yaml").is_file());
}
