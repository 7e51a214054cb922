//! Fetching a pack.

use super::packets::{Packet, Packets};
use super::{AGENT, Connection, line};
use crate::error::{Error, peer_text};
use crate::limits::Limits;
use crate::pack::Spool;
use bytes::Bytes;
use gix::ObjectId;

/// Bytes of progress a server may send before it counts as noise.
const PROGRESS_BYTES: usize = 16 << 20;

/// What to fetch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wants {
    /// Objects wanted.
    pub ids: Vec<ObjectId>,
    /// Only the commits wanted, not their parents.
    pub shallow: bool,
    /// Only commits, no files; the server must know filters.
    pub commits_only: bool,
}

/// Fetches `wants` as one pack. There is no negotiation: we have nothing, and a
/// commit alone is small.
pub(crate) async fn fetch(connection: &mut Connection, wants: &Wants, limits: &Limits) -> Result<Spool, Error> {
    let v2 = connection.advert().v2;
    let body = if v2 { request_v2(connection, wants)? } else { request_v0(connection, wants)? };
    let packets = connection.request(body).await?;
    if v2 {
        skip_to_pack_v2(packets).await?
    } else {
        skip_to_pack_v0(packets, wants.shallow).await?
    }
    receive(packets, limits, v2).await
}

fn request_v2(connection: &Connection, wants: &Wants) -> Result<Vec<u8>, Error> {
    let advert = connection.advert();
    let mut body = Vec::new();
    line(&mut body, "command=fetch\n");
    line(&mut body, &format!("agent={AGENT}\n"));
    if advert.has("object-format") {
        line(&mut body, "object-format=sha1\n");
    }
    body.extend_from_slice(b"0001");
    line(&mut body, "no-progress\n");
    line(&mut body, "ofs-delta\n");
    for id in &wants.ids {
        line(&mut body, &format!("want {id}\n"));
    }
    if wants.shallow {
        line(&mut body, "deepen 1\n");
    }
    if wants.commits_only {
        line(&mut body, "filter tree:0\n");
    }
    line(&mut body, "done\n");
    body.extend_from_slice(b"0000");
    Ok(body)
}

fn request_v0(connection: &Connection, wants: &Wants) -> Result<Vec<u8>, Error> {
    let advert = connection.advert();
    let url = match connection {
        Connection::Http(session) => session.url().to_string(),
        Connection::Ssh(session) => session.url().to_string(),
    };
    let unsupported = |what: &str| Error::Unsupported { url: url.clone(), what: what.to_owned() };
    if !advert.has("side-band-64k") {
        return Err(unsupported("a server without `side-band-64k`"));
    }
    if wants.shallow && !advert.has("shallow") {
        return Err(unsupported("a server without shallow clones"));
    }
    // Azure DevOps answers only to those who claim multi_ack.
    let known = ["multi_ack_detailed", "side-band-64k", "ofs-delta", "no-progress", "filter"];
    let mut capabilities: Vec<&str> = known.into_iter().filter(|it| advert.has(it)).collect();
    let agent = format!("agent={AGENT}");
    if advert.has("agent") {
        capabilities.push(&agent);
    }
    let mut body = Vec::new();
    for (at, id) in wants.ids.iter().enumerate() {
        let tail = if at == 0 { format!(" {}", capabilities.join(" ")) } else { String::new() };
        line(&mut body, &format!("want {id}{tail}\n"));
    }
    if wants.shallow {
        line(&mut body, "deepen 1\n");
    }
    if wants.commits_only {
        line(&mut body, "filter tree:0\n");
    }
    body.extend_from_slice(b"0000");
    line(&mut body, "done\n");
    Ok(body)
}

/// Sections end with a delimiter; the last one is the pack.
async fn skip_to_pack_v2(packets: &mut Packets) -> Result<(), Error> {
    let mut heading = true;
    loop {
        match packets.expect().await? {
            Packet::Data(data) if heading => match data.strip_suffix(b"\n").unwrap_or(&data) {
                b"packfile" => return Ok(()),
                b"acknowledgments" | b"shallow-info" | b"wanted-refs" => heading = false,
                other => {
                    return Err(
                        packets.protocol(format!("unknown section `{}`", peer_text(&other[..other.len().min(80)])))
                    );
                }
            },
            Packet::Data(_) => {}
            Packet::Delimiter => heading = true,
            Packet::Flush | Packet::End => return Err(packets.protocol("the answer holds no pack".into())),
        }
    }
}

async fn skip_to_pack_v0(packets: &mut Packets, shallow: bool) -> Result<(), Error> {
    if shallow {
        // The new bounds of history, up to a flush.
        loop {
            match packets.expect().await? {
                Packet::Flush => break,
                Packet::Data(data) if data.starts_with(b"shallow ") || data.starts_with(b"unshallow ") => {}
                _ => return Err(packets.protocol("no list of shallow commits".into())),
            }
        }
    }
    loop {
        match packets.expect().await? {
            Packet::Data(data) if data.starts_with(b"NAK") => return Ok(()),
            Packet::Data(data) if data.starts_with(b"ACK ") => {
                let text = data.strip_suffix(b"\n").unwrap_or(&data);
                // `ACK <id> common` announces more of its kind, `ACK <id>` is the last.
                if text.len() <= 44 {
                    return Ok(());
                }
            }
            _ => return Err(packets.protocol("no acknowledgement before the pack".into())),
        }
    }
}

/// Band 1 is the pack, 2 is talk, 3 is the reason for failing.
async fn receive(packets: &mut Packets, limits: &Limits, v2: bool) -> Result<Spool, Error> {
    let mut spool = Spool::new(limits.memory_bytes);
    let mut progress = 0;
    loop {
        let Some(packet) = packets.next().await? else {
            // Before version 2 some servers end by closing.
            if v2 {
                return Err(packets.protocol("the pack ends early".into()));
            }
            break;
        };
        let mut data: Bytes = match packet {
            Packet::Data(data) => data,
            Packet::Flush => break,
            Packet::Delimiter | Packet::End => return Err(packets.protocol("a delimiter in the pack".into())),
        };
        match data.first() {
            Some(1) => {
                let data = data.split_off(1);
                if spool.len() + data.len() as u64 > limits.pack_bytes {
                    return Err(Error::Limit {
                        url: packets.url().to_owned(),
                        what: "size of the pack (limit `pack_bytes`)",
                        limit: limits.pack_bytes,
                        found: "more was sent".into(),
                    });
                }
                spool.push(&data)?;
            }
            Some(2) => {
                progress += data.len();
                if progress > PROGRESS_BYTES {
                    return Err(packets.protocol("endless progress messages instead of a pack".into()));
                }
            }
            Some(3) => return Err(packets.refused(&data[1..])),
            _ if data.starts_with(b"ERR ") => return Err(packets.refused(&data[4..])),
            _ => return Err(packets.protocol("a line of no known band in the pack".into())),
        }
    }
    Ok(spool)
}
