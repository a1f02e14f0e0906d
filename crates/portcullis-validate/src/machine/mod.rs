//! The check: one pass over the bytes, with an explicit stack of frames in memory that the caller lends.
//!
//! What is remembered between two tokens is all in [`Machine`]: the frames, the position and the next value's schema.

mod keys;
mod scan;
mod value;

use crate::{
    options::CAPTURES_MAX,
    pointer::Pointer,
    program::{ANY, NEVER, NONE, Node, Program, Property, bucket_of},
    string::{Decoded, characters},
    verdict::{Invalid, Keyword, Span, Valid},
};
pub(crate) use keys::KeyStore;

/// One open array or object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// The declared members that have come, a bit each.
    seen: u64,
    /// Members or items so far, the current one counted.
    count: u32,
    /// Where the current member's name starts, behind its quote.
    key: u32,
    /// How many undeclared names were remembered when it was opened.
    keys_base: u16,
    node: u16,
    /// The property that is expected next: members mostly come in the order of the schema.
    next: u8,
    array: bool,
}

impl Frame {
    pub(crate) const EMPTY: Self =
        Self { seen: 0, count: 0, key: 0, keys_base: 0, node: ANY, next: 0, array: false };
}

/// A fault is about the current member or item of the innermost container.
const MEMBER: u16 = u16::MAX;
/// A fault is about the innermost container itself.
const CONTAINER: u16 = u16::MAX - 1;

/// A violation, before its pointer is written. Kept to eight bytes, so that every step can return it in a register.
#[derive(Clone, Copy, Debug)]
struct Fault {
    offset: u32,
    /// [`MEMBER`], [`CONTAINER`], or the property of the innermost container that has not come.
    place: u16,
    keyword: Keyword,
}

impl Fault {
    fn new(keyword: Keyword, place: u16, offset: usize) -> Self {
        Self { keyword, place, offset: offset_of(offset) }
    }

    #[cold]
    fn at(keyword: Keyword, offset: usize) -> Self {
        Self::new(keyword, MEMBER, offset)
    }

    #[cold]
    fn container(keyword: Keyword, offset: usize) -> Self {
        Self::new(keyword, CONTAINER, offset)
    }
}

/// An offset as it is kept. Messages are shorter than 4 GiB, which the validator sees to.
fn offset_of(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Where to go on when a value that stood before its switch has been judged by its case.
#[derive(Clone, Copy, Debug)]
struct Resume {
    pos: usize,
    key: u32,
}

/// One check under way.
#[derive(Debug)]
pub(crate) struct Machine<'a, 'm> {
    program: Program<'a>,
    text: &'m [u8],
    pos: usize,
    frames: &'a mut [Frame],
    /// Containers open; `top` is the innermost one, the others are in `frames`.
    depth: usize,
    top: Frame,
    keys: KeyStore<'a>,
    /// The top-level member whose value is being read, as an index among the root's properties.
    member: u16,
    member_start: usize,
    captures: [Span; CAPTURES_MAX],
    case: Option<u16>,
    /// The switched member, when it came before its selector: its value and its name.
    deferred: Option<(Span, u32)>,
    resume: Option<Resume>,
}

impl<'a, 'm> Machine<'a, 'm> {
    pub(crate) fn new(
        program: Program<'a>,
        text: &'m [u8],
        frames: &'a mut [Frame],
        keys: KeyStore<'a>,
    ) -> Self {
        Self {
            program,
            text,
            pos: 0,
            frames,
            depth: 0,
            top: Frame::EMPTY,
            keys,
            member: NONE,
            member_start: 0,
            captures: [Span::default(); CAPTURES_MAX],
            case: None,
            deferred: None,
            resume: None,
        }
    }

    /// Reads all of the text.
    pub(crate) fn run(mut self) -> Result<Valid<'m>, Invalid> {
        match self.walk() {
            Ok(()) => Ok(Valid { message: self.text, captures: self.captures, case: self.case }),
            Err(fault) => Err(self.invalid(fault)),
        }
    }

    fn walk(&mut self) -> Result<(), Fault> {
        let mut node = self.program.head.root;
        loop {
            let opened = self.value(node)?;
            let mut next = if opened { self.first()? } else { None };
            while next.is_none() {
                if self.depth == 0 {
                    return self.end();
                }
                next = self.after()?;
            }
            node = next.unwrap_or(NEVER);
        }
    }

    /// Nothing but white space may follow the value.
    fn end(&mut self) -> Result<(), Fault> {
        self.skip_space();
        if self.pos < self.text.len() { Err(self.syntax()) } else { Ok(()) }
    }

    /// After an opening bracket: the schema of the first member or item, or none when the container is empty.
    fn first(&mut self) -> Result<Option<u16>, Fault> {
        self.skip_space();
        match (self.top.array, self.byte()) {
            (true, b']') | (false, b'}') => self.close().map(|()| None),
            (true, _) => self.item().map(Some),
            (false, _) => self.key().map(Some),
        }
    }

    /// After a member or an item: the schema of the next one, or none when the container ends.
    #[inline]
    fn after(&mut self) -> Result<Option<u16>, Fault> {
        if self.depth == 1
            && let Some(node) = self.member_done()?
        {
            return Ok(Some(node));
        }
        self.skip_space();
        match (self.byte(), self.top.array) {
            (b',', array) => {
                self.pos += 1;
                self.skip_space();
                if array { self.item() } else { self.key() }.map(Some)
            }
            (b'}', false) | (b']', true) => self.close().map(|()| None),
            _ => Err(self.syntax()),
        }
    }

    fn open(&mut self, array: bool, node: u16) -> Result<(), Fault> {
        if self.depth >= self.program.head.depth_max {
            return Err(Fault::at(Keyword::Depth, self.pos));
        }
        if let Some(below) = self.depth.checked_sub(1) {
            match self.frames.get_mut(below) {
                Some(slot) => *slot = self.top,
                None => return Err(Fault::at(Keyword::Depth, self.pos)),
            }
        }
        self.depth += 1;
        self.top = Frame { node, array, keys_base: self.keys.len(), ..Frame::EMPTY };
        self.pos += 1;
        Ok(())
    }

    fn close(&mut self) -> Result<(), Fault> {
        let node = self.program.node(self.top.node);
        let Frame { count, seen, array, keys_base, .. } = self.top;
        if array {
            if count < node.items_min {
                return Err(Fault::container(Keyword::MinItems, self.pos));
            }
        } else {
            let missing = node.required & !seen;
            if missing != 0 {
                let property = node.properties.start.saturating_add(u16::from(lowest_bit(missing)));
                return Err(Fault::new(Keyword::Required, property, self.pos));
            }
            if count < node.members_min {
                return Err(Fault::container(Keyword::MinProperties, self.pos));
            }
            if self.depth == 1 {
                self.switch_done(node)?;
            }
        }
        self.keys.truncate(keys_base);
        self.pos += 1;
        self.depth -= 1;
        if let Some(&below) = self.depth.checked_sub(1).and_then(|index| self.frames.get(index)) {
            self.top = below;
        }
        Ok(())
    }

    /// A switch whose selector never came has judged nothing, so that the message cannot pass.
    fn switch_done(&self, root: &Node) -> Result<(), Fault> {
        match self.program.head.switch {
            Some(switch) if self.case.is_none() => {
                Err(Fault::new(Keyword::Required, root.properties.start.saturating_add(switch.on), self.pos))
            }
            _ => Ok(()),
        }
    }

    /// The schema of the next item.
    #[inline]
    fn item(&mut self) -> Result<u16, Fault> {
        let node = self.program.node(self.top.node);
        let index = self.top.count;
        self.top.count += 1;
        if index >= node.items_max {
            return Err(Fault::container(Keyword::MaxItems, self.pos));
        }
        let prefix = node.prefix.of(self.program.prefixes);
        Ok(prefix.get(index as usize).copied().unwrap_or(node.items))
    }

    /// A member's name and colon; the schema of its value.
    fn key(&mut self) -> Result<u16, Fault> {
        if self.byte() != b'"' {
            return Err(self.syntax());
        }
        let start = self.pos + 1;
        self.top.key = offset_of(start);
        self.top.count += 1;
        let program = self.program;
        let node = program.node(self.top.node);
        if self.top.count > node.members_max {
            return Err(Fault::container(Keyword::MaxProperties, self.pos));
        }
        let properties = node.properties.of(program.properties);
        let expected = properties.get(usize::from(self.top.next));
        let word = self.word(start);
        let (found, end) = match expected {
            Some(property) if self.is_name(property, word, start) => {
                (Some((self.top.next, property)), start + usize::from(property.name_len))
            }
            _ => self.find(node, properties, start)?,
        };
        let child = match found {
            Some((index, property)) => {
                let bit = 1 << (index & 63);
                if self.top.seen & bit != 0 {
                    return Err(Fault::at(Keyword::DuplicateKey, start - 1));
                }
                self.top.seen |= bit;
                self.top.next = index + 1;
                property.node
            }
            None if node.additional == NEVER => {
                return Err(Fault::at(Keyword::AdditionalProperties, start - 1));
            }
            None => {
                let base = self.top.keys_base;
                self.keys
                    .insert(self.text, start, end, base)
                    .map_err(|keyword| Fault::at(keyword, start - 1))?;
                node.additional
            }
        };
        self.pos = end + 1;
        self.skip_space();
        if self.byte() != b':' {
            return Err(self.syntax());
        }
        self.pos += 1;
        if self.depth == 1 {
            return Ok(self.top_level(found.map(|(index, _)| u16::from(index)), child));
        }
        Ok(child)
    }

    /// Reads the name at `start` to its end and looks it up.
    #[expect(clippy::type_complexity, reason = "the property and its index belong together")]
    fn find(
        &self,
        node: &Node,
        properties: &'a [Property],
        start: usize,
    ) -> Result<(Option<(u8, &'a Property)>, usize), Fault> {
        let (end, escaped) = self.string_end(start)?;
        if properties.is_empty() {
            return Ok((None, end));
        }
        if escaped {
            // Rare, and bounded: at most `PROPERTIES_MAX` names, each compared up to its first difference.
            let same = |property: &Property| {
                let name = self.program.name(property);
                Decoded::new(self.text.get(start..end).unwrap_or_default()).eq(name.iter().copied())
            };
            let found = properties.iter().zip(0..).find(|(property, _)| same(property));
            return Ok((found.map(|(property, index)| (index, property)), end));
        }
        let mut word = self.word(start);
        if end - start < 8 {
            word &= scan::low_bytes(end - start + 1);
        }
        let mut at = node.buckets.get(bucket_of(word)).copied().unwrap_or(u8::MAX);
        while let Some(property) = properties.get(usize::from(at)) {
            if self.is_name(property, word, start) {
                return Ok((Some((at, property)), end));
            }
            at = property.chain;
        }
        Ok((None, end))
    }

    /// Whether the name at `start`, whose first eight bytes are `word`, is this property's.
    #[inline]
    fn is_name(&self, property: &Property, word: u64, start: usize) -> bool {
        if word & property.head_mask != property.head {
            return false;
        }
        let len = usize::from(property.name_len);
        if len < 8 {
            return true;
        }
        let end = start + len;
        self.text.get(end) == Some(&b'"') && self.text.get(start..end) == Some(self.program.name(property))
    }

    /// Notes which top-level member comes, for captures and the switch.
    fn top_level(&mut self, member: Option<u16>, child: u16) -> u16 {
        self.skip_space();
        self.member = member.unwrap_or(NONE);
        self.member_start = self.pos;
        match (self.program.head.switch, self.case) {
            (Some(switch), Some(case)) if switch.target == self.member => self.case_node(switch.cases, case),
            _ => child,
        }
    }

    fn case_node(&self, cases: u16, case: u16) -> u16 {
        let cases = self.program.node(cases).properties.of(self.program.properties);
        cases.get(usize::from(case)).map_or(NEVER, |property| property.node)
    }

    /// A top-level value has been read. The schema of what must be read again, if it had to wait for its selector.
    fn member_done(&mut self) -> Result<Option<u16>, Fault> {
        if let Some(resume) = self.resume.take() {
            self.pos = resume.pos;
            self.top.key = resume.key;
            return Ok(None);
        }
        if self.member == NONE {
            return Ok(None);
        }
        let root = self.program.node(self.top.node);
        let Some(property) = root.properties.of(self.program.properties).get(usize::from(self.member)) else {
            return Ok(None);
        };
        let span = Span { start: offset_of(self.member_start), end: offset_of(self.pos) };
        if let Some(slot) = self.captures.get_mut(usize::from(property.capture)) {
            *slot = span;
        }
        let Some(switch) = self.program.head.switch else { return Ok(None) };
        if switch.target == self.member && self.case.is_none() {
            self.deferred = Some((span, self.top.key));
        }
        if switch.on != self.member {
            return Ok(None);
        }
        let case = self.select(switch.cases)?;
        self.case = Some(case);
        let Some((span, key)) = self.deferred.take() else { return Ok(None) };
        self.resume = Some(Resume { pos: self.pos, key: self.top.key });
        self.pos = span.start as usize;
        self.top.key = key;
        Ok(Some(self.case_node(switch.cases, case)))
    }

    /// The case that the selector's value, just read, names.
    fn select(&self, cases: u16) -> Result<u16, Fault> {
        let unknown = Fault::at(Keyword::Enum, self.member_start);
        if self.text.get(self.member_start) != Some(&b'"') {
            return Err(unknown);
        }
        let node = self.program.node(cases);
        let properties = node.properties.of(self.program.properties);
        match self.find(node, properties, self.member_start + 1)? {
            (Some((case, _)), _) => Ok(u16::from(case)),
            (None, _) => Err(unknown),
        }
    }

    #[cold]
    fn syntax(&self) -> Fault {
        Fault::at(Keyword::Syntax, self.pos.min(self.text.len()))
    }

    /// Writes the pointer of a fault. Only now, because a message that passes needs none.
    #[cold]
    fn invalid(&self, fault: Fault) -> Invalid {
        let mut pointer = Pointer::ROOT;
        let below = self.frames.get(..self.depth.saturating_sub(1)).unwrap_or_default();
        below.iter().for_each(|frame| self.push_step(&mut pointer, frame));
        match fault.place {
            MEMBER if self.depth > 0 => self.push_step(&mut pointer, &self.top),
            MEMBER | CONTAINER => {}
            property => {
                let property = self.program.properties.get(usize::from(property));
                let name = property.map(|property| self.program.name(property)).unwrap_or_default();
                pointer.push_name(core::str::from_utf8(name).unwrap_or_default().chars());
            }
        }
        Invalid { pointer, keyword: fault.keyword, offset: fault.offset as usize }
    }

    fn push_step(&self, pointer: &mut Pointer, frame: &Frame) {
        if frame.array {
            if let Some(index) = frame.count.checked_sub(1) {
                pointer.push_index(index);
            }
        } else if frame.key > 0 {
            pointer.push_name(characters(self.text.get(frame.key as usize..).unwrap_or_default()));
        }
    }
}

/// The number of the lowest bit that is set.
fn lowest_bit(bits: u64) -> u8 {
    bits.trailing_zeros().to_le_bytes()[0]
}
