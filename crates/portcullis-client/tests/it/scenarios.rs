//! The table of scenarios, which the other clients run as well; its README has the steps.
use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use portcullis_client::{
    Auth, Config, Event, MessageId, OutboxPolicy, Outcome, Outgoing, Position, Received,
};
use serde_json::{Map, Value, json};

use super::world::{Dial, World};

#[test]
fn all_scenarios_hold_whatever_chance_brings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut count = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let scenario: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        for seed in 0..25 {
            run(&scenario, seed);
        }
        count += 1;
    }
    assert!(count >= 40, "{count} scenarios");
}

fn run(scenario: &Value, seed: u8) {
    let mut player = Player {
        world: World::new(config(&scenario["options"]), seed),
        names: BTreeMap::new(),
        refused: BTreeMap::new(),
    };
    for (at, step) in scenario["steps"].as_array().unwrap().iter().enumerate() {
        if let Err(error) = player.take(step) {
            panic!("{}, step {}, {step}, with seed {seed}: {error}", scenario["name"], at + 1);
        }
    }
    let world = &player.world;
    assert!(
        world.dials.is_empty() && world.sent.is_empty(),
        "{}: unread {:?} {:?}",
        scenario["name"],
        world.dials,
        world.sent
    );
}

fn config(options: &Value) -> Config {
    let mut config = Config::default();
    config.auth = Auth::Subprotocol;
    for (name, value) in options.as_object().unwrap() {
        let number = || usize::try_from(value.as_u64().unwrap()).unwrap();
        let time = || Duration::from_millis(value.as_u64().unwrap());
        match name.as_str() {
            "auth" if value == "message" => config.auth = Auth::Message,
            "auth" => {}
            "connect_timeout" => config.connect_timeout = time(),
            "ping_interval" => config.ping_interval = time(),
            "pong_timeout" => config.pong_timeout = time(),
            "backoff_base" => config.backoff_base = time(),
            "backoff_cap" => config.backoff_cap = time(),
            "stable_after" => config.stable_after = time(),
            "refresh_before" => config.refresh_before = time(),
            "outbox_max" => config.outbox_max = number(),
            "outbox_policy" if value == "drop-oldest" => config.outbox_policy = OutboxPolicy::DropOldest,
            "outbox_policy" => {}
            "in_flight_max" => config.in_flight_max = number(),
            "message_max" => config.message_len_max = number(),
            other => panic!("unknown option {other}"),
        }
    }
    config
}

struct Player {
    world: World,
    names: BTreeMap<String, MessageId>,
    /// Messages that were not even taken, with the code.
    refused: BTreeMap<String, &'static str>,
}

fn check(good: bool, message: impl FnOnce() -> String) -> Result<(), String> {
    if good { Ok(()) } else { Err(message()) }
}

impl Player {
    fn take(&mut self, step: &Value) -> Result<(), String> {
        let ms = |name: &str| step[name].as_u64().map(Duration::from_millis);
        if let Some(what) = step["do"].as_str() {
            self.act(what, step);
        } else if let Some(what) = step["server"].as_str() {
            match what {
                "accept" => self.world.accept(),
                "say" => self.world.say(&step["message"].to_string()),
                "close" => {
                    let code = u16::try_from(step["code"].as_u64().unwrap()).unwrap();
                    self.world.close(code, step["reason"].as_str().unwrap_or_default());
                }
                "fail" | "cut" => self.world.cut(),
                other => panic!("unknown step {other}"),
            }
        } else if let Some(time) = ms("advance") {
            self.world.advance(time);
        } else if let Some(time) = ms("freeze") {
            self.world.freeze(time);
        } else {
            return self.expect(step["expect"].as_str().unwrap(), step);
        }
        self.world.pump();
        Ok(())
    }

    fn act(&mut self, what: &str, step: &Value) {
        let now = self.world.now();
        let client = &mut self.world.client;
        let channel = step["channel"].as_str();
        match what {
            "connect" => client.connect(now),
            "close" => client.close(now),
            "subscribe" => client.subscribe(now, channel.unwrap()),
            "unsubscribe" => client.unsubscribe(now, channel.unwrap()),
            "offline" => client.set_online(now, false),
            "online" => client.set_online(now, true),
            "wake" => client.wake(now),
            "token" => self.world.token = step["token"].as_str().map(Into::into),
            "send" => {
                let payload = step["payload"].to_string();
                let mut outgoing = Outgoing::new(step["action"].as_str().unwrap(), &payload);
                outgoing.channel = channel;
                outgoing.key = step["key"].as_str();
                let name = step["as"].as_str().unwrap().to_owned();
                match client.send(now, &outgoing) {
                    Ok(message) => drop(self.names.insert(name, message)),
                    Err(error) => drop(self.refused.insert(name, error.code())),
                }
            }
            other => panic!("unknown step {other}"),
        }
    }

    fn expect(&mut self, what: &str, step: &Value) -> Result<(), String> {
        let world = &mut self.world;
        match what {
            "dial" => {
                let wanted = Dial {
                    resume: step["resume"].as_bool().unwrap(),
                    bearer: step["bearer"].as_str().map(Into::into),
                };
                let got = world.dials.pop_front();
                check(got.as_ref() == Some(&wanted), || format!("the next dial is {got:?}"))
            }
            "sent" => {
                let got = world.sent.pop_front();
                check(got.as_ref() == Some(&step["message"]), || format!("the next message is {got:?}"))
            }
            "silence" => check(world.sent.is_empty(), || format!("sent {:?}", world.sent)),
            "state" => {
                check(step["state"] == world.state(), || format!("the state is {}", world.state()))?;
                let bound = |name: &str, or: u64| Duration::from_millis(step[name].as_u64().unwrap_or(or));
                let range = bound("delay_min", 0)..=bound("delay_max", u64::MAX);
                let is_within = step["state"] != "waiting" || range.contains(&world.delay);
                check(is_within, || format!("the delay is {:?}", world.delay))
            }
            "event" => self.expect_event(step),
            "no_event" => {
                let kind = step["event"].as_str().unwrap();
                let found = world.events.iter().filter_map(picture).find(|(of, _)| *of == kind);
                check(found.is_none(), || format!("there is {found:?}"))
            }
            "settled" | "pending" => {
                let wanted = match step["as"].as_str() {
                    None => "pending".to_owned(),
                    Some("refused") => format!("refused {}", step["code"].as_str().unwrap()),
                    Some(other) => other.to_owned(),
                };
                let got = self.outcome(step["message"].as_str().unwrap());
                check(got == wanted, || format!("it is {got}"))
            }
            "dropped" => check(world.dropped, || "the transport is still held".into()),
            other => panic!("unknown step {other}"),
        }
    }

    fn outcome(&self, name: &str) -> String {
        if let Some(code) = self.refused.get(name) {
            return format!("refused {code}");
        }
        let message = self.names[name];
        let mut outcomes = self.world.settled.iter().filter(|(settled, _)| *settled == message);
        let outcome = match outcomes.next() {
            None => "pending".into(),
            Some((_, Outcome::Acknowledged)) => "acknowledged".into(),
            Some((_, Outcome::Refused(refusal))) => format!("refused {}", refusal.code),
            Some(other) => format!("{other:?}"),
        };
        assert!(outcomes.next().is_none(), "{name} was settled twice");
        outcome
    }

    fn expect_event(&mut self, step: &Value) -> Result<(), String> {
        let kind = step["event"].as_str().unwrap();
        let is_it = |event: &Event| picture(event).is_some_and(|(of, _)| of == kind);
        let Some(at) = self.world.events.iter().position(is_it) else { return Err("there was none".into()) };
        let (_, got) = picture(&self.world.events.remove(at)).unwrap();
        let members = step.as_object().unwrap().iter();
        let wanted = members.filter(|(name, _)| !["expect", "event"].contains(&name.as_str()));
        for (name, value) in wanted {
            check(got.get(name) == Some(value), || format!("it is {}", Value::Object(got.clone())))?;
        }
        Ok(())
    }
}

/// An event by the names of the wire.
fn picture(event: &Event) -> Option<(&'static str, Map<String, Value>)> {
    let place = |position: &Position| json!({"epoch": position.epoch, "offset": position.offset});
    let (kind, value) = match event {
        Event::Message(Received { channel, position, from, action, payload, .. }) => {
            let payload: Value = serde_json::from_str(payload).unwrap();
            let (epoch, offset) =
                position.as_ref().map(|position| (position.epoch.clone(), position.offset)).unzip();
            let value = json!({"channel": channel, "epoch": epoch, "offset": offset, "from": from, "action": action, "payload": payload});
            ("message", value)
        }
        Event::Gap { channel, from, to } => {
            ("gap", json!({"channel": channel, "from": place(from), "to": place(to)}))
        }
        Event::Presence { channel, joined, left } => {
            ("presence", json!({"channel": channel, "joined": joined, "left": left}))
        }
        Event::Subscribed { channel, recovered, users, user_count } => (
            "subscribed",
            json!({"channel": channel, "recovered": recovered, "users": users, "user_count": user_count}),
        ),
        Event::Unsubscribed { channel } => ("unsubscribed", json!({"channel": channel})),
        Event::Refused(refusal) => (
            "refused",
            json!({
                "code": refusal.code, "id": refusal.id, "channel": refusal.channel, "scope": refusal.scope,
                "pointer": refusal.pointer, "keyword": refusal.keyword,
                "retry_after_ms": refusal.retry_after.map(|time| u64::try_from(time.as_millis()).unwrap()),
            }),
        ),
        _ => return None,
    };
    let Value::Object(members) = value else { return None };
    Some((kind, members))
}
