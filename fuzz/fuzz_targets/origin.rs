//! Origins against allow-lists: what passes is an entry, or below one.
#![no_main]

use portcullis_auth::OriginPolicy;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = core::str::from_utf8(data) else {
        assert!(OriginPolicy::same_host().check(Some(data), b"a.example", true).is_err());
        return;
    };
    let mut lines = text.split('\n');
    let (Some(origin), Some(host)) = (lines.next(), lines.next()) else { return };
    let entries: Vec<&str> = lines.collect();
    for secure in [false, true] {
        if OriginPolicy::same_host().check(Some(origin.as_bytes()), host.as_bytes(), secure).is_ok() {
            let scheme = if secure { "https://" } else { "http://" };
            let rest = origin.get(scheme.len()..).expect("it has a scheme");
            assert!(origin[..scheme.len()].eq_ignore_ascii_case(scheme));
            let plain = |authority: &str| {
                let port = if secure { ":443" } else { ":80" };
                authority.to_ascii_lowercase().trim_end_matches(port).to_owned()
            };
            assert_eq!(plain(rest), plain(host), "another host passes");
        }
    }
    let Ok(policy) = OriginPolicy::allow_list(entries.iter().copied()) else { return };
    let passes = policy.check(Some(origin.as_bytes()), host.as_bytes(), true).is_ok();
    let plain = |origin: &str| {
        let origin = origin.to_ascii_lowercase();
        let port = if origin.starts_with("https") { ":443" } else { ":80" };
        origin.trim_end_matches(port).to_owned()
    };
    let is_meant = entries.iter().any(|entry| match entry.split_once("://*.") {
        None => plain(entry) == plain(origin),
        Some((scheme, domain)) => {
            let tail = plain(&format!("{scheme}://.{domain}"));
            let tail = tail.split_once("://").map_or("", |(_, tail)| tail);
            plain(origin).starts_with(&format!("{}://", scheme.to_ascii_lowercase()))
                && plain(origin).ends_with(tail)
        }
    });
    assert!(!passes || is_meant, "{origin} passes {entries:?}");
});
