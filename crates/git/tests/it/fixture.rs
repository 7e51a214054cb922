//! Repositories made by Git itself.

use sluice_git::{Fetched, Remote};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A repository with a work tree, in a folder of its own.
pub struct Repository {
    root: TempDir,
    seconds: std::cell::Cell<u64>,
}

impl Repository {
    /// An empty one.
    pub fn new() -> Self {
        let it = Repository { root: tempfile::tempdir().unwrap(), seconds: std::cell::Cell::new(1_700_000_000) };
        std::fs::create_dir(it.path()).unwrap();
        it.git(&["init", "-q", "-b", "main"]);
        it.git(&["config", "uploadpack.allowFilter", "true"]);
        it
    }

    /// One with a base, an overlay, a script and a link.
    pub fn with_files() -> Self {
        let it = Repository::new();
        it.write("base/kustomization.yaml", "resources: [deployment.yaml]\n");
        it.write("base/deployment.yaml", "kind: Deployment\n");
        it.write("overlays/production/kustomization.yaml", "resources: [../../base]\n");
        it.write("run.sh", "#!/bin/sh\n");
        Command::new("chmod").arg("+x").arg(it.path().join("run.sh")).status().unwrap();
        std::os::unix::fs::symlink("../outside", it.path().join("link")).unwrap();
        it.commit("First");
        it
    }

    pub fn path(&self) -> PathBuf {
        self.root.path().join("repo.git")
    }

    /// The folder that the repository is in, to be served.
    pub fn parent(&self) -> &Path {
        self.root.path()
    }

    pub fn url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Commits everything; gives the id.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.id("HEAD")
    }

    pub fn id(&self, spec: &str) -> String {
        self.git(&["rev-parse", spec])
    }

    /// Runs Git in the work tree, as nobody in particular, one minute after the last time.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        self.seconds.set(self.seconds.get() + 60);
        let date = format!("{} +0000", self.seconds.get());
        let mut command = Command::new("git");
        command.current_dir(self.path()).args(["-c", "protocol.file.allow=always"]).args(args);
        for (key, value) in [("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")] {
            command.env(key, value);
        }
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Nobody").env(format!("GIT_{role}_EMAIL"), "nobody@example.com");
            command.env(format!("GIT_{role}_DATE"), &date);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

/// Paths of a tree, in order; executables with `*`, links with `@`, directories with `/`.
pub fn paths(fetched: &Fetched) -> Vec<String> {
    let name = |(path, entry): (&str, &sluice_tree::Entry)| match entry {
        sluice_tree::Entry::File { executable: false, .. } => path.to_owned(),
        sluice_tree::Entry::File { executable: true, .. } => format!("{path}*"),
        sluice_tree::Entry::Symlink { .. } => format!("{path}@"),
        sluice_tree::Entry::Directory => format!("{path}/"),
    };
    fetched.tree.walk().map(name).collect()
}

/// The repository at `url`, seen by nobody in particular.
pub fn anonymous(url: &str) -> Remote {
    crate::client().remote(url, sluice_git::Access::default(), std::time::Duration::from_secs(20)).unwrap()
}
