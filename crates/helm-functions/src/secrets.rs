//! bcrypt, htpasswd, passwords derived of a master password, AES.

use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use blowfish::Blowfish;
use sluice_gotemplate::{Call, Error, Functions, Param};

use crate::convert::{Outcome, STR, fail, int, ok, text};

/// Rounds are two to this power: what Helm takes, and templates cannot choose another.
const BCRYPT_COST: u32 = 10;
/// The longest password that bcrypt looks at.
const BCRYPT_BYTES: usize = 72;
const BCRYPT_ALPHABET: &str = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

pub(crate) fn add(f: &mut Functions) {
    f.add("bcrypt", &[STR], None, |call, a| ok(bcrypt(call, a[0].bytes().unwrap_or_default())?));
    f.add("htpasswd", &[STR, STR], None, |call, a| {
        let user = text(&a[0]);
        if user.contains(':') {
            return ok(format!("invalid username: {user}"));
        }
        ok(format!("{user}:{}", bcrypt(call, a[1].bytes().unwrap_or_default())?))
    });
    f.add("derivePassword", &[Param::Uint32, STR, STR, STR, STR], None, |call, a| {
        let counter = u32::try_from(int(&a[0])).unwrap_or(0);
        derive(call, counter, &text(&a[1]), [&text(&a[2]), &text(&a[3]), &text(&a[4])])
    });
    f.add("encryptAES", &[STR, STR], None, |_, a| {
        let mut data = a[1].bytes().unwrap_or_default().to_vec();
        let iv = random::<16>()?;
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(aes_key(a[0].bytes())?).map_err(|_| no_cipher())?;
        key.less_safe_encrypt(&mut data, EncryptionContext::Iv128(FixedLength::from(iv))).map_err(|_| no_cipher())?;
        let mut out = iv.to_vec();
        out.append(&mut data);
        ok(crate::encoding::base64_text(&out))
    });
    f.add("decryptAES", &[STR, STR], None, |_, a| {
        let encoded = a[1].bytes().unwrap_or_default();
        let Ok(mut data) = base64::engine::general_purpose::STANDARD.decode(encoded) else {
            return fail(format!("illegal base64 data at input byte {}", crate::encoding::bad_base64(encoded)));
        };
        let Some((iv, body)) = data.split_first_chunk_mut::<16>() else {
            return fail(format!("runtime error: slice bounds out of range [:16] with capacity {}", data.len()));
        };
        if body.len() % 16 != 0 {
            return fail("crypto/cipher: input not full blocks");
        }
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(aes_key(a[0].bytes())?).map_err(|_| no_cipher())?;
        let plain = key.decrypt(body, DecryptionContext::Iv128(FixedLength::from(*iv)));
        ok(plain.map_err(|_| Error::new("the text was not encrypted with this key"))?.to_vec())
    });
}

fn no_cipher() -> Error {
    Error::new("cannot encrypt")
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    crate::crypto::fill(&mut bytes)?;
    Ok(bytes)
}

/// The password itself, cut or filled up with zeros.
fn aes_key(password: Option<&[u8]>) -> Result<UnboundCipherKey, Error> {
    let mut key = [0; 32];
    for (slot, byte) in key.iter_mut().zip(password.unwrap_or_default()) {
        *slot = *byte;
    }
    UnboundCipherKey::new(&AES_256, &key).map_err(|_| no_cipher())
}

/// A `$2a$` hash, or a sentence why not, which Helm renders.
fn bcrypt(call: &mut Call<'_, '_>, password: &[u8]) -> Result<String, Error> {
    if password.len() > BCRYPT_BYTES {
        return Ok("failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".into());
    }
    call.expensive()?;
    let salt = random::<16>()?;
    Ok(bcrypt_with(password, &salt))
}

fn bcrypt_with(password: &[u8], salt: &[u8; 16]) -> String {
    let mut key = password.to_vec();
    key.push(0);
    let mut state: Blowfish = Blowfish::bc_init_state();
    state.salted_expand_key(salt, &key);
    for _ in 0..1u32 << BCRYPT_COST {
        state.bc_expand_key(&key);
        state.bc_expand_key(salt);
    }
    let mut hash = Vec::with_capacity(24);
    for block in b"OrpheanBeholderScryDoubt".chunks_exact(8) {
        let half = |at: usize| u32::from_be_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
        let mut pair = [half(0), half(4)];
        for _ in 0..64 {
            pair = state.bc_encrypt(pair);
        }
        hash.extend(pair.iter().flat_map(|half| half.to_be_bytes()));
    }
    hash.truncate(23);
    format!("$2a${BCRYPT_COST:02}${}{}", bcrypt_base64(salt), bcrypt_base64(&hash))
}

fn bcrypt_base64(bytes: &[u8]) -> String {
    let alphabet = BCRYPT_ALPHABET.as_bytes();
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            out.push(alphabet[(group >> (18 - 6 * at) & 63) as usize] as char);
        }
    }
    out
}

/// The public algorithm of Master Password, version 3.
fn derive(call: &mut Call<'_, '_>, counter: u32, kind: &str, [password, user, site]: [&str; 3]) -> Outcome {
    const SCOPE: &str = "com.lyndir.masterpassword";
    let Some(shapes) = shapes(kind) else {
        return ok(format!("cannot find password template {kind}"));
    };
    call.expensive()?;
    let sized = |text: &str| (text.len() as u32).to_be_bytes();
    let salt = [SCOPE.as_bytes(), &sized(user), user.as_bytes()].concat();
    let failed = |_| Error::new("cannot derive a key");
    let params = scrypt::Params::new(15, 8, 2).map_err(|_| Error::new("cannot derive a key"))?;
    let mut key = [0; 64];
    scrypt::scrypt(password.as_bytes(), &salt, &params, &mut key).map_err(failed)?;
    let message = [SCOPE.as_bytes(), &sized(site), site.as_bytes(), &counter.to_be_bytes()].concat();
    let seed = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &message);
    let (first, rest) = seed.as_ref().split_first().unwrap_or((&0, &[]));
    let shape = shapes[usize::from(*first) % shapes.len()];
    let chars = shape.bytes().zip(rest).map(|(class, byte)| {
        let class = class_of(class);
        class[usize::from(*byte) % class.len()] as char
    });
    ok(chars.collect::<String>())
}

fn shapes(kind: &str) -> Option<&'static [&'static str]> {
    Some(match kind {
        "maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        "long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        "medium" => &["CvcnoCvc", "CvcCvcno"],
        "short" => &["Cvcn"],
        "basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        "pin" => &["nnnn"],
        _ => return None,
    })
}

fn class_of(letter: u8) -> &'static [u8] {
    match letter {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}
