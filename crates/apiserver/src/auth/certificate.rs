//! The user that a client certificate names: common name and organizations of its subject.

/// Reads the common name and the organizations of an X.509 certificate (DER) whose signature has been checked.
pub fn subject(certificate: &[u8]) -> Option<(String, Vec<String>)> {
    const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
    const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0A];
    let (certificate, _) = take(certificate, SEQUENCE)?;
    let (mut fields, _) = take(certificate, SEQUENCE)?;
    if let Some((_, rest)) = take(fields, VERSION) {
        fields = rest;
    }
    // serial number, signature algorithm, issuer, validity
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE] {
        fields = take(fields, tag)?.1;
    }
    let (mut names, _) = take(fields, SEQUENCE)?;
    let (mut common_name, mut organizations) = (String::new(), Vec::new());
    while let Some((mut set, rest)) = take(names, SET) {
        names = rest;
        while let Some((pair, next)) = take(set, SEQUENCE) {
            set = next;
            let (oid, value) = take(pair, OID)?;
            let text = String::from_utf8_lossy(any(value)?.1).into_owned();
            match oid {
                COMMON_NAME => common_name = text,
                ORGANIZATION => organizations.push(text),
                _ => {}
            }
        }
    }
    Some((common_name, organizations))
}

const INTEGER: u8 = 0x02;
const OID: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xA0;

/// The contents of the leading value if it has `tag`, and what follows it.
fn take(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, contents, rest) = any_with_rest(bytes)?;
    (found == tag).then_some((contents, rest))
}

fn any(bytes: &[u8]) -> Option<(u8, &[u8])> {
    any_with_rest(bytes).map(|(tag, contents, _)| (tag, contents))
}

fn any_with_rest(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = bytes.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let length = if *first < 0x80 {
        usize::from(*first)
    } else {
        let (digits, after) = rest.split_at_checked(usize::from(first & 0x7F))?;
        if digits.len() > 4 {
            return None;
        }
        rest = after;
        digits.iter().fold(0usize, |sum, digit| (sum << 8) | usize::from(*digit))
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((*tag, contents, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::Authority;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    #[test]
    fn a_client_certificate_names_user_and_group() {
        let authority = Authority::open(None).unwrap();
        let identity = authority.client("alice", "team-a").unwrap();
        let der = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
        assert_eq!(subject(&der), Some(("alice".to_owned(), vec!["team-a".to_owned()])));
    }

    #[test]
    fn rubbish_is_no_certificate() {
        assert_eq!(subject(&[0x30, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x30]), None);
        assert_eq!(subject(&[]), None);
    }
}
