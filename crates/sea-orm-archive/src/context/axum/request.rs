//! Reads the id, the user agent and the client address of a request.

use std::net::{IpAddr, SocketAddr};

use ::axum::extract::ConnectInfo;
use ::axum::http::header::USER_AGENT;
use ::axum::http::{HeaderMap, HeaderName, HeaderValue, request::Parts};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

const LONGEST_ID: usize = 128;
const LONGEST_USER_AGENT: usize = 512;

/// The id in the header of the request, or a new one where there is none, an invalid one, or two.
pub(super) fn id(headers: &HeaderMap) -> String {
    let mut ids = headers.get_all(REQUEST_ID).iter();
    match (ids.next().and_then(valid_id), ids.next()) {
        (Some(id), None) => id.to_owned(),
        _ => format!("{:032x}", rand::random::<u128>()),
    }
}

fn valid_id(id: &HeaderValue) -> Option<&str> {
    let id = id.to_str().ok()?;
    let visible = id.bytes().all(|byte| byte.is_ascii_graphic());
    (visible && (1..=LONGEST_ID).contains(&id.len())).then_some(id)
}

/// The user agent, truncated if it is long; invalid UTF-8 is replaced.
pub(super) fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get(USER_AGENT)?.as_bytes());
    Some(text.chars().take(LONGEST_USER_AGENT).collect())
}

/// The address of the peer. An IPv4 address is written as such, also on an IPv6 socket.
pub(super) fn peer(parts: &Parts) -> Option<IpAddr> {
    let ConnectInfo(address) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
    Some(address.ip().to_canonical())
}

/// The last header of that name: several headers are one list.
pub(super) fn forwarded_for(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get_all(FORWARDED_FOR).iter().next_back()
}

/// The last address of a list, with or without a port.
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
    fn request_id_is_taken_from_the_header_or_generated() {
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
    fn user_agent_is_truncated_between_characters() {
        let agent = |value: &[u8]| user_agent(&headers(USER_AGENT, &[value])).unwrap();
        assert_eq!(agent(b"curl/8.5"), "curl/8.5");
        assert_eq!(agent(b"a\xffb"), "a\u{fffd}b");
        let long = "\u{1f980}".repeat(1 << 18);
        assert_eq!(agent(long.as_bytes()), "\u{1f980}".repeat(512));
        assert_eq!(user_agent(&HeaderMap::new()), None);
    }

    #[test]
    fn client_address_is_the_last_one_in_x_forwarded_for() {
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
