//! The messages that a server sends, written as JSON text.
//!
//! Each function appends one message, or a part of one, to any [`core::fmt::Write`]; with a reused `String` nothing is
//! allocated per message. The only error is the writer's own.

use core::fmt::{self, Write};

use portcullis_session::{Position, SessionId};

use crate::refusal::Refusal;

/// What `welcome` tells a client.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a message of the wire protocol is filled in by its sender")]
pub struct Welcome<'a> {
    /// The session that was opened or resumed.
    pub session: SessionId,
    /// The authenticated user.
    pub user: &'a str,
    /// The secret that resumes this session, in its text form.
    pub resume: &'a str,
    /// When the credential expires, in seconds since 1970; `None` for a connection without a credential.
    pub expires_at: Option<u64>,
    /// How often the server pings, in milliseconds.
    pub ping_interval_ms: u64,
    /// `Some` for a client that asked to resume: whether its session was still there.
    pub recovered: Option<bool>,
    /// The last message id that was applied in this session.
    pub last_id: u64,
    /// Ids before it that were not applied. Empty unless the session was resumed, and then nearly always.
    pub skipped: &'a [u64],
}

/// Appends `welcome`.
///
/// # Errors
/// The writer's own.
pub fn welcome(out: &mut impl Write, welcome: &Welcome<'_>) -> fmt::Result {
    write!(out, r#"{{"type":"welcome","session":"{}","user":"#, welcome.session)?;
    string(out, welcome.user)?;
    out.write_str(r#","resume":"#)?;
    string(out, welcome.resume)?;
    if let Some(expires_at) = welcome.expires_at {
        write!(out, r#","expires_at":{expires_at}"#)?;
    }
    write!(out, r#","ping_interval_ms":{}"#, welcome.ping_interval_ms)?;
    if let Some(recovered) = welcome.recovered {
        write!(out, r#","recovered":{recovered}"#)?;
    }
    write!(out, r#","last_id":{}"#, welcome.last_id)?;
    for (at, id) in welcome.skipped.iter().enumerate() {
        write!(out, "{}{id}", if at == 0 { r#","skipped":["# } else { "," })?;
    }
    out.write_str(if welcome.skipped.is_empty() { "}" } else { "]}" })
}

/// Appends `subscribed`. `users` lists at most as many as the session model gave; `user_count` is the whole number.
///
/// # Errors
/// The writer's own.
pub fn subscribed<'a>(
    out: &mut impl Write,
    channel: &str,
    position: Position,
    recovered: bool,
    users: impl Iterator<Item = &'a str>,
    user_count: usize,
) -> fmt::Result {
    out.write_str(r#"{"type":"subscribed","channel":"#)?;
    string(out, channel)?;
    write!(
        out,
        r#","epoch":"{}","offset":{},"recovered":{recovered},"users":"#,
        position.epoch, position.offset
    )?;
    strings(out, users)?;
    write!(out, r#","user_count":{user_count}}}"#)
}

/// Appends `renewed`: the credential was renewed, and allows something else than the one before.
///
/// # Errors
/// The writer's own.
pub fn renewed<'a>(
    out: &mut impl Write,
    expires_at: Option<u64>,
    scopes: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    out.write_str(r#"{"type":"renewed""#)?;
    if let Some(expires_at) = expires_at {
        write!(out, r#","expires_at":{expires_at}"#)?;
    }
    out.write_str(r#","scopes":"#)?;
    strings(out, scopes)?;
    out.write_char('}')
}

/// Appends `unsubscribed`.
///
/// # Errors
/// The writer's own.
pub fn unsubscribed(out: &mut impl Write, channel: &str) -> fmt::Result {
    out.write_str(r#"{"type":"unsubscribed","channel":"#)?;
    string(out, channel)?;
    out.write_char('}')
}

/// Appends `presence`: who joined and who left since the last one.
///
/// # Errors
/// The writer's own.
pub fn presence<'a>(
    out: &mut impl Write,
    channel: &str,
    joined: impl Iterator<Item = &'a str>,
    left: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    out.write_str(r#"{"type":"presence","channel":"#)?;
    string(out, channel)?;
    out.write_str(r#","joined":"#)?;
    strings(out, joined)?;
    out.write_str(r#","left":"#)?;
    strings(out, left)?;
    out.write_char('}')
}

/// Appends the part of an event that every receiver gets alike, without its opening brace: this is what a channel log
/// keeps. `payload` is JSON text that the validator has passed.
///
/// # Errors
/// The writer's own.
pub fn event_body(
    out: &mut impl Write,
    from: &str,
    action: &str,
    payload: &str,
    timestamp_ms: u64,
) -> fmt::Result {
    out.write_str(r#""from":"#)?;
    string(out, from)?;
    out.write_str(r#","action":"#)?;
    string(out, action)?;
    write!(out, r#","payload":{payload},"timestamp":{timestamp_ms}}}"#)
}

/// Appends a whole event of a channel: its place in the log, then `body` as [`event_body`] wrote it.
///
/// # Errors
/// The writer's own.
pub fn event(out: &mut impl Write, channel: &str, position: Position, body: &str) -> fmt::Result {
    out.write_str(r#"{"type":"event","channel":"#)?;
    string(out, channel)?;
    write!(out, r#","epoch":"{}","offset":{},{body}"#, position.epoch, position.offset)
}

/// Appends an event that goes back to its sender alone and is in no log.
///
/// # Errors
/// The writer's own.
pub fn reply(out: &mut impl Write, action: &str, payload: &str, timestamp_ms: u64) -> fmt::Result {
    out.write_str(r#"{"type":"event","action":"#)?;
    string(out, action)?;
    write!(out, r#","payload":{payload},"timestamp":{timestamp_ms}}}"#)
}

/// Appends `ack` for the client's message `id`.
///
/// # Errors
/// The writer's own.
pub fn ack(out: &mut impl Write, id: u64) -> fmt::Result {
    write!(out, r#"{{"type":"ack","id":{id}}}"#)
}

/// What an `error` is about, besides the refusal itself.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a message of the wire protocol is filled in by its sender")]
pub struct About<'a> {
    /// The channel of a refused subscription.
    pub channel: Option<&'a str>,
    /// The scope that the credential lacks.
    pub scope: Option<&'a str>,
}

/// Appends `error` for a refused message: its stable code and, where they help, the id, the channel of a refused
/// subscription, the scope that is missing, when to try again, and the place and keyword of the first violation.
///
/// # Errors
/// The writer's own.
pub fn error(out: &mut impl Write, refusal: &Refusal, about: About<'_>) -> fmt::Result {
    let About { channel, scope } = about;
    write!(out, r#"{{"type":"error","code":"{}""#, refusal.code())?;
    if let Some(id) = refusal.id() {
        write!(out, r#","id":{id}"#)?;
    }
    if let Some(channel) = channel {
        out.write_str(r#","channel":"#)?;
        string(out, channel)?;
    }
    if let Some(scope) = scope {
        out.write_str(r#","scope":"#)?;
        string(out, scope)?;
    }
    if let Some(retry_after) = refusal.retry_after() {
        write!(out, r#","retry_after_ms":{}"#, retry_after.as_nanos().div_ceil(1_000_000))?;
    }
    if let Some(violation) = refusal.violation() {
        out.write_str(r#","pointer":""#)?;
        write!(Escape(out), "{}", violation.pointer())?;
        write!(out, r#"","keyword":"{}","offset":{}"#, violation.keyword().as_str(), violation.offset())?;
    }
    out.write_char('}')
}

/// Appends `text` as a JSON string (RFC 8259 §7).
fn string(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    Escape(out).write_str(text)?;
    out.write_char('"')
}

/// Appends a JSON array of strings.
fn strings<'a>(out: &mut impl Write, texts: impl Iterator<Item = &'a str>) -> fmt::Result {
    out.write_char('[')?;
    for (index, text) in texts.enumerate() {
        if index > 0 {
            out.write_char(',')?;
        }
        string(out, text)?;
    }
    out.write_char(']')
}

/// Escapes what passes through it for the inside of a JSON string.
struct Escape<'w, W>(&'w mut W);

impl<W: Write> Write for Escape<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
            let (plain, special) = rest.split_at(at);
            self.0.write_str(plain)?;
            let mut chars = special.chars();
            match chars.next() {
                Some(c @ ('"' | '\\')) => write!(self.0, "\\{c}")?,
                Some(c) => write!(self.0, "\\u{:04x}", u32::from(c))?,
                None => {}
            }
            rest = chars.as_str();
        }
        self.0.write_str(rest)
    }
}
