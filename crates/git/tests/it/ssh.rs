//! Over SSH, against OpenSSH's server.

use crate::client;
use crate::fixture::{Repository, paths};
use sluice_git::*;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A running sshd with an ed25519 and an RSA key; ends with the test.
struct Sshd {
    child: Child,
    port: u16,
    dir: TempDir,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn keygen(args: &[&str]) {
    let status = Command::new("ssh-keygen").args(args).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "ssh-keygen {args:?}");
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

impl Sshd {
    /// Starts one, or says that there is none to start.
    async fn start(more: &str) -> Option<Sshd> {
        let program = ["/usr/sbin/sshd", "/usr/bin/sshd"].into_iter().find(|it| Path::new(it).exists());
        let Some(program) = program else {
            println!("skipped: no sshd; apt-get install openssh-server");
            return None;
        };
        let _ = std::fs::create_dir_all("/run/sshd");
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        keygen(&["-q", "-t", "ed25519", "-N", "", "-f", &path("host_ed25519")]);
        keygen(&["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", &path("host_rsa")]);
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n{more}\n",
            path("host_ed25519"),
            path("host_rsa"),
            path("authorized"),
        );
        std::fs::write(path("config"), config).unwrap();
        std::fs::write(path("authorized"), "").unwrap();
        let child =
            Command::new(program).args(["-D", "-e", "-f", &path("config")]).stderr(Stdio::null()).spawn().unwrap();
        let it = Sshd { child, port, dir };
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Some(it);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        println!("skipped: sshd does not start here");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A new key that the server accepts.
    fn key(&self, name: &str, args: &[&str]) -> String {
        let path = self.path(name);
        let mut all = vec!["-q", "-f", path.to_str().unwrap()];
        all.extend_from_slice(args);
        keygen(&all);
        let public = text(&path.with_extension("pub"));
        std::fs::write(self.path("authorized"), text(&self.path("authorized")) + &public).unwrap();
        text(&path)
    }

    /// A line of `known_hosts` with the server's key of that type.
    fn known(&self, key: &str) -> String {
        let public = text(&self.path(&format!("host_{key}.pub")));
        format!("[localhost]:{} {public}", self.port)
    }

    fn url(&self, repository: &Repository) -> String {
        let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
        format!("ssh://{}@localhost:{}{}", user.trim(), self.port, repository.path().display())
    }
}

async fn fetch(url: &str, identity: &str, passphrase: Option<&str>, known_hosts: &str) -> Result<Fetched, Error> {
    fetch_with(client(), url, identity, passphrase, known_hosts, Reference::Branch("main".into())).await
}

async fn fetch_with(
    client: Client,
    url: &str,
    identity: &str,
    passphrase: Option<&str>,
    known_hosts: &str,
    reference: Reference,
) -> Result<Fetched, Error> {
    let credentials = Credentials::Ssh {
        identity: identity.into(),
        passphrase: passphrase.map(Secret::from),
        known_hosts: known_hosts.into(),
    };
    let access = Access { credentials, ..Access::default() };
    let remote = client.remote(url, access, Duration::from_secs(20))?;
    remote.fetch(&reference, &FetchOptions::default()).await
}

#[tokio::test]
async fn every_kind_of_key_opens_the_door() {
    let Some(sshd) = Sshd::start("AcceptEnv GIT_PROTOCOL").await else { return };
    let repository = Repository::with_files();
    let (url, known) = (sshd.url(&repository), sshd.known("ed25519"));
    let kinds: &[(&str, &[&str], Option<&str>)] = &[
        ("ed25519", &["-t", "ed25519", "-N", ""], None),
        ("ed25519-locked", &["-t", "ed25519", "-N", "opensesame"], Some("opensesame")),
        ("ecdsa", &["-t", "ecdsa", "-b", "256", "-N", ""], None),
        ("ecdsa-384", &["-t", "ecdsa", "-b", "384", "-N", ""], None),
        ("ecdsa-pkcs8", &["-t", "ecdsa", "-b", "256", "-N", "", "-m", "PKCS8"], None),
        ("rsa", &["-t", "rsa", "-b", "2048", "-N", ""], None),
        ("rsa-pem", &["-t", "rsa", "-b", "2048", "-N", "", "-m", "PEM"], None),
        ("rsa-pem-locked", &["-t", "rsa", "-b", "2048", "-N", "opensesame", "-m", "PEM"], Some("opensesame")),
        ("rsa-pkcs8", &["-t", "rsa", "-b", "2048", "-N", "", "-m", "PKCS8"], None),
        ("rsa-pkcs8-locked", &["-t", "rsa", "-b", "2048", "-N", "opensesame", "-m", "PKCS8"], Some("opensesame")),
    ];
    let mut failures = Vec::new();
    for (name, args, passphrase) in kinds {
        let identity = sshd.key(name, args);
        match fetch(&url, &identity, *passphrase, &known).await {
            Ok(fetched) => assert_eq!(paths(&fetched).len(), 8),
            Err(err) => failures.push(format!("{name}: {err}")),
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test]
async fn keys_that_do_not_fit_are_told_apart() {
    let Some(sshd) = Sshd::start("").await else { return };
    let repository = Repository::with_files();
    let (url, known) = (sshd.url(&repository), sshd.known("ed25519"));
    let locked = sshd.key("locked", &["-t", "ed25519", "-N", "opensesame"]);
    let stranger = sshd.key("stranger", &["-t", "ed25519", "-N", ""]);
    std::fs::write(sshd.path("authorized"), "").unwrap();
    let err = fetch(&url, &locked, None, &known).await.unwrap_err();
    assert!(matches!(&err, Error::InvalidCredentials { reason, .. } if reason.contains("passphrase")), "{err}");
    let err = fetch(&url, &locked, Some("canary-word"), &known).await.unwrap_err();
    assert!(matches!(err, Error::InvalidCredentials { .. }) && !err.to_string().contains("canary"), "{err}");
    let err = fetch(&url, "junk", None, &known).await.unwrap_err();
    assert!(matches!(err, Error::InvalidCredentials { .. }), "{err}");
    let err = fetch(&url, &stranger, None, &known).await.unwrap_err();
    assert!(
        matches!(&err, Error::AuthenticationFailed { reason, .. } if reason.contains("does not accept key SHA256:")),
        "{err}"
    );
}

#[tokio::test]
async fn only_hosts_in_known_hosts_are_trusted() {
    let Some(sshd) = Sshd::start("AcceptEnv GIT_PROTOCOL").await else { return };
    let repository = Repository::with_files();
    let url = sshd.url(&repository);
    let identity = sshd.key("me", &["-t", "ed25519", "-N", ""]);
    let (known, rsa) = (sshd.known("ed25519"), sshd.known("rsa"));
    let other = sshd.key("other", &["-t", "ed25519", "-N", ""]);
    let other = (other, text(&sshd.path("other.pub"))).1;
    let at = format!("[localhost]:{}", sshd.port);

    std::fs::write(sshd.path("hashed"), &known).unwrap();
    keygen(&["-q", "-H", "-f", sshd.path("hashed").to_str().unwrap()]);
    for trusted in [known.clone(), rsa.clone(), text(&sshd.path("hashed")), format!("# comment\n{known}{rsa}")] {
        fetch(&url, &identity, None, &trusted).await.unwrap();
    }
    for (file, part) in [
        (String::new(), "holds no key"),
        (known.replace(&at, "localhost"), "has no key of"),
        (known.replace(&at, "[localhost]:1"), "has no key of"),
        (format!("{at} {other}"), "not the key in `known_hosts`"),
        (format!("{known}@revoked * {}", text(&sshd.path("host_ed25519.pub"))), "@revoked"),
        (format!("@cert-authority {known}"), "@cert-authority"),
    ] {
        let err = fetch(&url, &identity, None, &file).await.unwrap_err();
        assert!(matches!(&err, Error::HostKey { reason, .. } if reason.contains(part)), "{file}: {err}");
        assert!(err.is_authentication());
    }
    let ecdsa = sshd.key("ecdsa", &["-t", "ecdsa", "-N", ""]);
    let ecdsa = (ecdsa, text(&sshd.path("ecdsa.pub"))).1;
    let err = fetch(&url, &identity, None, &format!("{at} {ecdsa}")).await.unwrap_err();
    assert!(matches!(&err, Error::HostKey { reason, .. } if reason.contains("no key of a type")), "{err}");
}

#[tokio::test]
async fn everything_works_over_ssh_in_both_protocol_versions() {
    for more in ["AcceptEnv GIT_PROTOCOL", ""] {
        let Some(sshd) = Sshd::start(more).await else { return };
        let repository = Repository::with_files();
        let first = repository.id("HEAD");
        repository.git(&["tag", "-a", "v1.0.0", "-m", "annotated"]);
        let second = repository.commit("Second");
        let url = sshd.url(&repository);
        let identity = sshd.key("me", &["-t", "ed25519", "-N", ""]);
        let known = sshd.known("ed25519");
        let revision = async |reference| {
            let fetched = fetch_with(client(), &url, &identity, None, &known, reference).await;
            fetched.map(|it| it.resolved.revision())
        };
        assert_eq!(revision(Reference::Head).await.unwrap(), format!("main@sha1:{second}"));
        assert_eq!(revision(Reference::Semver("1.x".into())).await.unwrap(), format!("v1.0.0@sha1:{first}"));
        let commit = Reference::Commit { id: first.clone(), branch: Some("main".into()) };
        assert_eq!(revision(commit).await.unwrap(), format!("main@sha1:{first}"));
        let missing = fetch(&format!("{url}-none"), &identity, None, &known).await.unwrap_err();
        assert!(matches!(missing, Error::RepositoryNotFound { .. }), "{missing}");
    }
}

#[tokio::test]
async fn algorithms_can_be_chosen() {
    let Some(sshd) = Sshd::start("AcceptEnv GIT_PROTOCOL\nKexAlgorithms ecdh-sha2-nistp256").await else { return };
    let repository = Repository::with_files();
    let identity = sshd.key("me", &["-t", "ed25519", "-N", ""]);
    let try_with = async |kex: &[&str], host_key: &[&str]| {
        let names = |list: &[&str]| list.iter().map(|it| it.to_string()).collect();
        let ssh = SshAlgorithms { key_exchange: names(kex), host_key: names(host_key) };
        let client = Client::new(Config { ssh, ..Config::default() });
        let reference = Reference::Head;
        fetch_with(client, &sshd.url(&repository), &identity, None, &sshd.known("ed25519"), reference).await.map(drop)
    };
    try_with(&["ecdh-sha2-nistp256"], &["ssh-ed25519"]).await.unwrap();
    assert!(matches!(try_with(&["curve25519-sha256"], &[]).await, Err(Error::Connection { .. })));
    assert!(matches!(try_with(&[], &["rsa-sha2-512"]).await, Err(Error::HostKey { .. })));
    assert!(matches!(try_with(&["none-such"], &[]).await, Err(Error::InvalidCredentials { .. })));
}

#[tokio::test]
async fn a_proxy_leads_to_the_server() {
    let Some(sshd) = Sshd::start("AcceptEnv GIT_PROTOCOL").await else { return };
    let repository = Repository::with_files();
    let identity = sshd.key("me", &["-t", "ed25519", "-N", ""]);
    let proxy = crate::proxy::start("user", "word").await;
    for scheme in ["http", "socks5"] {
        let fetch = async |password: &str| {
            let credentials = Credentials::Ssh {
                identity: identity.as_str().into(),
                passphrase: None,
                known_hosts: sshd.known("ed25519"),
            };
            let proxy = Proxy {
                address: format!("{scheme}://127.0.0.1:{proxy}"),
                username: Some("user".into()),
                password: Some(password.into()),
            };
            let access = Access { credentials, proxy: Some(proxy), ..Access::default() };
            let remote = client().remote(&sshd.url(&repository), access, Duration::from_secs(20)).unwrap();
            remote.fetch(&Reference::Head, &FetchOptions::default()).await
        };
        fetch("word").await.unwrap();
        let err = fetch("canary").await.unwrap_err();
        assert!(matches!(err, Error::Connection { .. }) && !err.to_string().contains("canary"), "{err}");
    }
}
