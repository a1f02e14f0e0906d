//! For pipes: lines in, lines out. The end of the input is a goodbye, once everything is answered.

use std::{
    io::{self, BufRead as _, Write as _},
    sync::mpsc::{Sender, channel},
    thread,
};

use portcullis_client::{Event, Outcome, Outgoing, State, blocking};
use serde_json::Value;

use super::{
    Session,
    line::{self, Line},
    show::{self, Paint},
};
use crate::cli::Failure;

/// The longest line of the input.
const LINE_LEN_MAX: u64 = 1 << 20;

enum Came {
    Line(String),
    End,
    Event(Event),
    Closed,
}

pub(super) fn run(session: Session, is_json: bool) -> Result<(), Failure> {
    let Session { client, events, seals, channels, action } = session;
    let (sender, came) = channel();
    let lines = sender.clone();
    let spawned = thread::Builder::new().name("input".into()).spawn(move || read(&lines));
    spawned.map_err(|error| Failure::Runtime(error.to_string()))?;
    let spawned = thread::Builder::new().name("events".into()).spawn(move || {
        for event in events {
            if sender.send(Came::Event(event)).is_err() {
                return;
            }
        }
        let _ = sender.send(Came::Closed);
    });
    spawned.map_err(|error| Failure::Runtime(error.to_string()))?;
    let mut pipe = Pipe {
        client,
        seals,
        channels,
        action,
        is_json,
        is_ended: false,
        is_leaving: false,
        refused: 0,
        last: None,
    };
    for came in came {
        match came {
            Came::Line(line) => pipe.send(&line),
            Came::End => pipe.is_ended = true,
            Came::Event(event) => pipe.show(&event)?,
            Came::Closed => return pipe.verdict(),
        }
        pipe.leave_when_done();
    }
    Ok(())
}

fn read(lines: &Sender<Came>) {
    let mut input = io::stdin().lock();
    loop {
        let mut line = Vec::new();
        let read = io::Read::take(&mut input, LINE_LEN_MAX).read_until(b'\n', &mut line);
        let came = match read {
            Ok(len) if len > 0 => Came::Line(String::from_utf8_lossy(&line).trim_end().to_owned()),
            _ => Came::End,
        };
        let is_end = matches!(came, Came::End);
        if lines.send(came).is_err() || is_end {
            return;
        }
    }
}

struct Pipe {
    client: blocking::Handle,
    seals: Option<super::Seals>,
    channels: Vec<String>,
    action: String,
    is_json: bool,
    /// No more input comes.
    is_ended: bool,
    is_leaving: bool,
    refused: usize,
    /// How the last connection ended.
    last: Option<(u16, String)>,
}

impl Pipe {
    fn send(&mut self, line: &str) {
        let outcome = if self.is_json { self.send_json(line) } else { self.send_text(line) };
        if let Err(error) = outcome {
            self.refused += 1;
            // Nobody may be listening on stderr.
            let _ = writeln!(io::stderr(), "portcullis: {error}");
        }
    }

    fn send_text(&mut self, text: &str) -> Result<(), String> {
        match line::parse(text) {
            Line::Say(text) => {
                let channel = self.channels.first().cloned().ok_or("no channel; give --channel")?;
                self.say(&channel, text)
            }
            Line::Subscribe(channel) => {
                self.client.subscribe(channel);
                self.channels.insert(0, channel.into());
                Ok(())
            }
            Line::To(channel) => {
                self.channels.insert(0, channel.into());
                Ok(())
            }
            Line::Unsubscribe(channel) => {
                self.client.unsubscribe(channel);
                Ok(())
            }
            Line::Do { action, payload } => {
                let mut outgoing = Outgoing::new(action, payload);
                outgoing.channel = self.channels.first().map(String::as_str);
                self.client.send(&outgoing).map(drop).map_err(|error| error.to_string())
            }
            Line::Raw(text) => {
                if self.client.send_raw(text) {
                    Ok(())
                } else {
                    Err("not connected".into())
                }
            }
            Line::Ping => {
                self.client.ping();
                Ok(())
            }
            Line::Quit => {
                self.is_ended = true;
                Ok(())
            }
            Line::Unknown(why) => Err(format!("{text}: {why}")),
            Line::Nothing | Line::Who | Line::Connect | Line::Help => Ok(()),
        }
    }

    fn say(&mut self, channel: &str, text: &str) -> Result<(), String> {
        let payload = super::terminal::payload(self.seals.as_mut(), channel, text)?;
        let outgoing = Outgoing::new(&self.action, &payload).to(channel);
        self.client.send(&outgoing).map(drop).map_err(|error| error.to_string())
    }

    /// The client's messages of PROTOCOL.md, without what the client fills in itself.
    fn send_json(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() {
            return Ok(());
        }
        let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let member = |name: &str| value.get(name).and_then(Value::as_str);
        match (member("type"), member("action"), member("channel")) {
            (Some("subscribe"), _, Some(channel)) => self.client.subscribe(channel),
            (Some("unsubscribe"), _, Some(channel)) => self.client.unsubscribe(channel),
            (None, Some(action), channel) => {
                let payload = value.get("payload").map_or_else(|| "{}".into(), Value::to_string);
                let mut outgoing = Outgoing::new(action, &payload);
                (outgoing.channel, outgoing.key) = (channel, member("key"));
                self.client.send(&outgoing).map_err(|error| error.to_string())?;
            }
            (None, None, channel) if member("seal").is_some() => {
                let channel =
                    channel.or(self.channels.first().map(String::as_str)).unwrap_or_default().to_owned();
                let text = member("seal").unwrap_or_default().to_owned();
                if self.seals.is_none() {
                    return Err("no secret to seal with; give --seal-key-file".into());
                }
                self.say(&channel, &text)?;
            }
            _ => return Err("neither an action nor a subscription".into()),
        }
        Ok(())
    }

    fn show(&mut self, event: &Event) -> Result<(), Failure> {
        match event {
            Event::Closed { code, reason } => self.last = Some((*code, reason.clone())),
            Event::Settled { outcome: Outcome::Refused(_), .. } => self.refused += 1,
            _ => {}
        }
        let line = if self.is_json {
            show::json(event, self.seals.as_mut()).map(|value| value.to_string())
        } else {
            match event {
                // What others say is the output; the rest is about it.
                Event::Message(_) => show::line(event, Paint { is_colored: false }, self.seals.as_mut()),
                _ => {
                    let line = show::line(event, Paint { is_colored: false }, None);
                    let _ = line.map(|line| writeln!(io::stderr(), "{line}"));
                    None
                }
            }
        };
        match line {
            Some(line) => crate::cli::print(format_args!("{line}\n")),
            None => Ok(()),
        }
    }

    /// After the end of the input: everything is answered.
    fn leave_when_done(&mut self) {
        if self.is_ended
            && !self.is_leaving
            && self.client.pending() == 0
            && self.client.state() == State::Online
        {
            self.is_leaving = true;
            self.client.close();
        }
    }

    fn verdict(self) -> Result<(), Failure> {
        match self.last {
            _ if self.is_leaving && self.refused == 0 => Ok(()),
            _ if self.is_leaving => Err(Failure::Runtime(format!("{} messages were refused", self.refused))),
            Some((code, reason)) => Err(Failure::Runtime(format!("closed: {code} {}", show::clean(&reason)))),
            None => Ok(()),
        }
    }
}
