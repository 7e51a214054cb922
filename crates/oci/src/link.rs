//! The `Link` header of listings (RFC 8288), as far as registries use it.

/// A header that is no list of links.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Junk;

/// The target of the link with `rel="next"`.
///
/// # Errors
/// [`Junk`]: an unreadable next page must not look like the end.
pub(crate) fn next(header: &str) -> Result<Option<&str>, Junk> {
    let mut rest = header;
    loop {
        let open = rest.trim_start_matches([',', ' ', '\t']).strip_prefix('<').ok_or(Junk)?;
        let (target, after) = open.split_once('>').ok_or(Junk)?;
        // Parameters reach to the next comma that stands outside of quotes.
        let mut quoted = false;
        let stop = after.find(|c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        let parameters = &after[..stop.unwrap_or(after.len())];
        let is_next = parameters.split(';').any(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value.trim().trim_matches('"').split_whitespace().any(|it| it.eq_ignore_ascii_case("next"))
            })
        });
        if is_next {
            return Ok(Some(target));
        }
        match stop {
            Some(stop) => rest = &after[stop..],
            None => return Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Junk, next};

    #[test]
    fn only_the_next_page_is_followed() {
        assert_eq!(next("</v2/a/tags/list?last=x>; rel=\"next\""), Ok(Some("/v2/a/tags/list?last=x")));
        assert_eq!(next("<http://h/x>; rel=next"), Ok(Some("http://h/x")));
        assert_eq!(next("</p>; rel=\"prev\", </n>; title=\"a,b\"; rel=\"next last\""), Ok(Some("/n")));
        assert_eq!(next("</p>; rel=\"prev\""), Ok(None));
        assert_eq!(next("junk"), Err(Junk));
        assert_eq!(next("<unfinished"), Err(Junk));
        assert_eq!(next("</p>; rel=\"prev\","), Err(Junk));
    }
}
