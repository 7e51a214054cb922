//! Listing references: version 2's `ls-refs`, or what the advertisement of older versions has said already.

use super::advert::{check_listing, no_reference, parse_line};
use super::packets::{Packet, text};
use super::{AGENT, Connection, line};
use crate::error::Error;
use crate::limits::Limits;
use crate::refs::{Ref, RefList, check_name};
use gix::ObjectId;

/// Lists what begins with one of `prefixes`, and `HEAD`; everything if there are none.
pub(crate) async fn list(connection: &mut Connection, prefixes: &[String], limits: &Limits) -> Result<RefList, Error> {
    let advert = connection.advert();
    if !advert.v2 {
        return Ok(advert.refs.clone());
    }
    let unborn = advert.has_feature("ls-refs", "unborn");
    let mut body = Vec::new();
    line(&mut body, "command=ls-refs\n");
    line(&mut body, &format!("agent={AGENT}\n"));
    if advert.has("object-format") {
        line(&mut body, "object-format=sha1\n");
    }
    body.extend_from_slice(b"0001");
    line(&mut body, "peel\n");
    line(&mut body, "symrefs\n");
    if unborn {
        line(&mut body, "unborn\n");
    }
    if !prefixes.is_empty() {
        // Tells an empty repository from a missing branch, and names the default branch in messages.
        line(&mut body, "ref-prefix HEAD\n");
    }
    for prefix in prefixes.iter().filter(|it| *it != "HEAD") {
        line(&mut body, &format!("ref-prefix {prefix}\n"));
    }
    body.extend_from_slice(b"0000");

    let packets = connection.request(body).await?;
    let mut refs = RefList { complete: prefixes.is_empty(), ..RefList::default() };
    let mut bytes = 0u64;
    loop {
        let data = match packets.expect().await? {
            Packet::Data(data) => data,
            Packet::Flush => break,
            Packet::Delimiter | Packet::End => return Err(packets.protocol("a delimiter among references".into())),
        };
        bytes += data.len() as u64;
        check_listing(bytes, refs.len(), limits, packets.url())?;
        let text = match text(&data, packets) {
            Ok(text) => text,
            // A name that is not UTF-8 is allowed, but nobody can ask for it.
            Err(_) if data.is_ascii() => return Err(packets.protocol(no_reference(&data))),
            Err(_) => continue,
        };
        if let Some(rest) = text.strip_prefix("unborn ") {
            let target = rest.split(' ').find_map(|it| it.strip_prefix("symref-target:"));
            refs.unborn = Some(target.unwrap_or("HEAD").to_owned());
            continue;
        }
        let (name, it) = parse(text).ok_or_else(|| packets.protocol(no_reference(&data)))?;
        check_name(name).map_err(|err| packets.protocol(err.to_string()))?;
        refs.insert(name.to_owned(), it);
    }
    Ok(refs)
}

/// `<id> <name> [symref-target:<name>] [peeled:<id>]`
fn parse(text: &str) -> Option<(&str, Ref)> {
    let (id, rest) = parse_line(text.as_bytes())?;
    let mut words = rest?.split(' ');
    let name = words.next()?;
    let mut it = Ref { id, peeled: None, target: None };
    for word in words {
        if let Some(target) = word.strip_prefix("symref-target:") {
            check_name(target).ok()?;
            it.target = Some(target.to_owned());
        } else if let Some(peeled) = word.strip_prefix("peeled:") {
            it.peeled = Some(ObjectId::from_hex(peeled.as_bytes()).ok()?);
        }
    }
    Some((name, it))
}
