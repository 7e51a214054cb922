//! The server's own certificate authority: its certificate, the server's, and client certificates.

use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// Why the certificates could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A key or certificate could not be made.
    #[error("certificates: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The TLS settings were refused.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The roots for client certificates were refused.
    #[error("client certificates: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// Keys could not be read or written.
    #[error("key files: {0}")]
    Io(#[from] std::io::Error),
}

/// The certificate authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    der: CertificateDer<'static>,
}

/// A certificate and its key, both PEM.
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Authority {
    /// A new authority, or the one in `directory`, where a new one is kept.
    ///
    /// # Errors
    /// When keys cannot be made, read or written.
    pub fn open(directory: Option<&Path>) -> Result<Self, TlsError> {
        if let Some(directory) = directory
            && let (Ok(certificate), Ok(key)) =
                (std::fs::read_to_string(directory.join("ca.crt")), std::fs::read_to_string(directory.join("ca.key")))
        {
            return Self::load(certificate, &key);
        }
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "sluice-ca");
        let signed = params.self_signed(&key)?;
        let (certificate, der) = (signed.pem(), signed.der().clone());
        if let Some(directory) = directory {
            std::fs::create_dir_all(directory)?;
            write_secret(&directory.join("ca.key"), &key.serialize_pem())?;
            std::fs::write(directory.join("ca.crt"), &certificate)?;
        }
        Ok(Self { issuer: Issuer::new(params, key), certificate, der })
    }

    fn load(certificate: String, key: &str) -> Result<Self, TlsError> {
        use rustls::pki_types::pem::PemObject;
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(std::io::Error::other)?;
        let issuer = Issuer::from_ca_cert_der(&der, KeyPair::from_pem(key)?)?;
        Ok(Self { issuer, der, certificate })
    }

    /// The authority's certificate, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A client certificate for a user in a group.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn client(&self, user: &str, group: &str) -> Result<Identity, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let signed = params.signed_by(&key, &self.issuer)?;
        Ok(Identity { certificate: signed.pem(), key: key.serialize_pem() })
    }

    /// TLS settings of a server reachable under `names`: HTTP/2 and HTTP/1.1, client certificates of this authority
    /// accepted but not demanded.
    ///
    /// # Errors
    /// When no key can be made or a name is no name.
    pub fn server(&self, names: &[String]) -> Result<ServerConfig, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.to_vec())?;
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let signed = params.signed_by(&key, &self.issuer)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone())?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .allow_unauthenticated()
            .build()?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![signed.der().clone(), self.der.clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// The names every server certificate carries, as kubeadm's does.
pub fn server_names(listen: IpAddr, extra: &[String]) -> Vec<String> {
    let mut names: Vec<String> = extra.to_vec();
    let fixed = [
        "localhost",
        "127.0.0.1",
        "::1",
        "10.96.0.1",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    names.extend(fixed.iter().map(|s| (*s).to_owned()));
    if !listen.is_unspecified() {
        names.push(listen.to_string());
    }
    names.sort();
    names.dedup();
    names
}

/// Writes a file that only its owner may read, atomically.
pub(crate) fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let temporary = path.with_extension(format!("tmp{}", std::process::id()));
    let _ = std::fs::remove_file(&temporary);
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}
