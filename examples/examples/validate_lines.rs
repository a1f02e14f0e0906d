//! `portcullis-validate` and `portcullis-limit` in a pipe: JSON lines that meet a schema go through, at most ten a second.
//!
//! `echo '{"n":1}' | cargo run -p portcullis-examples --example validate_lines`

use std::io::{self, BufRead};

use portcullis_limit::{Bucket, Quota};
use portcullis_time::Instant;
use portcullis_validate::{Options, Validator};

const SCHEMA: &str =
    r#"{"type":"object","properties":{"n":{"type":"integer","minimum":0}},"required":["n"]}"#;

#[expect(clippy::disallowed_methods, reason = "a program of its own")]
fn main() -> Result<(), Box<dyn core::error::Error>> {
    let validator = Validator::compile(SCHEMA, &Options::default())?;
    let mut bucket = Bucket::new(Quota::per_second(10, 10)?);
    let start = std::time::Instant::now();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let now = Instant::ORIGIN + start.elapsed();
        match (bucket.check(now, 1), validator.check(line.as_bytes())) {
            (Err(limited), _) => {
                eprintln!("limited: again in {:?}", limited.retry_at.saturating_duration_since(now))
            }
            (_, Err(invalid)) => eprintln!("invalid: {invalid}"),
            (Ok(()), Ok(_)) => println!("{line}"),
        }
    }
    Ok(())
}
