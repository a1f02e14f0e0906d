use super::Target;

fn told(url: &str) -> Option<(&str, &str, u16, String)> {
    Target::parse(url).map(|target| (target.authority, target.host, target.port, target.path))
}

#[test]
fn a_url_names_host_port_and_path() {
    assert_eq!(told("ws://a"), Some(("a", "a", 80, "/".to_owned())));
    assert_eq!(told("WS://a:81/b?c"), Some(("a:81", "a", 81, "/b?c".to_owned())));
    assert_eq!(told("ws://a?c"), Some(("a", "a", 80, "/?c".to_owned())));
    assert_eq!(told("ws://[::1]:81/"), Some(("[::1]:81", "::1", 81, "/".to_owned())));
    assert_eq!(told("ws://[::1]"), Some(("[::1]", "::1", 80, "/".to_owned())));
}

#[test]
fn what_is_no_such_url_is_refused() {
    for url in
        ["", "ws:/a", "wss://a/", "http://a/", "ws://", "ws:///", "ws://u@a/", "ws://a:b/", "ws://a/#b"]
    {
        assert_eq!(told(url), None, "{url}");
    }
}
