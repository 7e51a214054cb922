//! Deltas: an object as copies from another and bytes of its own.

/// The object that `instructions` make of `base`.
///
/// # Errors
/// A description, for sizes that do not add up, copies from outside of the base, a reserved instruction, and results
/// of more than `limit` bytes.
pub(crate) fn apply(base: &[u8], instructions: &[u8], limit: u64) -> Result<Vec<u8>, String> {
    let mut input = instructions;
    let claimed = size(&mut input)?;
    if claimed != base.len() as u64 {
        return Err(format!("a delta is for a base of {claimed} bytes, but its base has {}", base.len()));
    }
    let result = size(&mut input)?;
    if result > limit {
        return Err(format!("a delta makes an object of {result} bytes, more than the limit of {limit}"));
    }
    let result = usize::try_from(result).map_err(|_| "a delta makes an object larger than memory".to_owned())?;
    // A delta is honest about its size or refused, but its size alone must not allocate much.
    let mut out = Vec::with_capacity(result.min(1 << 20));
    while let Some((&instruction, rest)) = input.split_first() {
        input = rest;
        let bytes = if instruction & 0x80 != 0 {
            let offset = operand(&mut input, instruction, 4)?;
            let length = match operand(&mut input, instruction >> 4, 3)? {
                0 => 0x10000,
                length => length,
            };
            base.get(offset..offset + length).ok_or("a delta copies from beyond its base")?
        } else if instruction != 0 {
            let (own, rest) = input.split_at_checked(instruction as usize).ok_or("a delta is cut short")?;
            input = rest;
            own
        } else {
            return Err("a delta holds a reserved instruction".into());
        };
        if out.len() + bytes.len() > result {
            return Err(format!("a delta makes more than the {result} bytes it claims"));
        }
        if out.capacity() - out.len() < bytes.len() {
            out.reserve_exact((out.len().max(bytes.len())).min(result - out.len()));
        }
        out.extend_from_slice(bytes);
    }
    if out.len() != result {
        return Err(format!("a delta makes {} bytes but claims {result}", out.len()));
    }
    Ok(out)
}

/// The size of the object that `instructions` make, by their own account.
pub(crate) fn result_size(instructions: &[u8]) -> Result<u64, String> {
    let mut input = instructions;
    size(&mut input)?;
    size(&mut input)
}

/// A size: seven bits a byte, the lowest first.
fn size(input: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let (&byte, rest) = input.split_first().ok_or("a delta is cut short")?;
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a delta claims a size beyond 63 bits".into())
}

/// A number of up to `count` bytes, the lowest first, of which the bits of `present` say which are there.
fn operand(input: &mut &[u8], present: u8, count: u8) -> Result<usize, String> {
    let mut value = 0usize;
    for at in 0..count {
        if present & (1 << at) != 0 {
            let (&byte, rest) = input.split_first().ok_or("a delta is cut short")?;
            *input = rest;
            value |= (byte as usize) << (8 * at);
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn refused(base: &[u8], instructions: &[u8], part: &str) {
        let err = apply(base, instructions, 1 << 20).unwrap_err();
        assert!(err.contains(part), "{err}");
    }

    #[test]
    fn copies_and_insertions_make_the_result() {
        assert_eq!(apply(b"hello", b"\x05\x06\x90\x05\x01!", 100).unwrap(), b"hello!");
    }

    #[test]
    fn deltas_that_lie_are_refused() {
        refused(b"ab", b"\x03\x01\x01x", "base of 3 bytes");
        refused(b"ab", b"\x02\x01\x90\x03", "beyond its base");
        refused(b"ab", b"\x02\x01\x02xy", "more than the 1 bytes");
        refused(b"ab", b"\x02\x03\x01x", "makes 1 bytes but claims 3");
        refused(b"ab", b"\x02\x01\x00", "reserved");
        refused(b"ab", b"\x02\x05\x05x", "cut short");
        refused(b"ab", b"\x02\xff\xff\xff\xff\x7f", "limit");
        refused(b"ab", b"\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "63 bits");
    }

    proptest! {
        #[test]
        fn no_instructions_make_it_panic(base: Vec<u8>, instructions: Vec<u8>) {
            let _ = apply(&base, &instructions, 1 << 16);
        }
    }
}
