//! Bad input by hand, as a new user would give it: one clear line, exit code 2 or 1, no backtrace.

use std::{net::TcpListener, process::Stdio};

use super::program::{Folder, MINIMAL, SECRET, Server, command, refuses, run};

#[test]
fn version_and_help() {
    for args in [["--version"], ["help"], ["--help"]] {
        let output = run(&args);
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?}");
    }
    let help = String::from_utf8(run(&["help"]).stdout).unwrap();
    for command in ["dev", "serve", "check", "token", "echo"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}");
    }
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    for args in [
        &[][..],
        &["nonsense"],
        &["dev", "--listen", "here"],
        &["echo", "--message-max", "1x"],
        &["token", "--config", "x"],
        &["token", "--config", "x", "--user", "a", "--ttl", "soon"],
    ] {
        let output = run(args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!error.is_empty() && !error.contains("panicked"), "{args:?}: {error}");
    }
}

#[test]
fn a_missing_configuration_file() {
    for command in ["serve", "check"] {
        refuses(&[command, "--config", "no-such-file.toml"], 2, &["no-such-file.toml", "No such file"]);
    }
    refuses(&["token", "--config", "no-such-file.toml", "--user", "a"], 2, &["no-such-file.toml"]);
}

/// Each row: a configuration, and the words that its refusal must hold.
#[test]
fn a_configuration_that_cannot_be_used() {
    let folder = Folder::new();
    let with = |more: &str| format!("{MINIMAL}{more}");
    let tls = |value: &str| MINIMAL.replace("\"terminated-upstream\"", value);
    let rows: &[(String, &[&str])] = &[
        ("a = [".into(), &["c.toml:1:6: "]),
        (format!("limitz = 1\n{MINIMAL}"), &["c.toml:1:1: ", "`limitz`"]),
        (with("[limits]\nmessage_len = 1\n"), &["c.toml:19:1: ", "`message_len`"]),
        (with("[limits]\nmessage_len_max = -1\n"), &["c.toml:19:19: ", "`-1` is no size"]),
        (with("[limits]\nmessage_len_max = \"1 kB\"\n"), &["c.toml:19:19: ", "`1 kB` is no size"]),
        (with("[limits]\nauth_timeout = \"5 s\"\n"), &["c.toml:19:16: ", "`5 s` is no duration"]),
        (with("[limits]\nping_interval = \"0s\"\n"), &["limits.ping_interval: must not be 0"]),
        (with("[limits]\noutbound_len_max = 0\n"), &["limits.outbound_len_max: must not be 0"]),
        (with("[drain]\ndeadline = \"1s\"\nspread = \"2s\"\n"), &["drain.spread: ", "drain.deadline"]),
        (with("[log]\nlevel = \"loud\"\n"), &["log.level: ", "`loud`"]),
        (with("[log]\nlevel = \"a=b=c\"\n"), &["log.level: ", "`a=b=c`"]),
        (MINIMAL.replace("tls =", "# tls ="), &["listen[0].tls: ", "terminated-upstream"]),
        (tls("\"none\""), &["c.toml:4:7: ", "`none`", "terminated-upstream"]),
        (tls("{ certificate = \"a\", key = \"b\", keyz = \"c\" }"), &["c.toml:4:", "`keyz`"]),
        (tls("{ certificate = \"a\" }"), &["c.toml:4:", "`key`"]),
        (tls("{ certificate = \"a\", key = \"b\" }"), &["listen[0].tls: ", "No such file"]),
        (MINIMAL.replace("HS256", "none"), &["auth.issuer[0].key[0].algorithm: ", "`none`"]),
        (MINIMAL.replace(SECRET, "short"), &["auth.issuer[0].key[0]: ", "5 bytes"]),
        (MINIMAL.replace(SECRET, &format!("dev-{SECRET}")), &["auth.issuer[0].key[0]: ", "development key"]),
        (with("[[action]]\nname = \"a\"\nroute = \"reply\"\n"), &["action[0]: ", "schema"]),
        (with("[[action]]\nname = \"a\"\nroute = \"reply\"\nschema = '{\"typo\":\"x\"}'\n"), &["action: "]),
    ];
    for (text, words) in rows {
        let file = folder.file("c.toml", text);
        refuses(&["check", "--config", &file], 2, words);
        refuses(&["serve", "--config", &file], 2, words);
    }
}

#[test]
fn a_configuration_that_is_no_text() {
    refuses(&["check", "--config", Folder::new().path().to_str().unwrap()], 2, &["directory"]);
}

#[test]
fn a_bad_certificate_or_key() {
    let folder = Folder::new();
    let text = MINIMAL
        .replace("\"terminated-upstream\"", "{ certificate = \"certificate.pem\", key = \"key.pem\" }");
    let config = folder.file("c.toml", &text);
    let check = ["check", "--config", &config];
    let [one, other] = [(); 2].map(|()| rcgen::KeyPair::generate().unwrap());
    let certificate = rcgen::CertificateParams::new(["localhost".into()]).unwrap().self_signed(&one).unwrap();

    folder.file("certificate.pem", "nothing");
    folder.file("key.pem", "nothing");
    refuses(&check, 2, &["listen[0].tls: ", "certificate.pem holds no PEM certificate"]);
    folder.file("certificate.pem", &certificate.pem());
    refuses(&check, 2, &["listen[0].tls: ", "key.pem is no PEM private key"]);
    folder.file("key.pem", &other.serialize_pem());
    refuses(&check, 2, &["listen[0].tls: ", "KeyMismatch"]);
    // It must be the mismatch that was refused, not the pair as such.
    folder.file("key.pem", &one.serialize_pem());
    assert!(run(&check).status.success());
}

#[test]
fn a_signing_key_that_the_server_would_refuse() {
    let folder = Folder::new();
    let other = MINIMAL.rsplitn(2, SECRET).collect::<Vec<_>>();
    let other = folder.file("c.toml", &format!("{}fedcba9876543210fedcba9876543210{}", other[1], other[0]));
    refuses(&["check", "--config", &other], 2, &["auth.sign: ", "signature"]);
    refuses(&["token", "--config", &other, "--user", "alice"], 2, &["auth.sign: ", "signature"]);
    let issuer = folder.file("i.toml", &MINIMAL.replace("issuer = \"issuer\"", "issuer = \"stranger\""));
    refuses(&["token", "--config", &issuer, "--user", "alice"], 2, &["auth.sign: ", "issuer"]);
    let none = folder.file("n.toml", MINIMAL.split("[auth.sign]").next().unwrap());
    refuses(&["token", "--config", &none, "--user", "alice"], 2, &["auth.sign: ", "no signing key"]);
}

#[test]
fn token_refuses_what_no_server_takes() {
    let folder = Folder::new();
    let config = folder.file("c.toml", MINIMAL);
    let token = ["token", "--config", &config];
    refuses(&[&token[..], &["--user", ""]].concat(), 2, &["--user"]);
    refuses(&[&token[..], &["--user", "a", "--scope", "b c"]].concat(), 2, &["--scope"]);
    refuses(&[&token[..], &["--user", "a", "--ttl", "0s"]].concat(), 2, &["--ttl"]);
}

#[test]
fn token_prints_a_token_and_nothing_else() {
    let folder = Folder::new();
    let config = folder.file("c.toml", MINIMAL);
    let output = run(&["token", "--config", &config, "--user", "alice", "--scope", "a", "--scope", "b"]);
    assert!(output.status.success() && output.stderr.is_empty());
    let token = String::from_utf8(output.stdout).unwrap();
    assert_eq!(token.lines().count(), 1);
    assert_eq!(token.trim().split('.').count(), 3);
}

#[test]
fn check_prints_what_is_in_force_without_secrets() {
    let folder = Folder::new();
    let config = folder.file("c.toml", MINIMAL);
    let output = run(&["check", "--config", &config]);
    assert!(output.status.success());
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(shown.contains("message_len_max = \"64KiB\"") && shown.contains("(redacted)"), "{shown}");
    assert!(!shown.contains(SECRET));
}

/// `portcullis check | head`: `println!` would panic here.
#[test]
fn a_reader_that_has_gone_is_one_line_too() {
    let folder = Folder::new();
    let config = folder.file("c.toml", MINIMAL);
    for args in [&["check", "--config", &config][..], &["token", "--config", &config, "--user", "a"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(args).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        assert!(error.starts_with("portcullis: cannot write to stdout: "), "{args:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{args:?}: {error}");
    }
}

#[test]
fn dev_listens_on_the_loopback_alone() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        refuses(&["dev", "--listen", address], 2, &["loopback", address]);
    }
}

#[test]
fn a_port_in_use_exits_with_1() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    for args in [&["echo", "--listen", &address][..], &["dev", "--plain", "--listen", &address]] {
        refuses(args, 1, &[&address, "in use"]);
    }
}

/// Sockets of several workers share their port; a second server must not join them.
#[test]
fn a_second_server_does_not_share_the_port_of_the_first() {
    let first = Server::start(&["echo", "--listen", "127.0.0.1:0"]);
    refuses(&["echo", "--listen", first.address()], 1, &[first.address(), "in use"]);
}

#[test]
fn a_schema_is_told_what_it_costs_or_what_is_wrong_with_it() {
    let folder = Folder::new();
    let plain = folder.file("plain.json", r#"{"properties": {"text": {"type": "string"}}}"#);
    let output = run(&["schema", "check", &plain]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.starts_with("way       plain"), "{text}");
    let rich = folder.file("rich.json", r#"{"anyOf": [{"pattern": "^[a-z]+$"}, {"type": "null"}]}"#);
    let text = String::from_utf8(run(&["schema", "check", &rich]).stdout).unwrap();
    assert!(text.starts_with("way       graph") && text.contains("at most 3 judge"), "{text}");
    let wrong = folder.file("wrong.json", r#"{"properties": {"text": {"typo": 1}}}"#);
    refuses(
        &["schema", "check", &wrong],
        2,
        &["`typo` is not supported", "/properties/text/typo", "wrong.json"],
    );
    refuses(&["schema", "check", "/nonexistent.json"], 2, &["/nonexistent.json"]);
}
