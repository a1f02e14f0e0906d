//! A check that takes its message in pieces, cut anywhere, against a graph of schemas. One pass, fixed memory: nothing of
//! the message is kept but digests, counts and the number or the start of the text that is being read.

mod checker;
mod close;
mod place;
mod scalar;
mod text;
mod token;

use heapless::Vec;

pub use checker::{Checked, Checker};

use crate::{
    graph::{Graph, Index},
    options::{CAPTURES_MAX, DEPTH_LIMIT},
    pointer::{Mark, Pointer},
    verdict::{Invalid, Keyword, Span},
};
use place::{Eval, Pending};
use text::Text;
use token::State;

/// Schemas that judge open containers at one time.
const EVALS_MAX: usize = 160;
/// Schemas that judge one value.
const PENDING_MAX: usize = 96;
/// Names of open objects.
const NAMES_MAX: usize = 1_024;
/// Items of open arrays whose items must differ.
const UNIQUE_MAX: usize = 512;
/// The longest number, in bytes.
const NUMBER_LEN_MAX: usize = 512;
/// Steps that a message may take beyond those for its bytes.
pub(crate) const STEPS_FREE: u64 = 4_096;

/// A violation before it is told.
#[derive(Clone, Copy, Debug)]
struct Fault {
    keyword: Keyword,
    offset: usize,
    about: About,
}

/// What a fault is about.
#[derive(Clone, Copy, Debug)]
enum About {
    /// The value that is being read: a member or an item of the innermost container.
    Value,
    /// The innermost container itself.
    Container,
    /// A member of it that is not there: the schema that asks, and the member's bit.
    Missing(Index, u64),
}

/// One open array or object.
#[derive(Clone, Debug)]
struct Frame {
    is_array: bool,
    /// Whether the container's digest is asked for.
    wants_digest: bool,
    /// Whether a schema asks that its items differ.
    is_unique: bool,
    /// Two items were the same.
    has_twins: bool,
    /// Where its schemas, names and items begin.
    evals_start: u16,
    names_start: u16,
    unique_start: u16,
    /// Members or items so far, the current one counted.
    count: u32,
    /// The digest of the current member's name.
    name: u128,
    /// Of an array: its items in their order. Of an object: the sum of its members.
    items: crate::graph::hash::Digester,
    sum: u128,
    /// The pointer of the container.
    mark: Mark,
}

/// One check under way.
#[derive(Debug)]
pub(crate) struct Stream<'g> {
    graph: &'g Graph,
    state: State,
    /// Bytes that have been read.
    at: usize,
    /// Where the value or the name that is being read starts.
    start: usize,
    steps: u64,
    frames: Vec<Frame, DEPTH_LIMIT>,
    evals: Vec<Eval, EVALS_MAX>,
    /// The schemas of the value that comes next or is being read.
    pending: Vec<Pending, PENDING_MAX>,
    names: Vec<u64, NAMES_MAX>,
    unique: Vec<u128, UNIQUE_MAX>,
    text: Text,
    /// The name of the current member, as far as a pointer shows it.
    name: Vec<u8, { text::PREFIX_LEN }>,
    number: Vec<u8, NUMBER_LEN_MAX>,
    pointer: Pointer,
    captures: [Span; CAPTURES_MAX],
    /// The capture that the current top-level member is for.
    capture: Option<usize>,
}

impl<'g> Stream<'g> {
    pub(crate) fn new(graph: &'g Graph) -> Self {
        let mut machine = Self {
            graph,
            state: State::Value,
            at: 0,
            start: 0,
            steps: 0,
            frames: Vec::new(),
            evals: Vec::new(),
            pending: Vec::new(),
            names: Vec::new(),
            unique: Vec::new(),
            text: Text::new(graph.seed),
            name: Vec::new(),
            number: Vec::new(),
            pointer: Pointer::ROOT,
            captures: [Span::default(); CAPTURES_MAX],
            capture: None,
        };
        machine.reset();
        machine
    }

    /// Before the first byte of a message.
    pub(crate) fn reset(&mut self) {
        self.state = State::Value;
        (self.at, self.start, self.steps) = (0, 0, 0);
        self.frames.clear();
        self.evals.clear();
        self.names.clear();
        self.unique.clear();
        self.name.clear();
        self.number.clear();
        self.pointer = Pointer::ROOT;
        self.captures = [Span::default(); CAPTURES_MAX];
        self.capture = None;
        self.pending.clear();
        // There is room for one.
        let _ = self.pending.push(Pending::root(self.graph.root));
    }

    /// Takes the next piece of the message. O(n) with a factor that the graph and its budget bound.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<(), Invalid> {
        self.read(piece).map_err(|fault| self.invalid(&fault))
    }

    /// The message ends here.
    pub(crate) fn finish(&mut self) -> Result<[Span; CAPTURES_MAX], Invalid> {
        self.end().map_err(|fault| self.invalid(&fault))?;
        Ok(self.captures)
    }

    /// Counts work against the budget, which grows with the bytes.
    #[inline]
    fn step(&mut self, steps: usize) -> Result<(), Fault> {
        self.steps += steps as u64;
        let earned = (self.at as u64).saturating_mul(u64::from(self.graph.steps_per_byte));
        if self.steps > earned.saturating_add(STEPS_FREE) { Err(self.over_budget()) } else { Ok(()) }
    }

    #[cold]
    const fn over_budget(&self) -> Fault {
        self.fault(Keyword::Budget)
    }

    /// About the value that is being read.
    const fn fault(&self, keyword: Keyword) -> Fault {
        Fault { keyword, offset: self.start, about: About::Value }
    }

    /// Writes the pointer of a fault. Only now, because a message that passes needs none.
    #[cold]
    fn invalid(&self, fault: &Fault) -> Invalid {
        let mut pointer = self.pointer;
        match fault.about {
            About::Value => self.push_current(&mut pointer),
            About::Container => {}
            About::Missing(node, bit) => {
                let objects = self.graph.node(node).objects.as_deref();
                let name = objects.and_then(|objects| objects.names.iter().find(|name| name.bit & bit != 0));
                pointer.push_name(name.map(|name| &*name.text).unwrap_or_default().chars());
            }
        }
        Invalid { pointer, keyword: fault.keyword, offset: fault.offset }
    }

    /// One step to the current member or item.
    fn push_current(&self, pointer: &mut Pointer) {
        match self.frames.last() {
            Some(frame) if frame.is_array => {
                if let Some(index) = frame.count.checked_sub(1) {
                    pointer.push_index(index);
                }
            }
            Some(frame) if frame.count > 0 => pointer.push_name(text::shown(&self.name)),
            _ => {}
        }
    }
}
