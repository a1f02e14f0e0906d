//! RFC 6454 and RFC 6455 §10.2: who may connect.
use portcullis_auth::{OriginError, check_same_host};

const FOREIGN: Result<(), OriginError> = Err(OriginError::Foreign);
const MALFORMED: Result<(), OriginError> = Err(OriginError::Malformed);

fn same(origin: &str, host: &str, secure: bool) -> Result<(), OriginError> {
    check_same_host(Some(origin.as_bytes()), host.as_bytes(), secure)
}

#[test]
fn without_an_origin_it_is_no_browser() {
    assert_eq!(check_same_host(None, b"a.example", true), Ok(()));
    assert_eq!(check_same_host(None, b"", true), Ok(()));
}

#[test]
fn the_own_host_in_every_way_to_write_it() {
    for (origin, host, secure) in [
        ("https://a.example", "a.example", true),
        ("https://a.example:443", "a.example", true),
        ("https://a.example", "a.example:443", true),
        ("https://A.Example", "a.eXample", true),
        ("HTTPS://a.example", "a.example", true),
        ("https://a.example:8443", "a.example:8443", true),
        ("http://a.example", "a.example:80", false),
        ("http://localhost:8080", "localhost:8080", false),
        ("https://127.0.0.1:8443", "127.0.0.1:8443", true),
        ("https://[::1]:8443", "[::1]:8443", true),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example", true),
        ("https://my_host", "my_host", true),
    ] {
        assert_eq!(same(origin, host, secure), Ok(()), "{origin} at {host}");
    }
}

#[test]
fn another_scheme_host_or_port_is_foreign() {
    for (origin, host, secure) in [
        ("http://a.example", "a.example", true),
        ("https://a.example", "a.example", false),
        // The default port of the page's scheme is not that of the server's.
        ("http://a.example:443", "a.example", true),
        ("http://a.example", "a.example:443", true),
        ("https://a.example:8443", "a.example", true),
        ("https://a.example", "a.example:8443", true),
        ("https://b.example", "a.example", true),
        ("https://www.a.example", "a.example", true),
        ("https://a.example", "www.a.example", true),
        ("https://a.example.", "a.example", true),
        ("https://127.0.0.1", "localhost", true),
        ("null", "a.example", true),
    ] {
        assert_eq!(same(origin, host, secure), FOREIGN, "{origin} at {host}");
    }
}

#[test]
fn what_is_no_origin_is_malformed() {
    for origin in [
        "",
        " ",
        "a.example",
        "//a.example",
        "https:",
        "https://",
        "https://a.example/",
        "https://a.example/path",
        "https://a.example?q",
        "https://a.example#f",
        "https://user@a.example",
        "https://user:pass@a.example",
        "https://evil.example\\@a.example",
        "https://a.example https://b.example",
        "https://a.example, https://a.example",
        " https://a.example",
        "https://a.example ",
        "https://a%2eexample",
        "https://a..example",
        "https://.a.example",
        "https://bücher.example",
        "https://ａ.example",
        "https://a.example\0",
        "https://*.example",
        "https://*",
        "*",
        "NULL",
        "https://a.example:",
        "https://a.example:+443",
        "https://a.example:-1",
        "https://a.example:65536",
        "https://a.example:000443",
        "https://a.example:00443",
        "https://a.example:0443",
        "https://a.example:00",
        "https://a.example:443:443",
        "https://a.example:4x3",
        "https://[::1",
        "https://::1",
        "https://[::1]x:443",
        "https://[a.example]",
        "https://[::1%25eth0]",
        "wss://a.example",
        "ws://a.example",
        "file://",
        "chrome-extension://abcdef",
        "data:text/html,x",
        "javascript://a.example",
    ] {
        assert_eq!(same(origin, "a.example", true), MALFORMED, "{origin:?}");
    }
    let long = format!("https://{}.example", "a".repeat(300));
    assert_eq!(same(&long, "a.example", true), MALFORMED);
    assert_eq!(check_same_host(Some(b"https://\xFF.example"), b"a.example", true), MALFORMED);
}

#[test]
fn a_host_that_is_none_lets_no_page_in() {
    for host in ["", "/", "a.example/x", "user@a.example", "a.example:", ":443", "a example", "*"] {
        assert_eq!(same("https://a.example", host, true), MALFORMED, "{host:?}");
    }
    assert_eq!(check_same_host(Some(b"https://a.example"), b"\xFF", true), MALFORMED);
}

#[cfg(feature = "alloc")]
mod listed {
    use portcullis_auth::{OriginError, OriginPolicy};
    use proptest::prelude::*;

    use super::{FOREIGN, MALFORMED};

    fn check(list: &[&str], origin: &str) -> Result<(), OriginError> {
        let policy = OriginPolicy::allow_list(list.iter().copied()).unwrap();
        policy.check(Some(origin.as_bytes()), b"ws.example", true)
    }

    #[test]
    fn an_entry_is_compared_whole() {
        let list = ["https://app.example.com", "http://dev.example:3000"];
        assert_eq!(check(&list, "https://app.example.com"), Ok(()));
        assert_eq!(check(&list, "https://APP.example.com:443"), Ok(()));
        assert_eq!(check(&list, "http://dev.example:3000"), Ok(()));
        for origin in [
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://example.com",
            "https://x.app.example.com",
            "https://app.example.com.evil.example",
            "https://evil-app.example.com",
            "https://dev.example:3000",
            "http://dev.example",
            // The own host counts only where no list is given.
            "https://ws.example",
            "null",
        ] {
            assert_eq!(check(&list, origin), FOREIGN, "{origin}");
        }
        assert_eq!(check(&list, "https://app.example.com/"), MALFORMED);
    }

    #[test]
    fn a_wildcard_matches_whole_labels_below_a_domain() {
        let list = ["https://*.example.com", "HTTP://*.Dev.example:3000"];
        for origin in [
            "https://a.example.com",
            "https://b.a.example.com",
            "https://A.EXAMPLE.COM",
            "http://x.dev.example:3000",
        ] {
            assert_eq!(check(&list, origin), Ok(()), "{origin}");
        }
        for origin in [
            "https://example.com",
            "https://xexample.com",
            "https://a.example.com:8443",
            "http://a.example.com",
            "https://a.example.com.evil.example",
            "https://x.dev.example:3000",
            "http://x.dev.example",
        ] {
            assert_eq!(check(&list, origin), FOREIGN, "{origin}");
        }
        assert_eq!(check(&list, "https://.example.com"), MALFORMED);
    }

    #[test]
    fn null_is_let_in_only_where_it_is_listed() {
        assert_eq!(check(&["https://a.example"], "null"), FOREIGN);
        assert_eq!(check(&["null"], "null"), Ok(()));
        assert_eq!(check(&["null"], "https://a.example"), FOREIGN);
        assert_eq!(check(&[], "https://a.example"), FOREIGN, "an empty list lets no page in");
        assert!(OriginPolicy::allow_list([]).unwrap().check(None, b"", true).is_ok());
    }

    #[test]
    fn an_entry_that_would_let_in_more_than_it_says_is_refused() {
        for entry in [
            "*",
            "",
            "a.example",
            "https://*",
            "https://*.",
            "https://*a.example",
            "https://a.*.example",
            "https://*.*.example",
            "*://a.example",
            "*://*.a.example",
            "wss://a.example",
            "wss://*.a.example",
            "https://a.example/",
            "https://*.a.example/path",
            "https://*.[::1]",
            "https://*.0.0.1",
            "https://bücher.example",
            "Null",
        ] {
            let error = OriginPolicy::allow_list(["https://a.example", entry]).unwrap_err();
            assert_eq!(error.entry, entry);
            assert!(error.to_string().contains(entry));
        }
    }

    /// What an origin is made of, by another way than the crate's.
    fn host() -> impl Strategy<Value = String> {
        "[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,3})?(\\.[a-z][a-z0-9]{0,4}){1,3}"
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(origin in any::<Vec<u8>>(), host in any::<Vec<u8>>(), secure: bool) {
            let _ = OriginPolicy::same_host().check(Some(&origin), &host, secure);
            let policy = OriginPolicy::allow_list(["https://*.a.example", "null"]).unwrap();
            let _ = policy.check(Some(&origin), &host, secure);
        }

        #[test]
        fn no_text_near_an_origin_makes_it_panic(origin in "(https?://)?[a-z.:\\[\\]*@%0-9é]{0,20}") {
            let _ = OriginPolicy::allow_list([origin.as_str()]);
            let _ = OriginPolicy::same_host().check(Some(origin.as_bytes()), origin.as_bytes(), true);
        }

        #[test]
        fn same_host_means_scheme_host_and_port_are_equal(
            ours in host(), theirs in host(), our_port: u16, their_port: u16, ours_secure: bool, theirs_secure: bool,
            equal_host: bool, equal_port: bool,
        ) {
            let theirs = if equal_host { &ours } else { &theirs };
            let their_port = if equal_port { our_port } else { their_port };
            let origin = format!("http{}://{theirs}:{their_port}", if theirs_secure { "s" } else { "" });
            let verdict = OriginPolicy::same_host()
                .check(Some(origin.as_bytes()), format!("{ours}:{our_port}").as_bytes(), ours_secure);
            let equal = *theirs == ours && their_port == our_port && theirs_secure == ours_secure;
            prop_assert_eq!(verdict, if equal { Ok(()) } else { FOREIGN });
        }

        #[test]
        fn a_wildcard_means_a_name_that_ends_in_a_dot_and_the_domain(domain in host(), name in host()) {
            let policy = OriginPolicy::allow_list([format!("https://*.{domain}").as_str()]).unwrap();
            let verdict = |host: &str| policy.check(Some(format!("https://{host}").as_bytes()), b"ws.example", true);
            let below = format!("{name}.{domain}");
            let beside = format!("{name}{domain}");
            prop_assert_eq!(verdict(&below), Ok(()));
            prop_assert_eq!(verdict(&domain), FOREIGN);
            let is_below = beside.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'));
            prop_assert_eq!(verdict(&beside).is_ok(), is_below);
        }
    }
}
