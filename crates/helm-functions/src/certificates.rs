//! Certificates: authorities, signed by one, signed by themselves.

use std::any::Any;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rsa::KeySize;
use base64::Engine as _;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use sluice_gotemplate::{Call, Error, Functions, Object, Param, Value};

use crate::convert::{INT, Outcome, STR, fail, int, text};

const TYPE: &str = "sprig.certificate";
const SIGNER: Param = Param::Named(TYPE);
const LIST: Param = Param::List;
/// The days a certificate may be valid from today: its dates stay between the years 1 and 9999.
const DAYS: std::ops::RangeInclusive<i64> = -700_000..=2_900_000;

#[derive(Debug)]
struct Certificate {
    cert: String,
    key: String,
}

impl Object for Certificate {
    fn type_name(&self) -> &str {
        TYPE
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Cert" => Some(Value::from(self.cert.as_str())),
            "Key" => Some(Value::from(self.key.as_str())),
            _ => None,
        }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::json!({ "Cert": self.cert, "Key": self.key })
    }

    fn print(&self, plus: bool) -> String {
        let Self { cert, key } = self;
        if plus { format!("{{Cert:{cert} Key:{key}}}") } else { format!("{{{cert} {key}}}") }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

pub(crate) fn add(f: &mut Functions) {
    f.add("genCA", &[STR, INT], None, |call, a| {
        let params = authority(&text(&a[0]), int(&a[1]))?;
        let key = new_key(call)?;
        itself(params, key, "")
    });
    f.add("genCAWithKey", &[STR, INT, STR], None, |call, a| {
        call.expensive()?;
        itself(authority(&text(&a[0]), int(&a[1]))?, text(&a[2]).into_owned(), "parsing private key: ")
    });
    f.add("genSelfSignedCert", &[STR, LIST, LIST, INT], None, |call, a| {
        let params = leaf(a)?;
        let key = new_key(call)?;
        itself(params, key, "")
    });
    f.add("genSelfSignedCertWithKey", &[STR, LIST, LIST, INT, STR], None, |call, a| {
        call.expensive()?;
        itself(leaf(a)?, text(&a[4]).into_owned(), "parsing private key: ")
    });
    f.add("genSignedCert", &[STR, LIST, LIST, INT, SIGNER], None, |call, a| {
        let params = leaf(a)?;
        let key = new_key(call)?;
        signed(params, key, &a[4])
    });
    f.add("genSignedCertWithKey", &[STR, LIST, LIST, INT, SIGNER, STR], None, |call, a| {
        call.expensive()?;
        signed(leaf(a)?, text(&a[5]).into_owned(), &a[4])
    });
    f.add("buildCustomCert", &[STR, STR], None, |_, a| {
        let decode = |value: &Value, what: &str| {
            let bytes = base64::engine::general_purpose::STANDARD.decode(value.bytes().unwrap_or_default());
            let bytes = bytes.map_err(|_| Error::new(format!("unable to decode base64 {what}")))?;
            Ok::<_, Error>(String::from_utf8_lossy(&bytes).into_owned())
        };
        let cert = decode(&a[0], "certificate")?;
        let key = decode(&a[1], "key")?;
        if !cert.contains("-----BEGIN ") {
            return fail("unable to decode certificate");
        }
        let parsed = parse_key(&key, "error parsing private key: ")?;
        let issuer = Issuer::from_ca_cert_pem(&cert, parsed);
        issuer.map_err(|error| Error::new(format!("error parsing certificate: decodedCert.Bytes: {error}")))?;
        Ok(Value::Object(Arc::new(Certificate { cert, key })))
    });
}

fn new_key(call: &mut Call<'_, '_>) -> Result<String, Error> {
    call.expensive()?;
    crate::keys::rsa(KeySize::Rsa2048)
}

fn parse_key(pem: &str, prefix: &str) -> Result<KeyPair, Error> {
    if !pem.contains("-----BEGIN ") {
        return fail(format!("{prefix}no PEM data in input"));
    }
    KeyPair::from_pem(pem).map_err(|error| Error::new(format!("{prefix}{error}")))
}

fn itself(params: CertificateParams, key: String, prefix: &str) -> Outcome {
    let pair = parse_key(&key, prefix)?;
    let cert = params.self_signed(&pair).map_err(|error| Error::new(format!("error creating certificate: {error}")))?;
    Ok(Value::Object(Arc::new(Certificate { cert: crate::keys::pem("CERTIFICATE", cert.der()), key })))
}

fn signed(mut params: CertificateParams, key: String, signer: &Value) -> Outcome {
    let Value::Object(signer) = signer else { return fail("unable to decode certificate") };
    let Some(signer) = signer.as_any().downcast_ref::<Certificate>() else {
        return fail("unable to decode certificate");
    };
    let pair = parse_key(&key, "parsing private key: ")?;
    let signer_key = parse_key(&signer.key, "error parsing private key: ")?;
    let issuer = Issuer::from_ca_cert_pem(&signer.cert, signer_key);
    let issuer =
        issuer.map_err(|error| Error::new(format!("error parsing certificate: decodedSignerCert.Bytes: {error}")))?;
    params.use_authority_key_identifier_extension = true;
    let cert = params.signed_by(&pair, &issuer);
    let cert = cert.map_err(|error| Error::new(format!("error creating certificate: {error}")))?;
    Ok(Value::Object(Arc::new(Certificate { cert: crate::keys::pem("CERTIFICATE", cert.der()), key })))
}

fn authority(name: &str, days: i64) -> Result<CertificateParams, Error> {
    let mut params = base(name, &[], &[], days)?;
    params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    Ok(params)
}

fn leaf(a: &[Value]) -> Result<CertificateParams, Error> {
    let items = |value: &Value| crate::convert::items(value).unwrap_or_default();
    base(&text(&a[0]), &items(&a[1]), &items(&a[2]), int(&a[3]))
}

fn base(name: &str, addresses: &[Value], names: &[Value], days: i64) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::default();
    params.subject_alt_names.clear();
    let shown = |value: &Value| sluice_gotemplate::sprint(std::slice::from_ref(value));
    for address in addresses {
        let Some(address) = address.text() else {
            return fail(format!("error parsing ip: {} is not a string", shown(address)));
        };
        let parsed = address.parse::<IpAddr>().map_err(|_| Error::new(format!("error parsing ip: {address}")))?;
        params.subject_alt_names.push(SanType::IpAddress(parsed));
    }
    for name in names {
        let Some(name) = name.text() else {
            return fail(format!("error processing alternate dns name: {} is not a string", shown(name)));
        };
        let name = name.into_owned().try_into();
        let name = name.map_err(|error| Error::new(format!("error creating certificate: {error}")))?;
        params.subject_alt_names.push(SanType::DnsName(name));
    }
    if !DAYS.contains(&days) {
        return fail(format!("{days} days are not within {DAYS:?} (limit: days of a certificate)"));
    }
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = date_time_ymd(1970, 1, 1) + Duration::from_secs(now.as_secs());
    let span = Duration::from_secs(days.unsigned_abs() * 86_400);
    params.not_before = now;
    params.not_after = if days < 0 { now - span } else { now + span };
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}
