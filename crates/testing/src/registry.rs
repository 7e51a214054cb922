//! Debian's `docker-registry` as a process, with TLS and a password.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};
use tempfile::TempDir;

/// The user of [`DockerRegistry`].
pub const REGISTRY_USER: &str = "registry-user";
/// The user's password.
pub const REGISTRY_PASSWORD: &str = "registry-password";
/// bcrypt of it, the one form that the registry takes.
const HTPASSWD: &str = "$2b$04$X/1ltBKX0qsNx6Gq1umuT.t0N0J150HVgXJ533A4t3WnhNQ5ElsEW";

/// A registry that runs until it is dropped.
pub struct DockerRegistry {
    /// Where it listens.
    pub address: SocketAddr,
    /// The authority of its certificate, PEM; empty without TLS.
    pub ca: String,
    child: Child,
    _folder: TempDir,
}

/// How a registry is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// HTTPS, and a password is asked for.
    Locked,
    /// HTTP, for anybody.
    Open,
}

impl DockerRegistry {
    /// Starts one; `None`, said so, where the program is not installed.
    ///
    /// # Panics
    /// When it is installed and does not start.
    #[must_use]
    pub fn start(door: Door) -> Option<Self> {
        let Some(program) = find() else {
            println!("skipped: docker-registry is not installed (Debian package docker-registry)");
            return None;
        };
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let address = free_address();
        let (mut ca, mut more) = (String::new(), String::new());
        if door == Door::Locked {
            let authority = authority();
            let (certificate, key) = certificate(&authority);
            ca = authority.pem();
            write(&folder, "tls.crt", &certificate);
            write(&folder, "tls.key", &key);
            write(&folder, "htpasswd", &format!("{REGISTRY_USER}:{HTPASSWD}\n"));
            more = format!(
                "  tls:\n    certificate: {}\n    key: {}\nauth:\n  htpasswd:\n    realm: test\n    path: {}\n",
                path("tls.crt"),
                path("tls.key"),
                path("htpasswd"),
            );
        }
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: \
             true\nhttp:\n  addr: {address}\n{more}",
            path("data"),
        );
        write(&folder, "config.yml", &config);
        let mut command = Command::new(program);
        command.args(["serve", &path("config.yml")]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("docker-registry can be started");
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = child.try_wait().expect("a child can be waited for");
            assert!(ended.is_none() && start.elapsed() < Duration::from_secs(20), "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(DockerRegistry { address, ca, child, _folder: folder })
    }

    /// The docker configuration with its user and `password`.
    #[must_use]
    pub fn docker_config(&self, password: &str) -> String {
        let entry = serde_json::json!({"username": REGISTRY_USER, "password": password});
        serde_json::json!({"auths": {self.address.to_string(): entry}}).to_string()
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|it| it.join("docker-registry")).find(|it| it.is_file())
}

fn write(folder: &TempDir, name: &str, text: &str) {
    fs::write(folder.path().join(name), text).expect("a temporary file can be written");
}

/// A port below those that `:0` gives, so that no other test gets it before the registry listens.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 2_000).unwrap_or(0);
    for _ in 0..500 {
        let offset = (start + NEXT.fetch_add(1, Ordering::Relaxed) * 11) % 2_000;
        let address = SocketAddr::from(([127, 0, 0, 1], 30_500 + offset));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port between 30500 and 32500 is free")
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("no names are sound names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key can be made")).expect("it can be signed")
}

fn certificate(authority: &CertifiedIssuer<'static, KeyPair>) -> (String, String) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("the name is sound");
    params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
    let key = KeyPair::generate().expect("a key can be made");
    let signed = params.signed_by(&key, authority).expect("it can be signed");
    (signed.pem(), key.serialize_pem())
}
