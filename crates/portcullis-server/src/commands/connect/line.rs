//! What is typed.

/// One line, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'l> {
    Nothing,
    /// To the channel of now, with the action of now.
    Say(&'l str),
    Subscribe(&'l str),
    Unsubscribe(&'l str),
    /// From now on to this channel.
    To(&'l str),
    /// Any action with a payload.
    Do {
        action: &'l str,
        payload: &'l str,
    },
    /// As it is, past the client.
    Raw(&'l str),
    Who,
    Ping,
    Connect,
    Help,
    Quit,
    /// Not understood, and why.
    Unknown(&'static str),
}

/// Commands with what they take, for the help and for completion.
pub(super) const COMMANDS: [(&str, &str, &str); 10] = [
    ("/sub", "CHANNEL", "receive a channel, and talk to it"),
    ("/unsub", "CHANNEL", "no longer receive it"),
    ("/to", "CHANNEL", "talk to another channel"),
    ("/do", "ACTION JSON", "send an action with a payload to the channel"),
    ("/raw", "TEXT", "send a text as it is"),
    ("/who", "", "who is present on the channel"),
    ("/ping", "", "measure the round trip"),
    ("/connect", "", "try again at once"),
    ("/help", "", "this"),
    ("/quit", "", "say goodbye"),
];

pub(super) fn parse(text: &str) -> Line<'_> {
    let text = text.trim();
    if text.is_empty() {
        return Line::Nothing;
    }
    if !text.starts_with('/') {
        return Line::Say(text);
    }
    let (command, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    match (command, rest) {
        // Two slashes are one, for those who want to say one.
        (_, _) if text.starts_with("//") => Line::Say(text.get(1..).unwrap_or_default()),
        ("/sub" | "/unsub" | "/to", "") => Line::Unknown("which channel?"),
        ("/sub", channel) => Line::Subscribe(channel),
        ("/unsub", channel) => Line::Unsubscribe(channel),
        ("/to", channel) => Line::To(channel),
        ("/do", rest) => match rest.split_once(char::is_whitespace) {
            Some((action, payload)) => Line::Do { action, payload: payload.trim() },
            None if rest.is_empty() => Line::Unknown("which action?"),
            None => Line::Do { action: rest, payload: "{}" },
        },
        ("/raw", "") => Line::Unknown("which text?"),
        ("/raw", text) => Line::Raw(text),
        ("/who", _) => Line::Who,
        ("/ping", _) => Line::Ping,
        ("/connect", _) => Line::Connect,
        ("/help" | "/?", _) => Line::Help,
        ("/quit" | "/exit" | "/q", _) => Line::Quit,
        _ => Line::Unknown("no such command; /help lists them"),
    }
}

#[cfg(test)]
mod tests {
    use super::{COMMANDS, Line, parse};

    #[test]
    fn lines() {
        for (text, line) in [
            ("", Line::Nothing),
            ("  hi there ", Line::Say("hi there")),
            ("//etc", Line::Say("/etc")),
            ("/sub chat:lobby", Line::Subscribe("chat:lobby")),
            ("/unsub  c ", Line::Unsubscribe("c")),
            ("/to d", Line::To("d")),
            ("/do status {\"x\": 1}", Line::Do { action: "status", payload: "{\"x\": 1}" }),
            ("/do ping", Line::Do { action: "ping", payload: "{}" }),
            ("/raw {", Line::Raw("{")),
            ("/who", Line::Who),
            ("/q", Line::Quit),
            ("/sub", Line::Unknown("which channel?")),
            ("/nonsense", Line::Unknown("no such command; /help lists them")),
        ] {
            assert_eq!(parse(text), line, "{text}");
        }
    }

    #[test]
    fn every_command_of_the_help_is_one() {
        for (command, takes, _) in COMMANDS {
            let line = format!("{command} {}", takes.to_lowercase());
            assert!(!matches!(parse(&line), Line::Unknown(_) | Line::Say(_)), "{line}");
        }
    }
}
