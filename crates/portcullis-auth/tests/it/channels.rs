//! Scopes per channel pattern.
use portcullis_auth::{Access, ChannelRule, ChannelRuleError, ChannelRules, Scopes};

fn rule(pattern: &str, read: Option<&str>, write: Option<&str>, presence: Option<&str>) -> ChannelRule {
    let scope = |scope: Option<&str>| scope.map(String::from);
    ChannelRule { pattern: pattern.into(), read: scope(read), write: scope(write), presence: scope(presence) }
}

fn scopes(names: &[&str]) -> Scopes {
    Scopes::new(names.iter().copied()).unwrap()
}

#[test]
fn without_rules_every_channel_is_open() {
    let rules = ChannelRules::default();
    for access in [Access::Read, Access::Write, Access::Presence] {
        assert!(rules.check(&scopes(&[]), "anything", access).is_ok());
    }
}

#[test]
fn with_rules_what_none_means_is_closed() {
    let rules = ChannelRules::new([rule("chat:*", None, None, None)]).unwrap();
    assert!(rules.check(&scopes(&[]), "chat:lobby", Access::Read).is_ok());
    assert!(
        rules.check(&scopes(&[]), "chat:", Access::Read).is_ok(),
        "what is behind the star may be nothing"
    );
    for channel in ["chat", "Chat:lobby", "xchat:lobby", "news", "", "*"] {
        assert!(rules.check(&scopes(&["chat:*", "*"]), channel, Access::Read).is_err(), "{channel}");
    }
}

#[test]
fn each_access_asks_for_its_own_scope() {
    let rules = ChannelRules::new([rule("c", Some("r"), Some("w"), Some("p"))]).unwrap();
    for (name, allowed) in [("r", Access::Read), ("w", Access::Write), ("p", Access::Presence)] {
        for access in [Access::Read, Access::Write, Access::Presence] {
            let verdict = rules.check(&scopes(&[name]), "c", access);
            assert_eq!(verdict.is_ok(), access == allowed, "{name} for {access:?}");
        }
    }
    let error = rules.check(&scopes(&[]), "c", Access::Read).unwrap_err();
    assert_eq!((error.code(), error.close_code()), ("forbidden", 4403));
}

/// In whatever order they are written.
#[test]
fn the_longest_rule_counts_and_a_name_before_a_pattern() {
    let mut written = vec![
        rule("*", Some("all"), None, None),
        rule("chat:*", Some("chat"), None, None),
        rule("chat:staff:*", Some("staff"), None, None),
        rule("chat:staff:news", Some("news"), None, None),
    ];
    for _ in 0..written.len() {
        written.rotate_left(1);
        let rules = ChannelRules::new(written.clone()).unwrap();
        for (channel, scope) in [
            ("lobby", "all"),
            ("chat:lobby", "chat"),
            ("chat:staff:lobby", "staff"),
            ("chat:staff:news", "news"),
            ("chat:staff:newsroom", "staff"),
        ] {
            for name in ["all", "chat", "staff", "news"] {
                let verdict = rules.check(&scopes(&[name]), channel, Access::Read);
                assert_eq!(verdict.is_ok(), name == scope, "{name} for {channel}");
            }
        }
    }
}

#[test]
fn rules_that_cannot_be_used_are_refused_with_their_pattern() {
    for pattern in ["", "a b", "a*b", "**", "ü", "a\n", &"x".repeat(129)] {
        let error = ChannelRules::new([rule(pattern, None, None, None)]).unwrap_err();
        assert_eq!(error, ChannelRuleError::Pattern { pattern: pattern.into() });
    }
    let twice = ChannelRules::new([rule("a", None, None, None), rule("a", Some("r"), None, None)]);
    assert_eq!(twice.unwrap_err(), ChannelRuleError::Twice { pattern: "a".into() });
    for scope in ["", "two words", "ü"] {
        let error = ChannelRules::new([rule("a", None, None, Some(scope))]).unwrap_err();
        assert_eq!(error, ChannelRuleError::Scope { pattern: "a".into() });
    }
}
