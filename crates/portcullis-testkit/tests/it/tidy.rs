use std::fs;

use crate::tree::{files, read, root};

/// Lines of code that a file may have; blank lines and comments are free.
const CODE_LINES_MAX: usize = 500;

/// All Rust files of ours.
fn sources() -> Vec<String> {
    ["crates", "benches", "examples", "fuzz"].iter().flat_map(|folder| files(folder, &[".rs"])).collect()
}

/// Fails with all that `judge` finds in the lines of `paths`.
fn each_line(paths: &[String], judge: impl Fn(&str, &str) -> Option<String>) {
    let mut found = Vec::new();
    for path in paths {
        for (index, line) in read(path).lines().enumerate() {
            if let Some(fault) = judge(path, line) {
                found.push(format!("{path}:{}: {fault}", index + 1));
            }
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_file_has_at_most_500_lines_of_code() {
    let long: Vec<_> = sources()
        .into_iter()
        .filter_map(|path| {
            let text = read(&path);
            let code = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
            let count = code.count();
            (count > CODE_LINES_MAX).then(|| format!("{path}: {count} lines"))
        })
        .collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file does not find itself.
    let words = [
        ["to", "do!("].concat(),
        ["unimple", "mented!("].concat(),
        ["#[ig", "nore"].concat(),
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
    ];
    each_line(&sources(), |_, line| {
        words.iter().find(|word| line.contains(word.as_str())).map(|word| format!("`{word}`"))
    });
}

#[test]
fn no_path_of_one_machine_is_written_down() {
    let paths =
        [["/ho", "me/"].concat(), ["/wo", "rk/"].concat(), ["/ro", "ot/"].concat(), ["/Us", "ers/"].concat()];
    let mut texts = sources();
    for folder in ["crates", "benches", "examples", "fuzz", ".ci", ".github", ".config"] {
        texts.extend(files(
            folder,
            &[".md", ".toml", ".sh", ".py", ".js", ".mjs", ".yml", ".html", ".json", "run"],
        ));
    }
    texts.extend(["README.md", "CHANGELOG.md", "SECURITY.md", "Cargo.toml", "deny.toml"].map(str::to_owned));
    each_line(&texts, |_, line| {
        paths.iter().find(|path| line.contains(path.as_str())).map(|path| format!("`{path}`"))
    });
}

#[test]
fn every_crate_has_a_page() {
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().file_name().to_string_lossy().into_owned();
        let manifest = read(&format!("crates/{folder}/Cargo.toml"));
        if !manifest.contains("readme = \"README.md\"") {
            continue;
        }
        let page = read(&format!("crates/{folder}/README.md"));
        assert!(page.starts_with(&format!("# {folder}\n")), "crates/{folder}/README.md has another title");
        assert!(page.lines().count() > 5, "crates/{folder}/README.md says nothing");
        let library = read(&format!("crates/{folder}/src/lib.rs"));
        assert!(
            library.contains("include_str!(\"../README.md\")"),
            "the page of {folder} is not compiled with it"
        );
    }
}

/// A comment that quotes an RFC does it as `// RFC 6455 §5.5.1: "sentence"`.
fn cites_badly(line: &str) -> bool {
    let Some(rest) = line.trim_start().strip_prefix("// RFC ") else { return false };
    let Some((number, rest)) = rest.split_once(" §") else { return rest.contains('"') };
    let digits = number.len() >= 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    let Some((section, text)) = rest.split_once(": ") else { return rest.contains('"') };
    let section_is_number = !section.is_empty()
        && section.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && !section.ends_with('.');
    !digits || !section_is_number || !text.starts_with('"')
}

#[test]
fn an_rfc_is_cited_in_one_format() {
    assert!(!cites_badly("    // RFC 6455 §5.5.1: \"The Close frame MAY contain a body\""));
    assert!(cites_badly("// RFC 6455 5.5.1: \"The Close frame MAY contain a body\""));
    assert!(cites_badly("// RFC 6455 §5.5.1: The Close frame"));
    each_line(&sources(), |_, line| cites_badly(line).then(|| line.trim().to_owned()));
}

#[test]
fn a_machine_has_no_order_that_changes_from_run_to_run() {
    let paths: Vec<_> = sources()
        .into_iter()
        .filter(|path| path.contains("/src/") && !path.ends_with("tests.rs") && !path.contains("/tests/"))
        .filter(|path| {
            ["time", "proto", "limit", "validate", "session", "auth", "seal", "gate"]
                .iter()
                .any(|leaf| path.starts_with(&format!("crates/portcullis-{leaf}/")))
        })
        .collect();
    each_line(&paths, |path, line| {
        // Key sets of the JWT verifier are looked up by name and never walked; it is not a machine.
        let found = line.contains("std::collections") && !path.contains("-auth/src/jwt");
        found.then(|| "a std collection in a sans-IO crate".to_owned())
    });
}

#[test]
fn every_version_is_in_the_root_manifest() {
    let mut manifests = files("crates", &["Cargo.toml"]);
    manifests.push("benches/Cargo.toml".to_owned());
    manifests.push("examples/Cargo.toml".to_owned());
    for path in manifests {
        let mut inside = false;
        for (index, line) in read(&path).lines().enumerate() {
            if line.starts_with('[') {
                inside = line.contains("dependencies");
                assert!(!line.contains("dependencies."), "{path}:{}: a table for one dependency", index + 1);
            } else if inside && line.contains('=') {
                assert!(line.contains("workspace = true"), "{path}:{}: {line}", index + 1);
            }
        }
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for path in files("crates", &["Cargo.toml"]) {
        assert!(read(&path).contains("[lints]\nworkspace = true"), "{path}");
    }
}
