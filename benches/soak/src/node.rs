//! Clients of `portcullis.js`: one Node process that speaks JSON lines.

use std::{path::Path, process::Stdio};

use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    process::{Child, ChildStdin, Command},
    task::JoinHandle,
};

use crate::{
    Failure,
    fleet::{Book, Orders, lock},
};

/// The process, and the task that reads it.
pub(crate) struct Node {
    child: Child,
    stdin: ChildStdin,
    reading: JoinHandle<()>,
}

/// One of its clients.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) number: usize,
    pub(crate) token: String,
    pub(crate) channel: String,
}

impl Node {
    pub(crate) async fn start(
        url: &str,
        modules: &Path,
        members: &[Member],
        orders: Arc<Orders>,
        book: Book,
    ) -> Result<Self, Failure> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients.mjs");
        let mut command = Command::new("node");
        command.arg(script).arg(modules.canonicalize()?).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else { return Err("node has no pipes".into()) };
        let clients: Vec<Value> = members
            .iter()
            .map(|member| json!({"number": member.number, "token": member.token, "channel": member.channel}))
            .collect();
        say(&mut stdin, &json!({"url": url, "clients": clients})).await?;
        let reading = tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(value) = serde_json::from_str(&line) {
                    note(&value, &orders, &book);
                } else {
                    eprintln!("node: {line}");
                }
            }
        });
        Ok(Self { child, stdin, reading })
    }

    /// `go` or `stop`.
    pub(crate) async fn order(&mut self, order: &str) -> Result<(), Failure> {
        say(&mut self.stdin, &json!({ "order": order })).await
    }

    pub(crate) async fn quit(mut self) -> Result<(), Failure> {
        self.order("quit").await?;
        self.reading.await?;
        let status = self.child.wait().await?;
        if status.success() { Ok(()) } else { Err(format!("node ended with {status}").into()) }
    }
}

async fn say(stdin: &mut ChildStdin, value: &Value) -> Result<(), Failure> {
    stdin.write_all(format!("{value}\n").as_bytes()).await?;
    Ok(stdin.flush().await?)
}

fn note(value: &Value, orders: &Orders, book: &Book) {
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let number = value["number"].as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
    match text("is") {
        "ready" => drop(orders.ready.fetch_add(1, Ordering::Relaxed)),
        "settled" => drop(orders.settled.fetch_add(1, Ordering::Relaxed)),
        "acknowledged" => lock(book).acknowledged(text("channel"), text("text")),
        "refused" => lock(book).refused += 1,
        "gap" => lock(book).gap(number, text("channel")),
        "event" => {
            let place = (text("epoch"), value["offset"].as_u64().unwrap_or(0));
            lock(book).event(number, text("channel"), place, text("text"));
        }
        _ => eprintln!("node: {value}"),
    }
}
