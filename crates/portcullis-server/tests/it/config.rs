//! Laws of the configuration.

use portcullis_server::config::{Config, Limits, Size, Span};
use proptest::prelude::*;
use std::time::Duration;

proptest! {
    #[test]
    fn a_duration_reads_back_as_it_is_written(millis in any::<u32>()) {
        let span = Span(Duration::from_millis(millis.into()));
        prop_assert_eq!(Span::parse(&span.to_string()), Some(span));
    }

    #[test]
    fn a_size_reads_back_as_it_is_written(bytes in any::<u64>(), shift in 0_u32..40) {
        let size = Size(bytes >> shift << shift.min(20));
        prop_assert_eq!(Size::parse(&size.to_string()), Some(size));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = (Span::parse(&text), Size::parse(&text), toml::from_str::<Config>(&text));
    }

    /// What `check` prints of the limits is a configuration of the same limits.
    #[test]
    fn limits_read_back_as_they_are_printed(sizes in any::<[u32; 3]>(), numbers in any::<[u32; 3]>(), millis in any::<[u32; 2]>()) {
        let mut limits = Limits::default();
        [limits.message_len_max, limits.outbound_len_max, limits.bytes_burst] = sizes.map(|size| Size(size.into()));
        [limits.fragments_max, limits.messages_burst, limits.user_factor] = numbers;
        [limits.ping_interval, limits.connection_life] = millis.map(|ms| Span(Duration::from_millis(ms.into())));
        prop_assert_eq!(toml::from_str::<Limits>(&toml::to_string(&limits).unwrap()).unwrap(), limits);
    }

    /// A key that is not known is refused wherever it stands.
    #[test]
    fn an_unknown_key_is_refused_in_every_table(key in "[a-z]{3,12}z", line in 0_usize..18) {
        let mut lines: Vec<&str> = super::program::MINIMAL.lines().collect();
        let stray = format!("{key}_ = 1");
        lines.insert(line.min(lines.len()), &stray);
        let error = toml::from_str::<Config>(&lines.join("\n")).unwrap_err();
        prop_assert!(error.message().contains(&key), "{}", error);
    }
}
