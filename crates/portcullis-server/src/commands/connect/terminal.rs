//! For a person: a line to edit, with history and completion, and what happens above it.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use portcullis_client::{Event, Outgoing, State, blocking};
use rustyline::{
    Config, Context, Editor, ExternalPrinter as _, Helper,
    completion::{Completer, Pair},
    error::ReadlineError,
    highlight::Highlighter,
    hint::Hinter,
    history::FileHistory,
    validate::Validator,
};

use super::{
    Session,
    line::{self, COMMANDS, Line},
    sealed::Seals,
    show::{self, Paint},
};
use crate::cli::Failure;

/// What the editor and the printer both know.
struct Known {
    seals: Option<Seals>,
    /// Who is present, by channel.
    channels: BTreeMap<String, BTreeSet<String>>,
    actions: BTreeSet<String>,
}

type Shared = Arc<Mutex<Known>>;

/// A poisoned lock means that the printer panicked, which is our own bug; the editor goes on.
fn lock(known: &Shared) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn run(
    session: Session,
    url: &str,
    history: Option<&Path>,
    is_colored: bool,
) -> Result<(), Failure> {
    let failed = |error: ReadlineError| Failure::Runtime(error.to_string());
    let paint = Paint { is_colored };
    let known = Known {
        seals: session.seals,
        channels: session.channels.iter().map(|channel| (channel.clone(), BTreeSet::new())).collect(),
        actions: ["chat", "status", "ping"].map(String::from).into(),
    };
    let known = Arc::new(Mutex::new(known));
    let config = Config::builder().auto_add_history(true).history_ignore_space(true).build();
    let mut editor: Editor<Assistant, FileHistory> = Editor::with_config(config).map_err(failed)?;
    editor.set_helper(Some(Assistant { known: known.clone() }));
    let history = history.map(Path::to_owned).or_else(default_history);
    if let Some(file) = &history {
        // The first time there is none.
        let _ = editor.load_history(file);
    }
    let mut printer = editor.create_external_printer().map_err(failed)?;
    let (events, watching) = (session.events, known.clone());
    let printing = move || {
        for event in EventsForever(events) {
            let mut known = lock(&watching);
            known.note(&event);
            let text = match event {
                Event::State(State::Closed) => Some(paint.bad("closed; /connect tries again, /quit ends")),
                event => show::line(&event, paint, known.seals.as_mut()),
            };
            drop(known);
            if let Some(text) = text
                && printer.print(format!("{text}\n")).is_err()
            {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("events".into())
        .spawn(printing)
        .map_err(|error| Failure::Runtime(error.to_string()))?;
    let client = session.client;
    crate::cli::print(format_args!("{}\n", paint.dim(&format!("{url} – /help lists what can be typed"))))?;
    let mut talk =
        Talk { client, known, channel: session.channels.first().cloned(), action: session.action, paint };
    loop {
        match editor.readline(&talk.prompt()) {
            Ok(line) => {
                if talk.obey(&line)? {
                    break;
                }
            }
            Err(ReadlineError::Interrupted | ReadlineError::Eof) => break,
            Err(error) => return Err(failed(error)),
        }
    }
    if let Some(file) = &history {
        // A history that cannot be kept is no reason to fail.
        let _ = file.parent().map(fs::create_dir_all);
        let _ = editor.save_history(file);
    }
    talk.client.close();
    Ok(())
}

/// Unlike the events of a client, these go on when it is closed: it may be told to connect again.
struct EventsForever(blocking::Events);

impl Iterator for EventsForever {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.0.next_within(core::time::Duration::from_secs(3_600)) {
                return Some(event);
            }
        }
    }
}

fn default_history() -> Option<PathBuf> {
    let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".local/state")))?;
    Some(state.join("portcullis/history"))
}

impl Known {
    fn note(&mut self, event: &Event) {
        match event {
            Event::Subscribed { channel, users, .. } => {
                let users = users.iter().map(ToString::to_string).collect();
                self.channels.insert(channel.to_string(), users);
            }
            Event::Presence { channel, joined, left } => {
                let users = self.channels.entry(channel.to_string()).or_default();
                users.extend(joined.iter().map(ToString::to_string));
                users.retain(|user| !left.iter().any(|gone| **gone == **user));
            }
            Event::Unsubscribed { channel } => drop(self.channels.remove(&**channel)),
            Event::Message(message) if self.actions.len() < 256 => {
                self.actions.insert(message.action.to_string());
            }
            _ => {}
        }
    }
}

/// The payload of a line: sealed, or JSON as it was typed, or a text.
pub(super) fn payload(seals: Option<&mut Seals>, channel: &str, text: &str) -> Result<String, String> {
    match seals {
        Some(seals) => seals.seal(channel, text),
        None if text.starts_with('{') => Ok(text.into()),
        None => Ok(serde_json::json!({ "text": text }).to_string()),
    }
}

/// What lines are said to.
struct Talk {
    client: blocking::Handle,
    known: Shared,
    channel: Option<String>,
    action: String,
    paint: Paint,
}

impl Talk {
    fn prompt(&self) -> String {
        format!("{}> ", self.channel.as_deref().map_or_else(String::new, show::clean))
    }

    /// Does what a line says. True when it is the last.
    fn obey(&mut self, text: &str) -> Result<bool, Failure> {
        let outcome = match line::parse(text) {
            Line::Nothing => Ok(()),
            Line::Say(text) => self.say(text),
            Line::Subscribe(channel) => {
                self.client.subscribe(channel);
                self.channel = Some(channel.into());
                Ok(())
            }
            Line::Unsubscribe(channel) => {
                self.client.unsubscribe(channel);
                self.channel.take_if(|of| of == channel);
                Ok(())
            }
            Line::To(channel) => {
                self.channel = Some(channel.into());
                Ok(())
            }
            Line::Do { action, payload } => {
                let mut outgoing = Outgoing::new(action, payload);
                outgoing.channel = self.channel.as_deref();
                self.client.send(&outgoing).map(drop).map_err(|error| error.to_string())
            }
            Line::Raw(text) if self.client.send_raw(text) => Ok(()),
            Line::Raw(_) => Err("not connected".into()),
            Line::Who => return self.who().map(|()| false),
            Line::Ping => {
                self.client.ping();
                Ok(())
            }
            Line::Connect => {
                self.client.connect();
                Ok(())
            }
            Line::Help => return self.help().map(|()| false),
            Line::Quit => return Ok(true),
            Line::Unknown(why) => Err(why.into()),
        };
        match outcome {
            Ok(()) => Ok(false),
            Err(error) => crate::cli::print(format_args!("{}\n", self.paint.bad(&error))).map(|()| false),
        }
    }

    fn say(&self, text: &str) -> Result<(), String> {
        let channel = self.channel.as_deref().ok_or("no channel; /sub CHANNEL")?;
        let payload = payload(lock(&self.known).seals.as_mut(), channel, text)?;
        let sent = self.client.send(&Outgoing::new(&self.action, &payload).to(channel));
        sent.map_err(|error| error.to_string())?;
        if self.client.state() != State::Online {
            let waiting = format!("{} wait to be sent", self.client.pending());
            crate::cli::print(format_args!("{}\n", self.paint.dim(&waiting)))
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn who(&self) -> Result<(), Failure> {
        let known = lock(&self.known);
        let users = self.channel.as_deref().and_then(|channel| known.channels.get(channel));
        let users = users.into_iter().flatten().map(|user| show::clean(user)).collect::<Vec<_>>().join(", ");
        drop(known);
        crate::cli::print(format_args!("{users}\n"))
    }

    fn help(&self) -> Result<(), Failure> {
        let mut text = String::from("What is typed is sent to the channel. Tab completes.\n");
        for (command, takes, does) in COMMANDS {
            text.push_str(&format!("  {:<20} {does}\n", format!("{command} {takes}")));
        }
        crate::cli::print(text)
    }
}

/// Completes commands, channels, actions and names.
struct Assistant {
    known: Shared,
}

/// Where the word before the cursor begins, and what can stand there.
fn candidates(line: &str, known: &Known) -> (usize, Vec<String>) {
    let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
    let (before, word) = line.split_at(start);
    let channels = || known.channels.keys().map(String::as_str).collect::<Vec<_>>();
    let all: Vec<&str> = match before.split_whitespace().next() {
        None if word.starts_with('/') => COMMANDS.iter().map(|(command, _, _)| *command).collect(),
        Some("/sub" | "/unsub" | "/to") => channels(),
        Some("/do") if before.split_whitespace().count() == 1 => {
            known.actions.iter().map(String::as_str).collect()
        }
        _ => known.channels.values().flatten().map(String::as_str).collect(),
    };
    let mut fit: Vec<String> = all
        .into_iter()
        .filter(|candidate| candidate.starts_with(word) && show::clean(candidate) == *candidate)
        .map(String::from)
        .collect();
    fit.sort_unstable();
    fit.dedup();
    (start, fit)
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, fit) = candidates(line.get(..at).unwrap_or(line), &lock(&self.known));
        let pair = |name: String| Pair { display: name.clone(), replacement: name };
        Ok((start, fit.into_iter().map(pair).collect()))
    }
}

impl Hinter for Assistant {
    type Hint = String;
}

impl Highlighter for Assistant {}
impl Validator for Assistant {}
impl Helper for Assistant {}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, BTreeSet, Known, candidates};

    #[test]
    fn completes_what_is_known() {
        let users: BTreeSet<String> = ["alice", "bob", "evil\u{1b}[2J"].map(String::from).into();
        let known = Known {
            seals: None,
            channels: BTreeMap::from([("chat:lobby".into(), users), ("user:alice".into(), BTreeSet::new())]),
            actions: ["chat", "status"].map(String::from).into(),
        };
        let fit = |line: &str| candidates(line, &known);
        assert_eq!(fit("/su"), (0, vec!["/sub".into()]));
        assert_eq!(fit("/to c"), (4, vec!["chat:lobby".into()]));
        assert_eq!(fit("/do st"), (4, vec!["status".into()]));
        assert_eq!(fit("hello al"), (6, vec!["alice".into()]));
        assert_eq!(fit("ev"), (0, vec![]), "what would command the terminal is not offered");
        assert_eq!(fit("/do status {").1, Vec::<String>::new());
    }
}
