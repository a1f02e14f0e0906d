//! The tokens of JSON, a byte at a time (RFC 8259).

use super::{Fault, Stream, place::Pending, text::Progress};
use crate::{
    decimal::Decimal,
    graph::hash::{self, Tag},
    program::types,
    verdict::Keyword,
};

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Value,
    /// Behind `[`: an item, or the end.
    FirstItem,
    /// Behind `{`: a name, or the end.
    FirstName,
    Name,
    Colon,
    /// Behind a value: a comma, or the end of its container.
    After,
    /// Behind the whole value: white space.
    End,
    Text {
        is_name: bool,
    },
    Number,
    /// In `true`, `false` or `null`, of which `len` bytes have come.
    Literal {
        first: u8,
        len: u8,
    },
}

/// A value without parts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar<'t> {
    Null,
    Boolean(bool),
    Number(Decimal<'t>),
    /// The one in [`Stream::text`].
    Text,
}

impl Scalar<'_> {
    /// Its bit of [`types`]; a number's are told apart by its value.
    pub(super) const fn kind(&self) -> u8 {
        match self {
            Self::Null => types::NULL,
            Self::Boolean(_) => types::BOOLEAN,
            Self::Number(_) => types::NUMBER | types::INTEGER,
            Self::Text => types::STRING,
        }
    }
}

impl Stream<'_> {
    /// Reads a piece. The position is moved with each byte, so that faults and steps see it.
    pub(super) fn read(&mut self, piece: &[u8]) -> Result<(), Fault> {
        let mut rest = piece;
        while let Some((&byte, behind)) = rest.split_first() {
            match self.state {
                State::Text { is_name } => {
                    let before = self.at;
                    match self.text.read(rest, self.graph) {
                        Ok(Progress::More) => {
                            self.at += rest.len();
                            self.step(rest.len() * self.text.pattern_count())?;
                            return Ok(());
                        }
                        Ok(Progress::Ended(len)) => {
                            self.at = before + len + 1;
                            self.step(len * self.text.pattern_count())?;
                            rest = rest.get(len + 1..).unwrap_or_default();
                            if is_name { self.end_name()? } else { self.end_scalar(Scalar::Text)? }
                        }
                        Err((keyword, index)) => {
                            self.start = before + index;
                            return Err(self.fault(keyword));
                        }
                    }
                    continue;
                }
                State::Number => {
                    if matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E') {
                        self.number.push(byte).map_err(|_| self.fault(Keyword::NumberRange))?;
                    } else {
                        // The byte belongs to what follows.
                        self.end_number()?;
                        continue;
                    }
                }
                State::Literal { first, len } => self.literal(first, len, byte)?,
                // RFC 8259 §2: "Insignificant whitespace is allowed before or after any of the six structural characters."
                _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => {}
                state @ (State::Value
                | State::FirstItem
                | State::FirstName
                | State::Name
                | State::Colon
                | State::After
                | State::End) => self.structural(state, byte)?,
            }
            self.at += 1;
            rest = behind;
        }
        Ok(())
    }

    fn structural(&mut self, state: State, byte: u8) -> Result<(), Fault> {
        match (state, byte) {
            (State::FirstItem, b']') | (State::FirstName, b'}') => self.close(),
            (State::FirstItem, _) => {
                self.begin_item()?;
                self.begin_value(byte)
            }
            (State::Value, _) => self.begin_value(byte),
            (State::FirstName | State::Name, b'"') => self.begin_name(),
            (State::Colon, b':') => {
                self.state = State::Value;
                Ok(())
            }
            (State::After, b',') => {
                let is_array = self.frames.last().is_some_and(|frame| frame.is_array);
                if is_array {
                    self.begin_item()?;
                }
                self.state = if is_array { State::Value } else { State::Name };
                Ok(())
            }
            (State::After, b']') if self.frames.last().is_some_and(|frame| frame.is_array) => self.close(),
            (State::After, b'}') if self.frames.last().is_some_and(|frame| !frame.is_array) => self.close(),
            _ => Err(self.syntax()),
        }
    }

    /// The message ends: whatever is still open is a fault.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        if self.state == State::Number && self.frames.is_empty() {
            self.end_number()?;
        }
        if self.state == State::End { Ok(()) } else { Err(self.syntax()) }
    }

    #[cold]
    pub(super) const fn syntax(&mut self) -> Fault {
        self.start = self.at;
        self.fault(Keyword::Syntax)
    }

    fn begin_value(&mut self, byte: u8) -> Result<(), Fault> {
        self.start = self.at;
        if self.frames.len() == 1 && self.capture.is_some() {
            self.begin_capture();
        }
        match byte {
            b'"' => self.begin_text(),
            b'{' => self.open(false),
            b'[' => self.open(true),
            b'-' | b'0'..=b'9' => {
                self.number.clear();
                // There is room for one.
                let _ = self.number.push(byte);
                self.state = State::Number;
                Ok(())
            }
            b't' | b'f' | b'n' => {
                self.state = State::Literal { first: byte, len: 1 };
                Ok(())
            }
            _ => Err(self.syntax()),
        }
    }

    fn begin_text(&mut self) -> Result<(), Fault> {
        self.state = State::Text { is_name: false };
        let graph = self.graph;
        let is_asked = |wants: fn(&crate::graph::Schema) -> bool, pending: &[Pending]| {
            pending.iter().any(|pending| wants(graph.node(pending.node)))
        };
        let wants_digest = self.container_wants_digest() || is_asked(|node| node.wants_digest, &self.pending);
        let keeps_prefix = is_asked(|node| node.wants_text, &self.pending);
        self.text.begin(wants_digest, keeps_prefix);
        for at in 0..self.pending.len() {
            let Some(node) = self.pending.get(at).map(|pending| graph.node(pending.node)) else { continue };
            for &pattern in &node.text_patterns {
                self.watch(pattern)?;
            }
        }
        Ok(())
    }

    fn literal(&mut self, first: u8, len: u8, byte: u8) -> Result<(), Fault> {
        let (word, scalar): (&[u8], _) = match first {
            b't' => (b"true", Scalar::Boolean(true)),
            b'f' => (b"false", Scalar::Boolean(false)),
            _ => (b"null", Scalar::Null),
        };
        if word.get(usize::from(len)) != Some(&byte) {
            // The position of the word, as in a reader that has it whole.
            return Err(self.fault(Keyword::Syntax));
        }
        self.state = State::Literal { first, len: len + 1 };
        if usize::from(len) + 1 == word.len() {
            // The scalar ends behind this byte.
            self.at += 1;
            let ended = self.end_scalar(scalar);
            self.at -= 1;
            ended?;
        }
        Ok(())
    }

    /// RFC 8259 §6: `number = [ minus ] int [ frac ] [ exp ]`.
    fn end_number(&mut self) -> Result<(), Fault> {
        let token = self.number.clone();
        if !is_number(&token) {
            return Err(self.fault(Keyword::Syntax));
        }
        let number = Decimal::parse(&token);
        if number.is_beyond_double() {
            return Err(self.fault(Keyword::NumberRange));
        }
        self.end_scalar(Scalar::Number(number))
    }

    fn end_scalar(&mut self, scalar: Scalar<'_>) -> Result<(), Fault> {
        let graph = self.graph;
        let wants_digest = self.container_wants_digest()
            || self.pending.iter().any(|pending| graph.node(pending.node).wants_digest);
        let digest = if wants_digest { self.digest_of(&scalar) } else { 0 };
        self.judge_scalar(&scalar, digest)?;
        self.end_value(digest)
    }

    fn digest_of(&self, scalar: &Scalar<'_>) -> u128 {
        let seed = self.graph.seed;
        match scalar {
            Scalar::Null => hash::plain(seed, Tag::Null),
            Scalar::Boolean(false) => hash::plain(seed, Tag::False),
            Scalar::Boolean(true) => hash::plain(seed, Tag::True),
            Scalar::Number(number) => hash::number(seed, number),
            Scalar::Text => self.text.digest(),
        }
    }

    /// A value has been judged: its container goes on.
    pub(super) fn end_value(&mut self, digest: u128) -> Result<(), Fault> {
        self.state = if self.frames.is_empty() { State::End } else { State::After };
        if self.frames.len() == 1 && self.capture.is_some() {
            self.end_capture();
        }
        self.add_to_container(digest)
    }
}

/// Whether the characters of a number make one.
fn is_number(token: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = token.strip_prefix(b"-").unwrap_or(token);
    let int = digits(rest);
    // RFC 8259 §6: "Leading zeros are not allowed."
    if int == 0 || (int > 1 && rest.first() == Some(&b'0')) {
        return false;
    }
    let mut rest = rest.get(int..).unwrap_or_default();
    if let Some(behind) = rest.strip_prefix(b".") {
        let frac = digits(behind);
        rest = behind.get(frac..).unwrap_or_default();
        if frac == 0 {
            return false;
        }
    }
    if let Some((b'e' | b'E', behind)) = rest.split_first() {
        let behind = behind.strip_prefix(b"+").or(behind.strip_prefix(b"-")).unwrap_or(behind);
        let count = digits(behind);
        return count > 0 && count == behind.len();
    }
    rest.is_empty()
}
