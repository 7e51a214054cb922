//! Repositories within a repository.
//!
//! `.gitmodules` is written by whoever writes the repository, so it says only where to look: nothing in it is run or
//! configures anything, and credentials go nowhere but to the server they are for.

use crate::checkout::Gitlink;
use crate::error::Error;
use crate::url::{RemoteUrl, Scheme};
use gix::ObjectId;
use gix::bstr::ByteSlice;
use sluice_http::redact;

/// Bytes of a `.gitmodules`.
const GITMODULES: usize = 1 << 20;

/// A submodule to check out.
#[derive(Debug, Clone)]
pub(crate) struct Submodule {
    pub path: String,
    pub url: RemoteUrl,
    pub commit: ObjectId,
}

/// The submodules among `gitlinks`, as `gitmodules` of the repository at `parent` describes them.
///
/// A gitlink that `.gitmodules` does not describe is left an empty directory, as Git leaves it.
pub(crate) fn submodules(
    gitmodules: Option<&[u8]>,
    gitlinks: &[Gitlink],
    parent: &RemoteUrl,
) -> Result<Vec<Submodule>, Error> {
    let Some(gitmodules) = gitmodules else { return Ok(Vec::new()) };
    let corrupt = |reason: String| Error::Corrupt { url: parent.to_string(), reason };
    if gitmodules.len() > GITMODULES {
        return Err(corrupt(format!(".gitmodules is larger than {GITMODULES} bytes")));
    }
    let config = gix::config::File::try_from(gitmodules.to_str_lossy().as_ref())
        .map_err(|err| corrupt(format!(".gitmodules: {}", crate::error::peer_text(err.to_string().as_bytes()))))?;
    let mut described = Vec::new();
    for section in config.sections_by_name("submodule").into_iter().flatten() {
        let value = |key: &str| section.body().value(key).map(|it| it.to_str_lossy().into_owned());
        if let (Some(path), Some(url)) = (value("path"), value("url")) {
            described.push((path, url));
        }
    }
    let mut found = Vec::new();
    for link in gitlinks {
        // The last one counts, as everywhere in Git's configuration.
        let Some((path, url)) = described.iter().rev().find(|(path, _)| *path == link.path) else { continue };
        let url = locate(url, parent).map_err(|err| in_submodule(path, err))?;
        found.push(Submodule { path: path.clone(), url, commit: link.commit });
    }
    Ok(found)
}

/// The URL that a `.gitmodules` of `parent` means.
fn locate(url: &str, parent: &RemoteUrl) -> Result<RemoteUrl, Error> {
    let refuse = |reason: &str| Error::InvalidUrl { url: redact(url), reason: reason.to_owned() };
    let located =
        if url.starts_with("./") || url.starts_with("../") { parent.join(url)? } else { RemoteUrl::parse(url)? };
    match (located.scheme(), parent.scheme()) {
        (Scheme::Https | Scheme::Ssh, _) | (Scheme::Http, Scheme::Http) => Ok(located),
        (Scheme::File, Scheme::File) => Ok(located),
        (Scheme::Http, _) => Err(refuse("a submodule must be reached by https or ssh")),
        (Scheme::File, _) => Err(refuse("a submodule must not be on this disk")),
    }
}

pub(crate) fn in_submodule(path: &str, err: Error) -> Error {
    match err {
        // These end the whole operation, wherever they came up.
        Error::Canceled | Error::Timeout { .. } => err,
        err => Error::Submodule { path: crate::error::peer_text(path.as_bytes()), source: Box::new(err) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(url: &str) -> Result<Vec<Submodule>, Error> {
        let file = format!("[submodule \"../../.git/hooks\"]\n\tpath = lib\n\turl = {url}\n\tupdate = !touch /tmp/x\n");
        let link = Gitlink { path: "lib".into(), commit: ObjectId::empty_tree(crate::objects::HASH) };
        submodules(Some(file.as_bytes()), &[link], &RemoteUrl::parse("https://host/org/app").unwrap())
    }

    #[test]
    fn only_urls_of_servers_are_followed() {
        for url in [
            "-x",
            "ext::sh -c id",
            "file:///etc",
            "/etc",
            "git@host:a/b",
            "http://host/a",
            "../../../../x",
            "git://host/a",
        ] {
            assert!(matches!(find(url), Err(Error::Submodule { .. })), "{url}");
        }
        assert_eq!(find("https://other/a").unwrap()[0].url.to_string(), "https://other/a");
        assert_eq!(find("../lib").unwrap()[0].url.to_string(), "https://host/org/lib");
    }

    #[test]
    fn gitlinks_that_nobody_describes_are_no_submodules() {
        let link = Gitlink { path: "other".into(), commit: ObjectId::empty_tree(crate::objects::HASH) };
        let parent = RemoteUrl::parse("https://host/org/app").unwrap();
        assert!(
            submodules(Some(b"[submodule \"x\"]\npath=lib\nurl=https://h/x\n"), std::slice::from_ref(&link), &parent)
                .unwrap()
                .is_empty()
        );
        assert!(submodules(None, &[link], &parent).unwrap().is_empty());
        assert!(submodules(Some(b"[submodule"), &[], &parent).is_err());
    }
}
