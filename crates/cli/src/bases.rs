//! Remote bases of what is built here: fetched within limits, over ssh as the user whose machine this is.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use sluice_kustomize::{Files, Remote, RepoSpec};
use sluice_remote::{Config, Fetcher, SshIdentity};

/// The bases of one build. Nothing is set up before the first is asked for.
#[derive(Default)]
pub struct Bases(OnceLock<sluice_remote::Bases>);

impl Bases {
    fn get(&self) -> &sluice_remote::Bases {
        self.0.get_or_init(|| Fetcher::new(Config { ssh: identity(), ..Config::default() }, None).bases())
    }
}

impl Remote for Bases {
    fn tree(&self, spec: &RepoSpec) -> Result<Arc<dyn Files>, String> {
        self.get().tree(spec)
    }

    fn file(&self, url: &str) -> Result<Bytes, String> {
        self.get().file(url)
    }
}

/// The user's first key, in the order in which OpenSSH tries them, and the hosts that the user knows.
fn identity() -> Option<SshIdentity> {
    let folder = PathBuf::from(std::env::var_os("HOME")?).join(".ssh");
    let mut keys = ["id_rsa", "id_ecdsa", "id_ed25519"].iter().map(|name| folder.join(name));
    let key = keys.find_map(|file| std::fs::read_to_string(file).ok())?;
    let known = |file: &Path| std::fs::read_to_string(file).unwrap_or_default();
    let known_hosts =
        format!("{}\n{}", known(&folder.join("known_hosts")), known(Path::new("/etc/ssh/ssh_known_hosts")));
    Some(SshIdentity { key: key.into(), known_hosts })
}
