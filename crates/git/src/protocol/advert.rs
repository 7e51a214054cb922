//! What a server says first: protocol version, capabilities, and before version 2 all its references.

use super::packets::{Packet, Packets};
use crate::error::{Error, peer_text};
use crate::limits::Limits;
use crate::refs::{Ref, RefList, check_name};
use gix::ObjectId;

/// Most capabilities a server may name.
const CAPABILITIES: usize = 256;

/// The first words of a server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Advert {
    /// Version 2, in which references are asked for.
    pub v2: bool,
    capabilities: Vec<String>,
    /// Before version 2.
    pub refs: RefList,
}

impl Advert {
    /// Whether the server names `capability`, alone or with a value.
    pub(crate) fn has(&self, capability: &str) -> bool {
        self.value(capability).is_some()
    }

    /// The value of `capability`; empty if it has none.
    pub(crate) fn value(&self, capability: &str) -> Option<&str> {
        self.capabilities.iter().find_map(|it| match it.split_once('=') {
            Some((name, value)) => (name == capability).then_some(value),
            None => (it == capability).then_some(""),
        })
    }

    /// Whether version 2's `capability` has `feature` among its words.
    pub(crate) fn has_feature(&self, capability: &str, feature: &str) -> bool {
        self.value(capability).is_some_and(|it| it.split(' ').any(|word| word == feature))
    }

    /// Reads the advertisement. Over HTTP a line with the name of the service may come before it; an empty repository
    /// may say nothing at all.
    pub(crate) async fn read(packets: &mut Packets, limits: &Limits) -> Result<Advert, Error> {
        let mut advert = Advert::default();
        let mut bytes = 0u64;
        let mut first = true;
        loop {
            let packet = packets.expect().await?;
            let data = match packet {
                Packet::Data(data) => data,
                Packet::Flush => break,
                Packet::Delimiter | Packet::End => {
                    return Err(packets.protocol("a delimiter in the advertisement".into()));
                }
            };
            bytes += data.len() as u64;
            check_listing(bytes, advert.refs.len(), limits, packets.url())?;
            let line = data.strip_suffix(b"\n").unwrap_or(&data);
            if first && line.starts_with(b"# service=") {
                match packets.expect().await? {
                    Packet::Flush => continue,
                    _ => return Err(packets.protocol("no flush after the name of the service".into())),
                }
            }
            if first && line == b"version 2" {
                advert.v2 = true;
            } else if first && line == b"version 1" {
                // The line alone; what follows is version 0, whose first line is yet to come.
                continue;
            } else if advert.v2 {
                advert.capability(line, packets)?;
            } else {
                advert.reference(line, first, packets)?;
            }
            first = false;
        }
        if let Some(format) = advert.value("object-format").filter(|it| *it != "sha1") {
            let what = format!("the object format `{}`", peer_text(format.as_bytes()));
            return Err(Error::Unsupported { url: packets.url().to_owned(), what });
        }
        if !advert.v2 {
            advert.finish_v0();
        }
        Ok(advert)
    }

    fn capability(&mut self, line: &[u8], packets: &Packets) -> Result<(), Error> {
        if self.capabilities.len() >= CAPABILITIES {
            return Err(packets.protocol(format!("more than {CAPABILITIES} capabilities")));
        }
        self.capabilities.push(String::from_utf8_lossy(line).into_owned());
        Ok(())
    }

    /// `<id> <name>`, on the first line followed by NUL and capabilities.
    fn reference(&mut self, line: &[u8], first: bool, packets: &Packets) -> Result<(), Error> {
        let (line, capabilities) = match line.iter().position(|b| *b == 0) {
            Some(at) if first => (&line[..at], Some(&line[at + 1..])),
            _ => (line, None),
        };
        for word in capabilities.unwrap_or_default().split(|b| *b == b' ').filter(|it| !it.is_empty()) {
            self.capability(word, packets)?;
        }
        // Bounds of what a shallow repository has; it concerns history alone.
        if line.starts_with(b"shallow ") {
            return Ok(());
        }
        let (id, name) = parse_line(line).ok_or_else(|| packets.protocol(no_reference(line)))?;
        let Some(name) = name else { return Ok(()) };
        if name == "capabilities^{}" || name == ".have" {
            return Ok(());
        }
        if let Some(name) = name.strip_suffix("^{}") {
            self.refs.set_peeled(name, id);
            return Ok(());
        }
        check_name(name).map_err(|err| packets.protocol(err.to_string()))?;
        self.refs.insert(name.to_owned(), Ref { id, peeled: None, target: None });
        Ok(())
    }

    fn finish_v0(&mut self) {
        self.refs.complete = true;
        let symrefs: Vec<String> =
            self.capabilities.iter().filter_map(|it| it.strip_prefix("symref=")).map(str::to_owned).collect();
        for (name, target) in symrefs.iter().filter_map(|it| it.split_once(':')) {
            if check_name(target).is_ok() {
                self.refs.set_target(name, target);
            }
        }
    }
}

/// An id, and the name after it if that is UTF-8: Git allows others, an object of Kubernetes cannot name them.
pub(super) fn parse_line(line: &[u8]) -> Option<(ObjectId, Option<&str>)> {
    let (id, name) = line.split_at_checked(40)?;
    let id = ObjectId::from_hex(id).ok()?;
    Some((id, std::str::from_utf8(name.strip_prefix(b" ")?).ok()))
}

pub(super) fn no_reference(line: &[u8]) -> String {
    format!("no reference: `{}`", peer_text(&line[..line.len().min(80)]))
}

pub(super) fn check_listing(bytes: u64, refs: usize, limits: &Limits, url: &str) -> Result<(), Error> {
    let limit = |what, limit: u64, found: u64| {
        Err(Error::Limit { url: url.to_owned(), what, limit, found: format!("{found} and more") })
    };
    if bytes > limits.listing_bytes {
        return limit("bytes of references (limit `listing_bytes`)", limits.listing_bytes, bytes);
    }
    if refs > limits.references {
        return limit("references (limit `references`)", limits.references as u64, refs as u64);
    }
    Ok(())
}
