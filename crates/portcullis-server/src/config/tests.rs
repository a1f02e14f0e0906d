use super::{Config, Size, Span, load};

const MINIMAL: &str = r#"
[[listen]]
address = "127.0.0.1:0"
tls = "terminated-upstream"
[auth]
audience = "a"
[[auth.issuer]]
name = "i"
[[auth.issuer.key]]
algorithm = "HS256"
secret = "0123456789abcdef0123456789abcdef"
"#;

#[test]
fn what_is_left_out_has_the_default() {
    let config: Config = toml::from_str(MINIMAL).unwrap();
    assert_eq!(config.limits, super::Limits::default());
    assert_eq!(config.path, "/ws");
    assert_eq!(config.action.len(), 3);
    assert!(super::compile(&config).is_ok());
}

#[test]
fn the_example_has_every_key_at_its_default() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/portcullis.example.toml");
    let example = std::fs::read_to_string(file).unwrap();
    let config = load(file.as_ref()).unwrap();
    assert_eq!(config.limits, super::Limits::default());
    assert_eq!(config.drain, super::Drain::default());
    assert_eq!(config.log, super::Log::default());
    let printed = toml::to_string(&super::Limits::default()).unwrap();
    for key in printed.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key) {
        assert!(example.contains(&format!("\n{key} = ")), "{key} is not in the example");
    }
}

#[test]
fn secrets_do_not_print() {
    let config: Config = toml::from_str(MINIMAL).unwrap();
    let shown = format!("{config:?}{}", toml::to_string(&config).unwrap());
    assert!(!shown.contains("0123456789abcdef"), "{shown}");
}

#[test]
fn placeholders_are_no_secrets() {
    let config: Config =
        toml::from_str(&MINIMAL.replace("0123456789abcdef0", "change-me-90abcdef0")).unwrap();
    assert!(super::compile(&config).is_err());
}

#[test]
fn units_read_back_as_they_are_written() {
    for text in ["250ms", "5s", "90s", "2m", "12h", "0ms"] {
        assert_eq!(
            Span::parse(text).map(|span| span.to_string()).as_deref(),
            Some(if text == "90s" { "90s" } else { text })
        );
    }
    for text in ["65537", "64KiB", "1MiB"] {
        assert_eq!(Size::parse(text).map(|size| size.to_string()).as_deref(), Some(text));
    }
    for text in ["", "5", "s", "5 s", "-5s", "5S", "99999999999999999999s"] {
        assert_eq!(Span::parse(text), None, "{text}");
    }
}
