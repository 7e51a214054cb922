//! Where people look at a commit, on forges that are known.

use super::address::{join, repository};

/// How a forge writes the address of a commit, behind that of the repository.
const FORGES: [(&str, &[&str]); 10] = [
    ("github", &["commit"]),
    ("gitlab", &["-", "commit"]),
    ("gitea", &["commit"]),
    ("forgejo", &["commit"]),
    ("codeberg", &["commit"]),
    ("gitee", &["commit"]),
    ("gitcode", &["commit"]),
    ("bitbucket", &["commits"]),
    ("dev.azure", &["commit"]),
    ("git.sr", &["commit"]),
];

/// The page of the commit that a revision names, in a repository of a known forge: one whose host is called after it,
/// as `github.com` and `gitlab.example.com` are. No credentials of the address are in it.
///
/// ```
/// use sluice_notification_controller::provider::commit_link;
/// let revision = "main@sha1:5394cb7f48332b2de7c17dd8b8384bbc84b7e738";
/// let link = commit_link("ssh://git@gitlab.example.com/team/app.git", revision).unwrap();
/// assert_eq!(link, "https://gitlab.example.com/team/app/-/commit/5394cb7f48332b2de7c17dd8b8384bbc84b7e738");
/// ```
#[must_use]
pub fn commit_link(address: &str, revision: &str) -> Option<String> {
    let hash = super::status::hash(revision)?;
    let repository = repository(address).ok()?;
    let host = repository.base.host_str()?;
    let called = |forge: &str| host.strip_prefix(forge).is_some_and(|rest| rest.starts_with('.'));
    let (_, path) = FORGES.into_iter().find(|(forge, _)| called(forge))?;
    let parts: Vec<&str> = repository.id.split('/').chain(path.iter().copied()).chain([hash]).collect();
    Some(join(&repository.base, &parts).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "5394cb7f48332b2de7c17dd8b8384bbc84b7e738";

    #[track_caller]
    fn check(address: &str, want: &str) {
        let link = commit_link(address, &format!("main@sha1:{HASH}"));
        assert_eq!(link.as_deref(), Some(format!("{want}/{HASH}").as_str()), "{address}");
    }

    #[test]
    fn a_commit_of_a_known_forge_has_a_page() {
        check("https://github.com/org/repo.git", "https://github.com/org/repo/commit");
        check("git@github.com:org/repo.git", "https://github.com/org/repo/commit");
        check("https://u:secret@gitlab.com/a/b/c", "https://gitlab.com/a/b/c/-/commit");
        check("https://gitea.example.com:3000/o/r", "https://gitea.example.com:3000/o/r/commit");
        check("https://bitbucket.org/o/r", "https://bitbucket.org/o/r/commits");
        check("https://dev.azure.com/o/p/_git/r", "https://dev.azure.com/o/p/_git/r/commit");
    }

    #[test]
    fn what_is_unknown_has_none() {
        let revision = format!("main@sha1:{HASH}");
        for address in [
            "https://git.example.com/o/r",
            "https://notgithub.com/o/r",
            "https://githubx/o/r",
            "",
            "oci://github.com/a/b",
        ] {
            assert_eq!(commit_link(address, &revision), None, "{address}");
        }
        for revision in ["6.5.0", "", "main@sha1:5394", "latest@sha256:5394cb7f48332b2de7c17dd8b8384bbc84b7e738aa"] {
            assert_eq!(commit_link("https://github.com/o/r", revision), None, "{revision}");
        }
    }
}
