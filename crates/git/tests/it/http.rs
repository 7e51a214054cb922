//! Over HTTP, against Git's own server.

use crate::client;
use crate::fixture::{Repository, anonymous, paths};
use crate::httpd::{Httpd, Options};
use sluice_git::*;
use std::sync::Arc;
use std::time::Duration;

const FILES: &[&str] = &[
    "base/",
    "base/deployment.yaml",
    "base/kustomization.yaml",
    "link@",
    "overlays/",
    "overlays/production/",
    "overlays/production/kustomization.yaml",
    "run.sh*",
];

fn basic(username: &str, password: &str) -> Access {
    let credentials = Credentials::Basic { username: username.into(), password: password.into() };
    Access { credentials, plain_http: PlainHttp::WithCredentials, ..Access::default() }
}

fn remote(url: &str, access: Access) -> Remote {
    client().remote(url, access, Duration::from_secs(20)).unwrap()
}

fn main_branch() -> Reference {
    Reference::Branch("main".into())
}

async fn fetch(remote: &Remote, reference: Reference) -> Result<Fetched, Error> {
    remote.fetch(&reference, &FetchOptions::default()).await
}

#[tokio::test]
async fn a_branch_comes_as_its_files_and_nothing_else() {
    for old in [false, true] {
        let repository = Repository::with_files();
        let first = repository.id("HEAD");
        repository.write("base/deployment.yaml", "kind: Deployment # changed\n");
        let second = repository.commit("Second\n\nmore");
        let httpd = Httpd::start(repository.parent(), Options { old, ..Options::default() }).await;
        let fetched = fetch(&anonymous(&httpd.url("repo.git")), main_branch()).await.unwrap();
        assert_eq!(paths(&fetched), FILES);
        assert_eq!(fetched.tree.read("base/deployment.yaml").unwrap().as_ref(), b"kind: Deployment # changed\n");
        assert_eq!(fetched.resolved.revision(), format!("main@sha1:{second}"));
        assert_eq!(fetched.commit.subject(), "Second");
        assert_eq!(fetched.commit.parents, [ObjectId::from_hex(first.as_bytes()).unwrap()]);
        assert_eq!(fetched.commit.committer.name, "Nobody");
    }
}

#[tokio::test]
async fn tags_ranges_names_and_head_are_found() {
    for old in [false, true] {
        let repository = Repository::with_files();
        let first = repository.id("HEAD");
        repository.git(&["tag", "v1.0.0"]);
        let second = repository.commit("Second");
        repository.git(&["tag", "-a", "v1.2.0", "-m", "annotated"]);
        repository.git(&["tag", "v2.0.0-rc.1"]);
        repository.git(&["tag", "other"]);
        repository.git(&["update-ref", "refs/pull/7/head", &first]);
        let third = repository.commit("Third");
        let httpd = Httpd::start(repository.parent(), Options { old, ..Options::default() }).await;
        let remote = anonymous(&httpd.url("repo.git"));
        let revision = async |reference| fetch(&remote, reference).await.unwrap().resolved.revision();
        assert_eq!(revision(Reference::Head).await, format!("main@sha1:{third}"));
        assert_eq!(revision(Reference::Tag("v1.0.0".into())).await, format!("v1.0.0@sha1:{first}"));
        assert_eq!(revision(Reference::Semver(">=1.0.0".into())).await, format!("v1.2.0@sha1:{second}"));
        let name = |name: &str| Reference::Name(name.into());
        assert_eq!(revision(name("refs/pull/7/head")).await, format!("refs/pull/7/head@sha1:{first}"));
        assert_eq!(revision(name("refs/tags/v1.2.0")).await, format!("refs/tags/v1.2.0@sha1:{second}"));
        let tagged = fetch(&remote, Reference::Tag("v1.2.0".into())).await.unwrap();
        assert_eq!(tagged.tag.unwrap().message.trim(), "annotated");
        let none = fetch(&remote, Reference::Semver(">=3".into())).await.unwrap_err();
        assert!(matches!(none, Error::NoMatchingTag { candidates: 3, .. }), "{none}");
    }
}

#[tokio::test]
async fn of_equal_versions_the_newest_commit_is_taken() {
    let repository = Repository::with_files();
    repository.git(&["tag", "1.0.0+b"]);
    let second = repository.commit("Second");
    repository.git(&["tag", "1.0.0+a"]);
    let httpd = Httpd::start(repository.parent(), Options::default()).await;
    let fetched = fetch(&anonymous(&httpd.url("repo.git")), Reference::Semver("1.x".into())).await.unwrap();
    assert_eq!(fetched.resolved.revision(), format!("1.0.0+a@sha1:{second}"));
}

#[tokio::test]
async fn a_commit_must_be_on_its_branch() {
    for (old, filter) in [(false, "true"), (false, "false"), (true, "true"), (true, "false")] {
        let repository = Repository::with_files();
        repository.git(&["config", "uploadpack.allowFilter", filter]);
        let first = repository.id("HEAD");
        let second = repository.commit("Second");
        repository.git(&["checkout", "-q", "-b", "side"]);
        let aside = repository.commit("Aside");
        repository.git(&["checkout", "-q", "main"]);
        let lost = repository.git(&["commit-tree", "-m", "lost", "HEAD^{tree}"]);
        let httpd = Httpd::start(repository.parent(), Options { old, ..Options::default() }).await;
        let remote = anonymous(&httpd.url("repo.git"));
        let commit =
            |id: &str, branch: Option<&str>| Reference::Commit { id: id.into(), branch: branch.map(str::to_owned) };
        let revision = async |reference| fetch(&remote, reference).await.map(|it| it.resolved.revision());
        assert_eq!(revision(commit(&first, Some("main"))).await.unwrap(), format!("main@sha1:{first}"));
        assert_eq!(revision(commit(&second, Some("main"))).await.unwrap(), format!("main@sha1:{second}"));
        assert_eq!(revision(commit(&first, None)).await.unwrap(), format!("sha1:{first}"));
        assert_eq!(revision(commit(&aside, None)).await.unwrap(), format!("sha1:{aside}"));
        let err = revision(commit(&aside, Some("main"))).await.unwrap_err();
        assert!(matches!(err, Error::CommitNotOnBranch { .. }), "{err}");
        let err = revision(commit(&lost, None)).await.unwrap_err();
        assert!(matches!(err, Error::CommitNotFound { .. }), "{err}");
        let err = revision(commit(&"1".repeat(40), None)).await.unwrap_err();
        assert!(matches!(err, Error::CommitNotFound { .. }), "{err}");
        let err = revision(commit(&first, Some("none"))).await.unwrap_err();
        assert!(matches!(err, Error::ReferenceNotFound { .. }), "{err}");
    }
}

#[tokio::test]
async fn what_is_missing_is_named() {
    for old in [false, true] {
        let repository = Repository::with_files();
        let httpd = Httpd::start(repository.parent(), Options { old, ..Options::default() }).await;
        let remote = anonymous(&httpd.url("repo.git"));
        let err = fetch(&remote, Reference::Branch("none".into())).await.unwrap_err().to_string();
        assert!(
            err.contains("reference `refs/heads/none` not found") && err.contains("default branch is `main`"),
            "{err}"
        );
        let err = fetch(&anonymous(&httpd.url("other.git")), main_branch()).await.unwrap_err();
        assert!(matches!(err, Error::RepositoryNotFound { .. }), "{err}");
        let empty = Repository::new();
        let httpd = Httpd::start(empty.parent(), Options { old, ..Options::default() }).await;
        for reference in [main_branch(), Reference::Head, Reference::Semver("*".into())] {
            let err = fetch(&anonymous(&httpd.url("repo.git")), reference).await.unwrap_err();
            assert!(matches!(err, Error::EmptyRepository { .. }), "{err}");
        }
    }
}

#[tokio::test]
async fn an_unborn_head_beside_other_branches_is_no_empty_repository() {
    let repository = Repository::with_files();
    repository.git(&["symbolic-ref", "HEAD", "refs/heads/unborn"]);
    let httpd = Httpd::start(repository.parent(), Options::default()).await;
    let remote = anonymous(&httpd.url("repo.git"));
    let err = fetch(&remote, Reference::Branch("none".into())).await.unwrap_err();
    assert!(matches!(err, Error::ReferenceNotFound { .. }), "{err}");
    fetch(&remote, main_branch()).await.unwrap();
}

#[tokio::test]
async fn a_sha256_repository_is_refused_by_name() {
    let repository = Repository::with_files();
    std::fs::remove_dir_all(repository.path().join(".git")).unwrap();
    repository.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    repository.commit("First");
    let httpd = Httpd::start(repository.parent(), Options::default()).await;
    for url in [httpd.url("repo.git"), repository.url()] {
        let err = fetch(&anonymous(&url), main_branch()).await.unwrap_err();
        assert!(matches!(&err, Error::Unsupported { what, .. } if what.contains("format")), "{err}");
    }
}

#[tokio::test]
async fn credentials_are_sent_and_checked() {
    let repository = Repository::with_files();
    // me:secret
    let options = Options { authorization: Some("Basic bWU6c2VjcmV0".into()), ..Options::default() };
    let httpd = Httpd::start(repository.parent(), options).await;
    let url = httpd.url("repo.git");
    fetch(&remote(&url, basic("me", "secret")), main_branch()).await.unwrap();
    let inline = url.replace("localhost", "me:secret@localhost");
    fetch(&remote(&inline, Access { plain_http: PlainHttp::WithCredentials, ..Access::default() }), main_branch())
        .await
        .unwrap();
    let err = fetch(&remote(&url, basic("me", "wrong-password")), main_branch()).await.unwrap_err();
    assert!(err.is_authentication() && !err.to_string().contains("wrong-password"), "{err}");
    let err = fetch(&anonymous(&url), main_branch()).await.unwrap_err();
    assert!(err.is_authentication() && err.to_string().contains("secretRef"), "{err}");
    let options = Options { authorization: Some("Bearer token".into()), ..Options::default() };
    let httpd = Httpd::start(repository.parent(), options).await;
    let bearer = Access {
        credentials: Credentials::Bearer("token".into()),
        plain_http: PlainHttp::WithCredentials,
        ..Access::default()
    };
    fetch(&remote(&httpd.url("repo.git"), bearer), main_branch()).await.unwrap();
}

#[tokio::test]
async fn nothing_new_costs_one_round_trip_for_all() {
    let repository = Repository::with_files();
    let httpd = Httpd::start(repository.parent(), Options::default()).await;
    let client = client();
    let look = |freshness| {
        let remote = client.remote(&httpd.url("repo.git"), Access::default(), Duration::from_secs(20)).unwrap();
        async move { remote.resolve(&main_branch(), freshness).await.unwrap() }
    };
    look(Freshness::Recent).await;
    assert_eq!(httpd.log(), ["GET /repo.git/info/refs", "POST /repo.git/git-upload-pack"]);
    let since = Freshness::Since(std::time::Instant::now());
    futures::future::join_all((0..50).map(|_| look(since))).await;
    assert_eq!(httpd.log().len(), 3, "the handshake is remembered, the listing shared");
    let second = repository.commit("Second");
    let seen = look(Freshness::Since(std::time::Instant::now())).await;
    assert_eq!(seen.revision(), format!("main@sha1:{second}"));
}

#[tokio::test]
async fn sparse_checkout_reads_only_what_is_wanted() {
    let repository = Repository::with_files();
    let httpd = Httpd::start(repository.parent(), Options::default()).await;
    let remote = anonymous(&httpd.url("repo.git"));
    let sparse = async |dirs: &[&str]| {
        let options = FetchOptions { sparse: dirs.iter().map(|it| it.to_string()).collect(), submodules: false };
        remote.fetch(&main_branch(), &options).await.map(|it| paths(&it))
    };
    assert_eq!(sparse(&["./base"]).await.unwrap(), &FILES[..3]);
    assert_eq!(sparse(&["overlays/production/"]).await.unwrap(), &FILES[4..7]);
    assert_eq!(sparse(&["./"]).await.unwrap(), FILES);
    for missing in ["none", "base/none", "run.sh"] {
        let err = sparse(&["base", missing]).await.unwrap_err();
        assert!(matches!(&err, Error::SparsePathMissing { path, .. } if path == missing), "{err}");
    }
    assert!(matches!(sparse(&["../x"]).await, Err(Error::RefusedEntry { .. })));
}

#[tokio::test]
async fn a_redirect_is_followed_on_the_same_host_with_credentials_only_for_the_same_server() {
    let repository = Repository::with_files();
    let target = Httpd::start(repository.parent(), Options::default()).await;
    let to = |location: String| Options { redirect: Some((301, location)), ..Options::default() };
    let moved = target.url("repo.git/info/refs?service=git-upload-pack");
    let httpd = Httpd::start(repository.parent(), to(moved.clone())).await;
    fetch(&remote(&httpd.url("old.git"), basic("me", "secret")), main_branch()).await.unwrap();
    assert!(httpd.log().iter().all(|it| it.ends_with("+auth")));
    assert!(target.log().iter().all(|it| !it.ends_with("+auth")), "another port is another server");

    let refused = async |location: &str, access: Access| {
        let httpd = Httpd::start(repository.parent(), to(location.to_owned())).await;
        let err = fetch(&remote(&httpd.url("repo.git"), access), main_branch()).await.unwrap_err();
        assert!(matches!(err, Error::Redirect { .. }), "{location}: {err}");
    };
    let elsewhere = moved.replace("localhost", "127.0.0.1");
    let before = target.log().len();
    refused(&elsewhere, basic("me", "secret")).await;
    assert_eq!(target.log().len(), before, "no connection to a host that nobody named");
    refused("file:///etc/info/refs", Access::default()).await;
    refused("http://localhost/login", Access::default()).await;
    refused("http://me:pw@localhost/a/info/refs", Access::default()).await;
    refused("/repo.git/info/refs?service=git-upload-pack", Access::default()).await;

    let httpd = Httpd::start(repository.parent(), to(elsewhere)).await;
    let access = Access { redirects: Redirects::AnyHost, ..basic("me", "secret") };
    fetch(&remote(&httpd.url("repo.git"), access), main_branch()).await.unwrap();
    assert!(target.log().iter().all(|it| !it.ends_with("+auth")));
}

#[tokio::test]
async fn tls_trusts_the_given_authority_and_shows_the_client_certificate() {
    let pki = Pki::new();
    let repository = Repository::with_files();
    let options = Options { tls: Some(pki.server()), ..Options::default() };
    let httpd = Httpd::start(repository.parent(), options).await;
    let client = ClientCertificate { certificate: pki.client.0.clone(), key: pki.client.1.clone().into() };
    let access = |ca: bool, client: Option<&ClientCertificate>| Access {
        tls: Tls { ca: ca.then(|| pki.ca.clone()), client: client.cloned() },
        ..Access::default()
    };
    let url = httpd.url("repo.git");
    fetch(&remote(&url, access(true, Some(&client))), main_branch()).await.unwrap();
    for access in [access(false, Some(&client)), access(true, None)] {
        let err = fetch(&remote(&url, access), main_branch()).await.unwrap_err();
        assert!(matches!(err, Error::Connection { .. }), "{err}");
    }
    for tls in [
        Tls { ca: Some("junk".into()), client: None },
        Tls { ca: None, client: Some(ClientCertificate { certificate: "junk".into(), key: "canary".into() }) },
    ] {
        let err = fetch(&remote(&url, Access { tls, ..Access::default() }), main_branch()).await.unwrap_err();
        assert!(matches!(err, Error::InvalidCredentials { .. }) && !err.to_string().contains("canary"), "{err}");
    }
}

/// An authority, a server's certificate and a client's.
struct Pki {
    ca: String,
    server: (String, String),
    client: (String, String),
}

impl Pki {
    fn new() -> Self {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let signed = |name: &str| {
            let key = KeyPair::generate().unwrap();
            let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
            (certificate.pem(), key.serialize_pem())
        };
        Pki { server: signed("localhost"), client: signed("client"), ca }
    }

    /// A server that wants a client certificate.
    fn server(&self) -> Arc<tokio_rustls::rustls::ServerConfig> {
        use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
        use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto, server::WebPkiClientVerifier};
        let certificate = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.ca)).unwrap();
        let provider = Arc::new(crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.server.1.as_bytes()).unwrap();
        let config =
            builder.with_client_cert_verifier(verifier).with_single_cert(vec![certificate(&self.server.0)], key);
        Arc::new(config.unwrap())
    }
}
