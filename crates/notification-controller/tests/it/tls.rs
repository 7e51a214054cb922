//! A certificate for this machine.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// An authority, and what it vouches for.
pub struct Certificate {
    /// The authority, PEM.
    pub ca: String,
    /// The certificate of `localhost`, PEM.
    pub certificate: String,
    /// Its key, PEM.
    pub key: String,
}

/// A certificate of `localhost` by an authority that nobody knows.
pub fn localhost() -> Certificate {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    Certificate { ca: authority.pem(), certificate: certificate.pem(), key: key.serialize_pem() }
}
