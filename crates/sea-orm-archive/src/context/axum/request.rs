//! What a request says of itself, as far as it can be kept.

use std::net::{IpAddr, SocketAddr};

use ::axum::extract::ConnectInfo;
use ::axum::http::header::USER_AGENT;
use ::axum::http::{HeaderMap, HeaderName, HeaderValue, request::Parts};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

const LONGEST_ID: usize = 128;
const LONGEST_USER_AGENT: usize = 512;

/// The id that the request brings, or a fresh one where it brings none, an odd one, or two.
pub(super) fn id(headers: &HeaderMap) -> String {
    let mut ids = headers.get_all(REQUEST_ID).iter();
    match (ids.next().and_then(sane), ids.next()) {
        (Some(id), None) => id.to_owned(),
        _ => format!("{:032x}", rand::random::<u128>()),
    }
}

fn sane(id: &HeaderValue) -> Option<&str> {
    let id = id.to_str().ok()?;
    let visible = id.bytes().all(|byte| byte.is_ascii_graphic());
    (visible && (1..=LONGEST_ID).contains(&id.len())).then_some(id)
}

/// Its beginning, if it is long; what is no UTF-8 is replaced.
pub(super) fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get(USER_AGENT)?.as_bytes());
    Some(text.chars().take(LONGEST_USER_AGENT).collect())
}

/// The other end of the connection. One that came over IPv4 is written so, on whichever socket.
pub(super) fn peer(parts: &Parts) -> Option<IpAddr> {
    let ConnectInfo(address) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(address.ip().to_canonical())
}

/// Several headers of that name are one list: the last one ends it.
pub(super) fn forwarded_for(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get_all(FORWARDED_FOR).iter().next_back()
}

/// The last address of a list, with its port or without.
pub(super) fn last_hop(hops: &HeaderValue) -> Option<IpAddr> {
    let hop = hops.to_str().ok()?.rsplit(',').next()?.trim();
    let address = hop
        .parse()
        .or_else(|_| hop.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, values: &[&[u8]]) -> HeaderMap {
        let value = |value: &&[u8]| HeaderValue::from_bytes(value).unwrap();
        values.iter().map(|v| (name.clone(), value(v))).collect()
    }

    #[test]
    fn an_id_is_taken_or_made() {
        let longest = "x".repeat(LONGEST_ID);
        for good in ["7f3a", "a:b/c=", &longest] {
            assert_eq!(id(&headers(REQUEST_ID, &[good.as_bytes()])), good);
        }
        let too_long = "x".repeat(LONGEST_ID + 1);
        let megabyte = "x".repeat(1 << 20);
        let odd: [&[&[u8]]; 8] = [
            &[],
            &[b""],
            &[b"a b"],
            &[b"a\tb"],
            &["\u{e4}".as_bytes()],
            &[b"\xff"],
            &[b"one", b"two"],
            &[too_long.as_bytes()],
        ];
        for values in odd.into_iter().chain([&[megabyte.as_bytes()][..]]) {
            let fresh = id(&headers(REQUEST_ID, values));
            assert_eq!(fresh.len(), 32);
            assert!(fresh.bytes().all(|byte| byte.is_ascii_hexdigit()));
            assert_ne!(fresh, id(&headers(REQUEST_ID, values)));
        }
    }

    #[test]
    fn a_user_agent_is_cut_between_characters() {
        let agent = |value: &[u8]| user_agent(&headers(USER_AGENT, &[value])).unwrap();
        assert_eq!(agent(b"curl/8.5"), "curl/8.5");
        assert_eq!(agent(b"a\xffb"), "a\u{fffd}b");
        let long = "\u{1f980}".repeat(1 << 18);
        assert_eq!(agent(long.as_bytes()), "\u{1f980}".repeat(512));
        assert_eq!(user_agent(&HeaderMap::new()), None);
    }

    #[test]
    fn the_last_hop_is_the_one_that_the_proxy_wrote() {
        let hop = |values: &[&[u8]]| last_hop(forwarded_for(&headers(FORWARDED_FOR, values))?);
        let address = |text: &str| Some(text.parse().unwrap());
        assert_eq!(hop(&[b"10.0.0.1"]), address("10.0.0.1"));
        assert_eq!(hop(&[b"6.6.6.6, 10.0.0.1"]), address("10.0.0.1"));
        assert_eq!(hop(&[b"10.0.0.1", b"10.0.0.2:443"]), address("10.0.0.2"));
        assert_eq!(hop(&[b"x,[2001:db8::1]:80"]), address("2001:db8::1"));
        assert_eq!(hop(&[b"::ffff:10.0.0.1"]), address("10.0.0.1"));
        for none in [
            "",
            ",",
            "unknown",
            "10.0.0.1,",
            "10.0.0.1, 300.1.1.1",
            "\u{e4}",
        ] {
            assert_eq!(hop(&[none.as_bytes()]), None, "{none}");
        }
        assert_eq!(hop(&[]), None);
    }
}
