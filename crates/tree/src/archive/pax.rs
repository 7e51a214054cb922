//! Extended headers: records of `LENGTH key=value\n`.

/// What extended headers say about the next entry; the rest of them (times, owners, attributes) does not matter here.
#[derive(Default, Debug, PartialEq, Eq)]
pub(super) struct Overrides {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

/// Reads the records; an error says what is wrong with them.
pub(super) fn parse(mut data: &[u8]) -> Result<Overrides, &'static str> {
    const BAD: &str = "malformed extended header";
    let mut out = Overrides::default();
    while !data.is_empty() {
        let blank = data.iter().take(20).position(|b| *b == b' ').ok_or(BAD)?;
        let length = decimal(&data[..blank]).and_then(|n| usize::try_from(n).ok()).ok_or(BAD)?;
        if length <= blank + 1 || length > data.len() || data[length - 1] != b'\n' {
            return Err(BAD);
        }
        let (record, rest) = data.split_at(length);
        data = rest;
        let record = &record[blank + 1..length - 1];
        let equals = record.iter().position(|b| *b == b'=').filter(|at| *at > 0).ok_or(BAD)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        match key {
            // An empty value takes the override back.
            b"path" => out.path = name(value)?,
            b"linkpath" => out.link = name(value)?,
            b"size" if value.is_empty() => out.size = None,
            b"size" => out.size = Some(decimal(value).ok_or("extended header with a size that is no number")?),
            key if key.starts_with(b"GNU.sparse.") => return Err("sparse files are not allowed"),
            _ => {}
        }
    }
    Ok(out)
}

fn name(value: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
    if value.contains(&0) {
        return Err("extended header with a NUL byte in a name");
    }
    Ok((!value.is_empty()).then(|| value.to_vec()))
}

fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_the_unknown_passed_over() {
        let got = parse(b"12 path=a/b\n19 linkpath=../c/d\n11 size=77\n13 mtime=1.5\n").unwrap();
        assert_eq!(got.path.as_deref(), Some(&b"a/b"[..]));
        assert_eq!(got.link.as_deref(), Some(&b"../c/d"[..]));
        assert_eq!(got.size, Some(77));
    }

    #[test]
    fn malformed_records_are_refused() {
        for data in [
            &b"12 path=a/b"[..],
            b"11 path=a/b\n",
            b"99 path=a/b\n",
            b"0 \n",
            b"-1 a=b\n",
            b"5 a=\n\n",
            b"99999999999999999999999 a=b\n",
            b"6 =ab\n",
            b"7 path\n",
            b"11 size=-1\n",
            b"11 path=a\0\n",
            b"22 GNU.sparse.major=1\n",
            b"\0\0\0\0",
        ] {
            assert!(parse(data).is_err(), "{}", String::from_utf8_lossy(data));
        }
    }
}
