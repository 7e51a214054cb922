//! One 512-byte block that describes an entry: V7, USTAR, GNU.

/// Bytes of a block.
pub(super) const BLOCK: usize = 512;

/// A header block.
pub(super) struct Header<'a>(pub(super) &'a [u8; BLOCK]);

impl<'a> Header<'a> {
    /// Whether the block's checksum is right, as signed or unsigned bytes (old tars summed signed ones).
    pub(super) fn checksum_holds(&self) -> bool {
        let Some(want) = number(&self.0[148..156]) else { return false };
        let bytes = || self.0.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { b' ' } else { *b });
        let unsigned: i64 = bytes().map(i64::from).sum();
        let signed: i64 = bytes().map(|b| i64::from(b.cast_signed())).sum();
        i64::try_from(want).is_ok_and(|want| want == unsigned || want == signed)
    }

    /// The type flag.
    pub(super) fn kind(&self) -> u8 {
        self.0[156]
    }

    /// The name, with the prefix that USTAR adds.
    pub(super) fn name(&self) -> Vec<u8> {
        let name = text(&self.0[..100]);
        let prefix = if !self.0[257..].starts_with(b"ustar\0") {
            b""
        } else if self.0[508..] == *b"tar\0" {
            text(&self.0[345..476])
        } else {
            text(&self.0[345..500])
        };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    /// Where a link points to.
    pub(super) fn link(&self) -> &'a [u8] {
        text(&self.0[157..257])
    }

    /// Bytes of content; `None` when that is no sane number.
    pub(super) fn size(&self) -> Option<u64> {
        number(&self.0[124..136])
    }

    /// Permission bits; `None` when that is no number.
    pub(super) fn mode(&self) -> Option<u64> {
        number(&self.0[100..108])
    }
}

/// Up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    field.split(|b| *b == 0).next().unwrap_or(field)
}

/// Octal digits between blanks and NULs, or a positive big-endian number after a byte of 0x80.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        // The next bit is the sign.
        if field[0] & 0x40 != 0 {
            return None;
        }
        let mut bytes = std::iter::once(field[0] & 0x7f).chain(field[1..].iter().copied());
        return bytes.try_fold(0_u64, |n, byte| Some(n.checked_mul(256)? | u64::from(byte)));
    }
    let start = field.iter().position(|b| !matches!(b, b' ' | 0)).unwrap_or(field.len());
    let digits = text(&field[start..]).trim_ascii();
    digits.iter().try_fold(0_u64, |n, digit| {
        let digit = digit.checked_sub(b'0').filter(|d| *d < 8)?;
        n.checked_mul(8)?.checked_add(u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary_and_never_negative() {
        for (field, want) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b" 644 \0\0\0", Some(0o644)),
            (b"\0\0\0\0\0\0\0\0", Some(0)),
            (b"77777777777\0", Some(0o77_777_777_777)),
            (b"\x80\0\0\0\0\0\0\0\0\0\x01\0", Some(256)),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
            (b"\x80\x01\0\0\0\0\0\0\0\0\0\0", None),
            (b"-000001\0", None),
            (b"0000008\0", None),
            (b"12 34\0\0\0", None),
        ] {
            assert_eq!(number(field), want, "{field:?}");
        }
    }
}
