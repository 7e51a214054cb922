//! A Git repository that a scenario commits to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A bare repository that is served, and a work tree to commit from.
pub struct Repository {
    name: String,
    work: PathBuf,
}

impl Repository {
    /// Makes `NAME.git` below `served`, with the files of `example` if one is named.
    pub(crate) fn new(name: &str, served: &Path, work: &Path, example: Option<&Path>) -> Self {
        let (bare, work) = (served.join(format!("{name}.git")), work.join(name));
        let repository = Repository { name: name.to_owned(), work };
        fs::create_dir_all(&repository.work).expect("a temporary folder can be made");
        repository.git(&["init", "-q", "--bare", "-b", "main", &bare.to_string_lossy()]);
        repository.git(&["init", "-q", "-b", "main", "."]);
        repository.git(&["remote", "add", "origin", &bare.to_string_lossy()]);
        if let Some(example) = example {
            copy(example, &repository.work);
            repository.commit("The example");
        }
        repository
    }

    /// Its name; it is served as `NAME.git`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A file of the work tree.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.work.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Writes a file of the work tree.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write(&self, path: &str, content: &str) {
        let file = self.work.join(path);
        fs::create_dir_all(file.parent().expect("a file has a folder")).expect("a folder can be made");
        fs::write(&file, content).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Removes a file or folder of the work tree.
    ///
    /// # Panics
    /// When it is not there.
    pub fn remove(&self, path: &str) {
        let file = self.work.join(path);
        let removed = if file.is_dir() { fs::remove_dir_all(&file) } else { fs::remove_file(&file) };
        removed.unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Replaces text in a file, which has it.
    ///
    /// # Panics
    /// When the file does not have the text.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no `{from}`:\n{text}");
        self.write(path, &text.replace(from, to));
    }

    /// Commits what is in the work tree and pushes it; returns the revision as a source reports it.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.push()
    }

    /// Reverts the last commit and pushes that.
    pub fn revert(&self) -> String {
        self.git(&["revert", "--no-edit", "HEAD"]);
        self.push()
    }

    /// Runs `git` in the work tree; returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn git(&self, args: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(args).current_dir(&self.work);
        for (key, value) in ENVIRONMENT {
            command.env(key, value);
        }
        let output = command.output().expect("git is installed");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "git {args:?}: {}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    fn push(&self) -> String {
        self.git(&["push", "-q", "origin", "HEAD:main"]);
        format!("main@sha1:{}", self.git(&["rev-parse", "HEAD"]).trim())
    }
}

/// Nobody's configuration, and an author.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ("GIT_AUTHOR_NAME", "Ada"),
    ("GIT_AUTHOR_EMAIL", "ada@example.com"),
    ("GIT_COMMITTER_NAME", "Ada"),
    ("GIT_COMMITTER_EMAIL", "ada@example.com"),
];

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.expect("a folder can be read").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
}
