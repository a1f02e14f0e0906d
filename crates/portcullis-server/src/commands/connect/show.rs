//! What happens, as a line for a reader and as a line for a program.

use core::fmt::Write as _;

use portcullis_client::{Event, Outcome, Received, State};
use serde_json::{Value, json};

use super::sealed::Seals;

/// What a reader sees of text that others wrote: control characters, which would move the cursor, change colours or turn
/// the direction of the line, are shown and not obeyed.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        let turns =
            matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || turns {
            // Writing to a String cannot fail.
            let _ = write!(out, "{}", character.escape_unicode());
        } else {
            out.push(character);
        }
    }
    out
}

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    pub(super) is_colored: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.is_colored { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.with("31", text)
    }

    pub(super) fn good(self, text: &str) -> String {
        self.with("32", text)
    }

    /// Each name keeps its colour.
    fn name(self, name: &str) -> String {
        const COLORS: [&str; 6] = ["32", "33", "34", "35", "36", "96"];
        let sum: usize = name.bytes().map(usize::from).sum();
        self.with(COLORS.get(sum % COLORS.len()).unwrap_or(&"36"), &clean(name))
    }
}

/// The payload for a reader: opened when it is sealed, its text when it has one.
fn payload(message: &Received, seals: Option<&mut Seals>) -> String {
    let value: Value = serde_json::from_str(&message.payload).unwrap_or(Value::Null);
    let channel = message.channel.as_deref().unwrap_or_default();
    if let Some(opened) = seals.and_then(|seals| seals.open(channel, &value)) {
        return match opened {
            Ok(text) => format!("{} (sealed)", clean(&text)),
            Err(code) => format!("({code})"),
        };
    }
    match value.get("text").and_then(Value::as_str) {
        Some(text) if value.as_object().is_some_and(|members| members.len() == 1) => clean(text),
        _ => clean(&message.payload),
    }
}

/// A line for a reader; `None` for what is of no interest to one.
pub(super) fn line(event: &Event, paint: Paint, seals: Option<&mut Seals>) -> Option<String> {
    Some(match event {
        // The answer to a ping is told as a round trip.
        Event::Message(message) if message.channel.is_none() && *message.action == *"ping" => return None,
        Event::Subscribed { channel, .. } if channel.starts_with("user:") => return None,
        Event::Message(message) => {
            let place = message.channel.as_deref().map(|channel| paint.dim(&clean(channel)));
            let action = if *message.action == *"chat" {
                String::new()
            } else {
                paint.dim(&format!("[{}] ", clean(&message.action)))
            };
            let from =
                message.from.as_deref().map_or_else(String::new, |from| format!("{}: ", paint.name(from)));
            format!("{} {from}{action}{}", place.unwrap_or_default(), payload(message, seals))
        }
        Event::Presence { channel, joined, left } => {
            let names =
                |names: &[Box<str>]| names.iter().map(|name| paint.name(name)).collect::<Vec<_>>().join(", ");
            let mut text = paint.dim(&clean(channel));
            if !joined.is_empty() {
                let _ = write!(text, " {} {}", names(joined), paint.dim("came"));
            }
            if !left.is_empty() {
                let _ = write!(text, " {} {}", names(left), paint.dim("left"));
            }
            text
        }
        Event::Subscribed { channel, recovered, user_count, .. } => {
            let how = if *recovered { ", nothing was missed" } else { "" };
            paint.dim(&format!("on {}, {user_count} present{how}", clean(channel)))
        }
        Event::Unsubscribed { channel } => paint.dim(&format!("no longer on {}", clean(channel))),
        Event::Gap { channel, from, to } => {
            let missing = if from.epoch == to.epoch {
                format!("events {} to {}", from.offset + 1, to.offset)
            } else {
                "events".into()
            };
            paint.bad(&format!("{missing} of {} were lost", clean(channel)))
        }
        Event::Settled { outcome: Outcome::Refused(refusal), .. } => {
            paint.bad(&format!("not sent: {}", clean(&refusal.to_string())))
        }
        Event::Refused(refusal) if refusal.id.is_none() => {
            let what = refusal
                .channel
                .as_deref()
                .map_or_else(String::new, |channel| format!(" ({})", clean(channel)));
            paint.bad(&format!("refused: {}{what}", clean(&refusal.to_string())))
        }
        Event::Welcome { user, resumed, .. } => {
            let how = if *resumed { "again " } else { "" };
            format!("{} {}", paint.good(&format!("{how}connected as")), paint.name(user))
        }
        Event::Closed { code, reason } => {
            let reason = if reason.is_empty() { String::new() } else { format!(" {}", clean(reason)) };
            paint.bad(&format!("disconnected: {code}{reason}"))
        }
        Event::Waiting { delay, attempt } => {
            paint.dim(&format!("attempt {} in {:.1} s", attempt + 1, delay.as_secs_f64()))
        }
        Event::Latency(time) => paint.dim(&format!("round trip {:.1} ms", time.as_secs_f64() * 1e3)),
        Event::Renewed { scopes, .. } => {
            paint.dim(&format!("credential renewed: {}", clean(&scopes.join(" "))))
        }
        _ => return None,
    })
}

const fn state(state: State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::Connecting => "connecting",
        State::Online => "online",
        State::Waiting => "waiting",
        _ => "closed",
    }
}

/// A line for a program: the names of PROTOCOL.md where it has them.
pub(super) fn json(event: &Event, seals: Option<&mut Seals>) -> Option<Value> {
    Some(match event {
        Event::Message(message) => {
            let payload: Value = serde_json::from_str(&message.payload).unwrap_or(Value::Null);
            let channel = message.channel.as_deref().unwrap_or_default();
            let opened = seals.and_then(|seals| seals.open(channel, &payload));
            let mut value = json!({
                "type": "event", "channel": message.channel, "from": message.from, "action": message.action,
                "payload": payload, "timestamp": message.timestamp,
            });
            if let Some(position) = &message.position {
                value["epoch"] = json!(position.epoch);
                value["offset"] = json!(position.offset);
            }
            match opened {
                Some(Ok(text)) => value["opened"] = text.into(),
                Some(Err(code)) => value["seal_error"] = code.into(),
                None => {}
            }
            value
        }
        Event::Presence { channel, joined, left } => {
            json!({"type": "presence", "channel": channel, "joined": joined, "left": left})
        }
        Event::Subscribed { channel, recovered, users, user_count } => json!({
            "type": "subscribed", "channel": channel, "recovered": recovered, "users": users, "user_count": user_count,
        }),
        Event::Unsubscribed { channel } => json!({"type": "unsubscribed", "channel": channel}),
        Event::Gap { channel, from, to } => json!({
            "type": "gap", "channel": channel,
            "from": {"epoch": from.epoch, "offset": from.offset}, "to": {"epoch": to.epoch, "offset": to.offset},
        }),
        Event::Settled { outcome: Outcome::Acknowledged, .. } => json!({"type": "acknowledged"}),
        Event::Settled { outcome: Outcome::Refused(refusal), .. } => {
            json!({"type": "refused", "code": refusal.code, "pointer": refusal.pointer, "keyword": refusal.keyword})
        }
        Event::Refused(refusal) if refusal.id.is_none() => {
            json!({"type": "error", "code": refusal.code, "channel": refusal.channel, "scope": refusal.scope})
        }
        Event::Welcome { session, user, resumed, expires_at } => json!({
            "type": "welcome", "session": session, "user": user, "resumed": resumed, "expires_at": expires_at,
        }),
        Event::Closed { code, reason } => json!({"type": "closed", "code": code, "reason": reason}),
        Event::Waiting { delay, attempt } => {
            json!({"type": "waiting", "delay_ms": u64::try_from(delay.as_millis()).unwrap_or(u64::MAX), "attempt": attempt})
        }
        Event::State(to) => json!({"type": "state", "state": state(*to)}),
        Event::Latency(time) => json!({"type": "latency", "ms": time.as_secs_f64() * 1e3}),
        Event::Renewed { expires_at, scopes } => {
            json!({"type": "renewed", "expires_at": expires_at, "scopes": scopes})
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn what_others_write_does_not_command_the_terminal() {
        assert_eq!(clean("plain, ümläut, 日本"), "plain, ümläut, 日本");
        assert_eq!(clean("\u{1b}[2J\r\n\u{9b}1m\u{202e}x"), "\\u{1b}[2J\\u{d}\\u{a}\\u{9b}1m\\u{202e}x");
    }
}
