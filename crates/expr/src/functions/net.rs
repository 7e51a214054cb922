//! IP addresses and CIDR blocks.

use std::net::IpAddr;

use crate::error::EvalError;
use crate::eval::Evaluated;
use crate::value::Val;

fn ip(text: &str) -> Option<IpAddr> {
    let ip: IpAddr = text.parse().ok()?;
    // An IPv4 address in IPv6's clothes is refused, as Kubernetes does.
    match ip {
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => None,
        ip => Some(ip),
    }
}

fn cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    let address = ip(address)?;
    if prefix.len() > 3 || (prefix.len() > 1 && prefix.starts_with('0')) || !prefix.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let prefix: u8 = prefix.parse().ok()?;
    (prefix <= width(address)).then_some((address, prefix))
}

fn width(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn masked(ip: IpAddr, prefix: u8) -> IpAddr {
    let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
    let kept = bits(ip) & mask;
    match ip {
        IpAddr::V4(_) => IpAddr::V4(u32::try_from(kept >> 96).unwrap_or(0).into()),
        IpAddr::V6(_) => IpAddr::V6(kept.into()),
    }
}

fn holds(block: IpAddr, prefix: u8, ip: IpAddr) -> bool {
    block.is_ipv4() == ip.is_ipv4() && masked(block, prefix) == masked(ip, prefix)
}

pub(super) fn parse<'a>(name: &str, value: &Val<'a>) -> Evaluated<'a> {
    let text = value.text().ok_or_else(EvalError::no_overload)?;
    match name {
        "isIP" => Ok(Val::Bool(ip(text).is_some())),
        "isCIDR" => Ok(Val::Bool(cidr(text).is_some())),
        "cidr" => cidr(text).map(|(ip, prefix)| Val::Cidr(ip, prefix)).ok_or_else(|| {
            EvalError::Invalid(format!("CIDR Address parse error during conversion from string: {text}"))
        }),
        _ => {
            let error = || EvalError::Invalid(format!("IP Address parse error during conversion from string: {text}"));
            let parsed = ip(text).ok_or_else(error)?;
            Ok(if name == "ip" { Val::Ip(parsed) } else { Val::Bool(parsed.to_string() == text) })
        }
    }
}

pub(super) fn method<'a>(name: &str, args: &[Val<'a>]) -> Evaluated<'a> {
    Ok(match (name, args) {
        ("family", [Val::Ip(ip)]) => Val::Int(if ip.is_ipv4() { 4 } else { 6 }),
        ("isUnspecified", [Val::Ip(ip)]) => Val::Bool(ip.is_unspecified()),
        ("isLoopback", [Val::Ip(ip)]) => Val::Bool(ip.is_loopback()),
        ("isLinkLocalMulticast", [Val::Ip(ip)]) => Val::Bool(link_local(*ip, true)),
        ("isLinkLocalUnicast", [Val::Ip(ip)]) => Val::Bool(link_local(*ip, false)),
        ("isGlobalUnicast", [Val::Ip(ip)]) => {
            let broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
            let special = ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || link_local(*ip, false);
            Val::Bool(!broadcast && !special)
        }
        ("ip", [Val::Cidr(ip, _)]) => Val::Ip(*ip),
        ("masked", [Val::Cidr(ip, prefix)]) => Val::Cidr(masked(*ip, *prefix), *prefix),
        ("prefixLength", [Val::Cidr(_, prefix)]) => Val::Int(i64::from(*prefix)),
        ("containsIP", [Val::Cidr(block, prefix), Val::Ip(ip)]) => Val::Bool(holds(*block, *prefix, *ip)),
        ("containsCIDR", [Val::Cidr(block, prefix), Val::Cidr(ip, n)]) => {
            Val::Bool(n >= prefix && holds(*block, *prefix, *ip))
        }
        ("containsIP" | "containsCIDR", [block @ Val::Cidr(..), text]) if text.text().is_some() => {
            let parsed = parse(if name == "containsIP" { "ip" } else { "cidr" }, text)?;
            return method(name, &[block.clone(), parsed]);
        }
        _ => return Err(EvalError::no_overload()),
    })
}

fn link_local(ip: IpAddr, multicast: bool) -> bool {
    match (ip, multicast) {
        (IpAddr::V4(v4), false) => v4.is_link_local(),
        (IpAddr::V4(v4), true) => v4.octets()[..3] == [224, 0, 0],
        (IpAddr::V6(v6), false) => v6.segments()[0] & 0xffc0 == 0xfe80,
        (IpAddr::V6(v6), true) => v6.segments()[0] & 0xff0f == 0xff02,
    }
}
