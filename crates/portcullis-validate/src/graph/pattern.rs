//! Regular expressions as automata: one step for each byte, whatever the text, and a size that is bounded when the schema
//! is compiled.

#[cfg(feature = "regex")]
pub(crate) use automaton::{Pattern, PatternState};
#[cfg(not(feature = "regex"))]
pub(crate) use nothing::{Pattern, PatternState};

#[cfg(feature = "regex")]
mod automaton {
    use alloc::vec::Vec;

    use regex_automata::{
        Anchored,
        dfa::{Automaton as _, StartKind, dense},
        nfa::thompson,
        util::{primitives::StateID, start},
    };

    use super::translate;

    /// The most memory of one automaton, in bytes.
    const SIZE_MAX: usize = 512 * 1_024;
    /// The most memory that is used to build one.
    const WORK_MAX: usize = 8 * 1_024 * 1_024;

    /// A compiled `pattern`.
    #[derive(Clone, Debug)]
    pub(crate) struct Pattern {
        automaton: dense::DFA<Vec<u32>>,
        start: StateID,
    }

    /// How far a text has been matched.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct PatternState {
        state: StateID,
        found: bool,
    }

    impl Pattern {
        /// `None` for what is no regular expression, has no automaton, or one that is too large.
        pub(crate) fn compile(pattern: &str) -> Option<Self> {
            let config = dense::Config::new()
                .start_kind(StartKind::Unanchored)
                .dfa_size_limit(Some(SIZE_MAX))
                .determinize_size_limit(Some(WORK_MAX));
            let automaton = dense::Builder::new()
                .configure(config)
                .thompson(thompson::Config::new().nfa_size_limit(Some(SIZE_MAX)))
                .build(&translate::translate(pattern)?)
                .ok()?;
            let start = automaton.start_state(&start::Config::new().anchored(Anchored::No)).ok()?;
            Some(Self { automaton, start })
        }

        pub(crate) fn memory_bytes(&self) -> usize {
            self.automaton.memory_usage()
        }

        pub(crate) fn start(&self) -> PatternState {
            PatternState { state: self.start, found: self.automaton.is_match_state(self.start) }
        }

        /// O(n).
        pub(crate) fn push(&self, at: &mut PatternState, bytes: &[u8]) {
            for &byte in bytes {
                if at.found {
                    return;
                }
                at.state = self.automaton.next_state(at.state, byte);
                at.found = self.automaton.is_match_state(at.state);
            }
        }

        /// Whether the text that has been pushed matches somewhere.
        pub(crate) fn is_match(&self, at: PatternState) -> bool {
            at.found || self.automaton.is_match_state(self.automaton.next_eoi_state(at.state))
        }
    }
}

#[cfg(not(feature = "regex"))]
mod nothing {
    /// No pattern can be made.
    #[derive(Clone, Debug)]
    pub(crate) enum Pattern {}

    #[derive(Clone, Copy, Debug)]
    pub(crate) struct PatternState;

    impl Pattern {
        pub(crate) fn compile(_pattern: &str) -> Option<Self> {
            None
        }

        pub(crate) fn memory_bytes(&self) -> usize {
            match *self {}
        }

        pub(crate) fn start(&self) -> PatternState {
            match *self {}
        }

        pub(crate) fn push(&self, _at: &mut PatternState, _bytes: &[u8]) {
            match *self {}
        }

        pub(crate) fn is_match(&self, _at: PatternState) -> bool {
            match *self {}
        }
    }
}

/// From the regular expressions of ECMA-262, which JSON Schema names, to those of the automata.
#[cfg(feature = "regex")]
mod translate {
    use alloc::{format, string::String};
    use core::{iter::Peekable, str::Chars};

    const SPACES: &str = r"\t\n\x0B\x0C\r\u{FEFF}\u{2028}\u{2029}\p{Zs}";

    /// `None` where there is nothing to translate to.
    pub(super) fn translate(pattern: &str) -> Option<String> {
        let (mut out, mut class) = (String::with_capacity(pattern.len() + 16), false);
        let mut chars = pattern.chars().peekable();
        while let Some(character) = chars.next() {
            match character {
                '\\' => escape(&mut chars, class, &mut out)?,
                '[' if class => out.push_str("\\["),
                '[' => {
                    class = true;
                    out.push('[');
                    if chars.next_if_eq(&'^').is_some() {
                        out.push('^');
                    }
                    // An empty class, or one of everything: the engine has no word for them.
                    if chars.peek() == Some(&']') {
                        return None;
                    }
                }
                ']' if class => {
                    class = false;
                    out.push(']');
                }
                '&' | '~' if class => {
                    out.push('\\');
                    out.push(character);
                }
                '.' if !class => out.push_str(r"[^\n\r\u{2028}\u{2029}]"),
                plain => out.push(plain),
            }
        }
        Some(out)
    }

    fn escape(chars: &mut Peekable<Chars<'_>>, class: bool, out: &mut String) -> Option<()> {
        let set = |inside: &str, negated: bool| match (class, negated) {
            (true, false) => inside.into(),
            (_, true) => format!("[^{inside}]"),
            (false, false) => format!("[{inside}]"),
        };
        let text = match chars.next()? {
            'd' => set("0-9", false),
            'D' => set("0-9", true),
            'w' => set("0-9A-Za-z_", false),
            'W' => set("0-9A-Za-z_", true),
            's' => set(SPACES, false),
            'S' => set(SPACES, true),
            'b' if class => "\\x08".into(),
            'b' => "(?-u:\\b)".into(),
            'B' => "(?-u:\\B)".into(),
            '0' => "\\x00".into(),
            'c' => {
                let letter = chars.next().filter(char::is_ascii_alphabetic)?;
                format!("\\x{:02X}", u32::from(letter) % 32)
            }
            'u' if chars.peek() != Some(&'{') => format!("\\u{{{:X}}}", unicode(chars)?),
            // A reference to what has been matched needs more than an automaton.
            '1'..='9' | 'k' => return None,
            other => format!("\\{other}"),
        };
        out.push_str(&text);
        Some(())
    }

    /// `XXXX`, or a pair of surrogates.
    fn unicode(chars: &mut Peekable<Chars<'_>>) -> Option<u32> {
        let high = hex4(chars)?;
        if !(0xD800..0xDC00).contains(&high) {
            return Some(high);
        }
        if chars.next()? != '\\' || chars.next()? != 'u' {
            return None;
        }
        let low = hex4(chars)?.checked_sub(0xDC00).filter(|low| *low < 0x400)?;
        Some(0x1_0000 + ((high - 0xD800) << 10) + low)
    }

    fn hex4(chars: &mut Peekable<Chars<'_>>) -> Option<u32> {
        (0..4).try_fold(0, |value, _| Some(value << 4 | chars.next()?.to_digit(16)?))
    }
}
