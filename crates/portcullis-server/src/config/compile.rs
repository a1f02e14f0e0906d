//! From what is written to what the workers use. Every file is read here, and every value checked.

use core::time::Duration;
use std::{path::Path, sync::Arc};

use portcullis_auth::{
    AuthError, ChannelRule, ChannelRules, OriginPolicy, Scopes, Verify as _,
    jwt::{Algorithm, Issuer, Key, Mint, Signer, SigningKey, Verifier, key_set},
};
use portcullis_gate::{ActionRule, Policy, Route};
use portcullis_limit::Quota;
use portcullis_proto::deflate::DeflateConfig;
use rustls::ServerConfig;

use super::{Config, ConfigError, Limits, Tls, model, read};
use crate::{
    clock,
    keys::Source,
    log,
    shared::{Live, TICKET_PATH},
    tls,
};

/// Words that mark a secret as one that must never leave a desk.
const PLACEHOLDERS: [&str; 4] = ["dev-", "change-me", "changeme", "secret"];

/// The shortest key of the operator, in bytes.
const API_KEY_LEN_MIN: usize = 24;
/// How often a key set may be fetched.
const KEY_SET_REFRESH_MIN: Duration = Duration::from_secs(1);

/// Compiles a configuration.
pub(crate) fn compile(config: &Config) -> Result<Live, ConfigError> {
    if config.listen.is_empty() {
        return Err(ConfigError::value("listen", "at least one listener is needed"));
    }
    let path_is_plain =
        config.path.starts_with('/') && config.path.bytes().all(|b| b.is_ascii_graphic() && b != b'?');
    if !path_is_plain {
        return Err(ConfigError::value("path", "must start with `/` and hold no query"));
    }
    if config.path == TICKET_PATH {
        return Err(ConfigError::value("path", "tickets are given there"));
    }
    refuse_zeros(&config.limits)?;
    if config.drain.spread.0 > config.drain.deadline.0 {
        return Err(ConfigError::value("drain.spread", "must not be longer than drain.deadline"));
    }
    if config.drain.delay.0 >= config.drain.deadline.0 {
        return Err(ConfigError::value("drain.delay", "must be shorter than drain.deadline"));
    }
    log::filter(&config.log.level).map_err(|error| ConfigError::value("log.level", error))?;
    let (tls, terminated_upstream) = listeners(config)?;
    let origins = origins(config)?;
    check_cookie(config, &origins)?;
    let key_sources = key_sources(config)?;
    let limits = gate_limits(&config.limits)?;
    let messages = limits.messages;
    Ok(Live {
        path: config.path.clone(),
        origins,
        verifier: Some(verifier(config)?),
        key_sources,
        cookie: config.auth.cookie.clone(),
        api_key: api_key(config)?,
        policy: policy(config, limits)?,
        protocol: protocol(&config.limits)?,
        deflate: config.compression.then(DeflateConfig::server),
        tls,
        certificate_scopes: certificate_scopes(config)?,
        terminated_upstream,
        demo: config.demo,
        upgrade_timeout: config.limits.upgrade_timeout.0,
        outbound_len_max: config.limits.outbound_len_max.get(),
        connections_max: config.limits.connections_max,
        connections_per_address_max: config.limits.connections_per_address_max,
        user_messages: user_quota(&config.limits, messages)?,
        drain_spread: config.drain.spread.0,
        drain_delay: config.drain.delay.0,
        drain_deadline: config.drain.deadline.0,
    })
}

type Listeners = (Vec<Option<Arc<ServerConfig>>>, Vec<bool>);

/// TLS by listener. Plaintext is only for listeners that say that a proxy in front of them has done it.
fn listeners(config: &Config) -> Result<Listeners, ConfigError> {
    let (mut tls, mut upstream) = (Vec::new(), Vec::new());
    for (index, listen) in config.listen.iter().enumerate() {
        let key = format!("listen[{index}].tls");
        match &listen.tls {
            None => {
                let message = "a plaintext listener must say `tls = \"terminated-upstream\"`, or name a certificate and a key";
                return Err(ConfigError::value(key, message));
            }
            Some(Tls::Upstream(_)) => tls.push(None),
            Some(Tls::Files(files)) => {
                let server = tls::from_files(files).map_err(|error| ConfigError::value(key, error))?;
                tls.push(Some(server));
            }
        }
        upstream.push(matches!(listen.tls, Some(Tls::Upstream(_))));
    }
    Ok((tls, upstream))
}

/// What clients with a certificate may do, by listener.
fn certificate_scopes(config: &Config) -> Result<Vec<Option<Scopes>>, ConfigError> {
    let of_listener = |(index, listen): (usize, &model::Listen)| {
        let Some(Tls::Files(files)) = &listen.tls else { return Ok(None) };
        let Some(clients) = &files.clients else { return Ok(None) };
        Scopes::new(clients.scopes.iter().map(String::as_str)).map(Some).map_err(|_| {
            ConfigError::value(format!("listen[{index}].tls.clients.scopes"), "a scope cannot be used")
        })
    };
    config.listen.iter().enumerate().map(of_listener).collect()
}

fn origins(config: &Config) -> Result<OriginPolicy, ConfigError> {
    let Some(origins) = &config.origins else { return Ok(OriginPolicy::same_host()) };
    OriginPolicy::allow_list(origins.iter().map(String::as_str))
        .map_err(|error| ConfigError::value("origins", error))
}

fn verifier(config: &Config) -> Result<Verifier, ConfigError> {
    let mut issuers = Vec::new();
    for (index, issuer) in config.auth.issuer.iter().enumerate() {
        let mut keys = Vec::new();
        for (key_index, key) in issuer.key.iter().enumerate() {
            keys.push(verifying_key(key, &format!("auth.issuer[{index}].key[{key_index}]"))?);
        }
        if let Some(file) = issuer.key_set.as_ref().and_then(|set| set.file.as_ref()) {
            let place = format!("auth.issuer[{index}].key_set.file");
            let set = key_set(read(file)?.as_bytes()).map_err(|error| ConfigError::value(place, error))?;
            keys.extend(set);
        }
        let is_published = issuer.key_set.as_ref().is_some_and(|set| set.url.is_some());
        if keys.is_empty() && !is_published {
            return Err(ConfigError::value(
                format!("auth.issuer[{index}].key"),
                "at least one key is needed",
            ));
        }
        issuers.push(Issuer { name: issuer.name.clone(), keys });
    }
    if issuers.is_empty() || config.auth.audience.is_empty() {
        return Err(ConfigError::value("auth", "an audience and at least one issuer are needed"));
    }
    Ok(Verifier::new(&config.auth.audience, issuers).with_leeway(config.auth.leeway.0))
}

/// Where issuers publish their keys.
fn key_sources(config: &Config) -> Result<Vec<Source>, ConfigError> {
    let mut sources = Vec::new();
    for (index, issuer) in config.auth.issuer.iter().enumerate() {
        let Some(set) = &issuer.key_set else { continue };
        let place = format!("auth.issuer[{index}].key_set");
        let url = match (&set.url, &set.file) {
            (Some(url), None) => url,
            (None, Some(_)) => continue,
            _ => return Err(ConfigError::value(place, "one of file and url is needed")),
        };
        if set.refresh.0 < KEY_SET_REFRESH_MIN {
            return Err(ConfigError::value(format!("{place}.refresh"), "must be a second at least"));
        }
        let authorities = set.authorities.as_deref().map(read).transpose()?;
        let source = Source::new(&issuer.name, url, set.refresh.0, authorities.as_deref().map(str::as_bytes))
            .map_err(|error| ConfigError::value(format!("{place}.{}", error.key()), error))?;
        sources.push(source);
    }
    Ok(sources)
}

/// A cookie comes with every request that a browser makes, whichever page asked for it.
fn check_cookie(config: &Config, origins: &OriginPolicy) -> Result<(), ConfigError> {
    let Some(cookie) = &config.auth.cookie else { return Ok(()) };
    let is_name = !cookie.is_empty()
        && cookie.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    if !is_name {
        return Err(ConfigError::value("auth.cookie", "is no name of a cookie"));
    }
    if !origins.is_allow_list() {
        return Err(ConfigError::value("auth.cookie", "needs `origins`: the pages that may use it"));
    }
    Ok(())
}

/// The operator's key: long enough not to be guessed.
fn api_key(config: &Config) -> Result<Option<super::Secret>, ConfigError> {
    let Some(admin) = &config.admin else { return Ok(None) };
    let place = "admin.key";
    let key = match (&admin.key, &admin.key_file) {
        (None, None) => return Ok(None),
        (Some(key), None) => key.clone(),
        (None, Some(file)) => super::Secret::from(read(file)?.trim_end().to_owned()),
        (Some(_), Some(_)) => return Err(ConfigError::value(place, "one of key and key_file is enough")),
    };
    check_secret(key.reveal(), place)?;
    let plain = key.reveal().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    if key.reveal().len() < API_KEY_LEN_MIN || !plain {
        let message = format!("must be {API_KEY_LEN_MIN} or more letters, digits and `-._~+/=`");
        return Err(ConfigError::value(place, message));
    }
    Ok(Some(key))
}

fn algorithm(name: &str, place: &str) -> Result<Algorithm, ConfigError> {
    Algorithm::parse(name)
        .ok_or_else(|| ConfigError::value(format!("{place}.algorithm"), format!("`{name}` is not supported")))
}

fn verifying_key(key: &model::Key, place: &str) -> Result<Key, ConfigError> {
    let algorithm = algorithm(&key.algorithm, place)?;
    let made = match (&key.secret, &key.secret_file, &key.public_key) {
        (Some(secret), None, None) => {
            check_secret(secret.reveal(), place)?;
            Key::hmac(algorithm, secret.reveal().as_bytes())
        }
        (None, Some(file), None) => {
            let secret = secret_from(file, place)?;
            Key::hmac(algorithm, secret.reveal().as_bytes())
        }
        (None, None, Some(file)) => Key::public_pem(algorithm, read(file)?.as_bytes()),
        _ => return Err(ConfigError::value(place, "one of secret, secret_file and public_key is needed")),
    };
    let made = made.map_err(|error| ConfigError::value(place, error))?;
    Ok(match &key.kid {
        Some(kid) => made.with_id(kid),
        None => made,
    })
}

fn secret_from(file: &Path, place: &str) -> Result<super::Secret, ConfigError> {
    let secret = super::Secret::from(read(file)?.trim_end().to_owned());
    check_secret(secret.reveal(), place)?;
    Ok(secret)
}

fn check_secret(secret: &str, place: &str) -> Result<(), ConfigError> {
    let lower = secret.to_ascii_lowercase();
    if PLACEHOLDERS.iter().any(|word| lower.starts_with(word)) {
        return Err(ConfigError::value(place, "this secret is a placeholder or a development key"));
    }
    Ok(())
}

/// What `portcullis token` signs with. It has signed one token that this configuration's own verifier accepts.
pub(crate) fn signer(config: &Config) -> Result<Signer, ConfigError> {
    let place = "auth.sign";
    let sign =
        config.auth.sign.as_ref().ok_or_else(|| ConfigError::value(place, "no signing key is configured"))?;
    let signer = Signer::new(signing_key(sign, place)?, &sign.issuer, &config.auth.audience);
    let now = clock::unix_time();
    let token = signer
        .mint(&Mint::new("check", now, Duration::from_secs(60)))
        .map_err(|error| ConfigError::value(place, error))?;
    let is_published = |issuer: &model::Issuer| {
        issuer.name == sign.issuer && issuer.key_set.as_ref().is_some_and(|set| set.url.is_some())
    };
    match verifier(config)?.verify(now, token.as_bytes()) {
        Ok(_) => {}
        // The key may be among those that the issuer publishes, which are not fetched for this.
        Err(AuthError::UnknownKey | AuthError::Algorithm) if config.auth.issuer.iter().any(is_published) => {}
        Err(error) => {
            let message = format!("the keys of auth.issuer refuse its tokens: {}", error.code());
            return Err(ConfigError::value(place, message));
        }
    }
    Ok(signer)
}

fn signing_key(sign: &model::Sign, place: &str) -> Result<SigningKey, ConfigError> {
    let algorithm = algorithm(&sign.algorithm, place)?;
    let key = match (&sign.secret, &sign.secret_file, &sign.private_key) {
        (Some(secret), None, None) => SigningKey::hmac(algorithm, secret.reveal().as_bytes()),
        (None, Some(file), None) => {
            SigningKey::hmac(algorithm, secret_from(file, place)?.reveal().as_bytes())
        }
        (None, None, Some(file)) => {
            let pem = super::Secret::from(read(file)?);
            SigningKey::private_pem(algorithm, pem.reveal().as_bytes())
        }
        _ => return Err(ConfigError::value(place, "one of secret, secret_file and private_key is needed")),
    };
    let key = key.map_err(|error| ConfigError::value(place, error))?;
    Ok(match &sign.kid {
        Some(kid) => key.with_id(kid),
        None => key,
    })
}

fn policy(config: &Config, limits: portcullis_gate::Limits) -> Result<Policy, ConfigError> {
    let mut rules = Vec::new();
    for (index, action) in config.action.iter().enumerate() {
        let schema = match (&action.schema, &action.schema_file) {
            (Some(schema), None) => schema.clone(),
            (None, Some(file)) => read(file)?,
            _ => {
                return Err(ConfigError::value(
                    format!("action[{index}]"),
                    "one of schema and schema_file is needed",
                ));
            }
        };
        if action.scope.as_deref().is_some_and(|scope| Scopes::new(core::iter::once(scope)).is_err()) {
            // No credential could ever carry it.
            return Err(ConfigError::value(format!("action[{index}].scope"), "is no name of a scope"));
        }
        rules.push(ActionRule {
            name: action.name.clone(),
            schema,
            route: match action.route {
                model::Route::Channel => Route::Channel,
                model::Route::User => Route::User,
                model::Route::Presence => Route::Presence,
                model::Route::Reply => Route::Reply,
            },
            cost: action.cost,
            scope: action.scope.clone(),
        });
    }
    let sealed: Vec<&str> =
        config.action.iter().filter(|action| action.sealed).map(|action| action.name.as_str()).collect();
    let policy = Policy::new(limits, rules).and_then(|policy| policy.with_sealed(&sealed));
    let policy = policy.map_err(|error| ConfigError::value("action", error))?;
    Ok(policy.with_channels(channel_rules(config)?))
}

fn channel_rules(config: &Config) -> Result<ChannelRules, ConfigError> {
    let rules = config.channel.iter().map(|channel| ChannelRule {
        pattern: channel.pattern.clone(),
        read: channel.read.clone(),
        write: channel.write.clone(),
        presence: channel.presence.clone(),
    });
    ChannelRules::new(rules).map_err(|error| ConfigError::value("channel", error))
}

fn quota(refill: u32, burst: u32, key: &str) -> Result<Quota, ConfigError> {
    Quota::per_second(refill, burst).map_err(|error| ConfigError::value(format!("limits.{key}"), error))
}

fn narrow(size: super::Size, key: &str) -> Result<u32, ConfigError> {
    u32::try_from(size.0).map_err(|_| ConfigError::value(format!("limits.{key}"), "must be below 4 GiB"))
}

/// A zero here would refuse every client, or have a timer fire without end. (No log and no resume window are fine.)
fn refuse_zeros(limits: &Limits) -> Result<(), ConfigError> {
    let zeros = [
        ("message_len_max", limits.message_len_max.0 == 0),
        ("frame_len_max", limits.frame_len_max.0 == 0),
        ("fragments_max", limits.fragments_max == 0),
        ("outbound_len_max", limits.outbound_len_max.0 == 0),
        ("user_factor", limits.user_factor == 0),
        ("connections_max", limits.connections_max == 0),
        ("connections_per_address_max", limits.connections_per_address_max == 0),
        ("subscriptions_max", limits.subscriptions_max == 0),
        ("json_depth_max", limits.json_depth_max == 0),
        ("upgrade_timeout", limits.upgrade_timeout.0.is_zero()),
        ("auth_timeout", limits.auth_timeout.0.is_zero()),
        ("close_timeout", limits.close_timeout.0.is_zero()),
        ("ping_interval", limits.ping_interval.0.is_zero()),
        ("pong_timeout", limits.pong_timeout.0.is_zero()),
        ("timestamp_window", limits.timestamp_window.0.is_zero()),
        ("connection_life", limits.connection_life.0.is_zero()),
    ];
    match zeros.into_iter().find(|(_, is_zero)| *is_zero) {
        Some((key, _)) => Err(ConfigError::value(format!("limits.{key}"), "must not be 0")),
        None => Ok(()),
    }
}

fn gate_limits(limits: &Limits) -> Result<portcullis_gate::Limits, ConfigError> {
    let bytes_refill = narrow(limits.bytes_per_second, "bytes_per_second")?;
    let bytes_burst = narrow(limits.bytes_burst, "bytes_burst")?;
    let mut gate = portcullis_gate::Limits::default();
    gate.messages = quota(limits.messages_per_second, limits.messages_burst, "messages_per_second")?;
    gate.bytes = quota(bytes_refill, bytes_burst, "bytes_per_second")?;
    gate.auth_timeout = limits.auth_timeout.0;
    gate.timestamp_window = limits.timestamp_window.0;
    gate.life = limits.connection_life.0;
    gate.depth_max = limits.json_depth_max;
    Ok(gate)
}

fn user_quota(limits: &Limits, _messages: Quota) -> Result<Quota, ConfigError> {
    let times = |number: u32| number.saturating_mul(limits.user_factor.max(1));
    quota(times(limits.messages_per_second), times(limits.messages_burst), "user_factor")
}

fn protocol(limits: &Limits) -> Result<portcullis_proto::Config, ConfigError> {
    Ok(portcullis_proto::Config::server()
        .with_message_len_max(limits.message_len_max.0)
        .with_frame_len_max(limits.frame_len_max.0)
        .with_fragments_max(limits.fragments_max)
        .with_ping_interval(Some(limits.ping_interval.0))
        .with_pong_timeout(limits.pong_timeout.0)
        .with_close_timeout(limits.close_timeout.0))
}

/// The bounds of the session model.
pub(crate) fn session_config(limits: &Limits) -> portcullis_session::Config {
    let mut config = portcullis_session::Config::default();
    config.log_events_max = limits.log_events_max;
    config.log_age_max = limits.log_age_max.0;
    config.resume_window = limits.resume_window.0;
    config.subscriptions_max = limits.subscriptions_max;
    // What one answer brings must fit into the outbound queue of the one who asked.
    config.recovery_bytes_max = limits.outbound_len_max.get() / 4 * 3;
    config
}
