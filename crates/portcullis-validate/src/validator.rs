//! Compiled schemas, ready to check messages.

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, vec, vec::Vec};

use crate::{
    compile::{Compiler, SchemaError, SwitchSchema, Tables},
    machine::{Frame, KeyStore, Machine},
    options::{DEPTH_LIMIT, Options},
    pointer::Pointer,
    program::{Head, Literal, Node, Program, Property},
    verdict::{Invalid, Keyword, Valid},
};
#[cfg(feature = "alloc")]
use crate::{
    graph::{self, Graph},
    options::CAPTURES_MAX,
    stream::{Checker, Stream},
    verdict::Span,
};

/// The undeclared members that a message may have open at once, in one object or in nested ones together.
///
/// Their names are remembered to refuse duplicates; the work per name is at most one look at each of the others.
pub const KEYS_MAX: usize = 256;

/// Frames for the depths that most schemas have.
const FRAMES_USUAL: usize = 32;

/// A schema compiled once, on the heap; a check allocates nothing.
///
/// ```
/// use portcullis_validate::{Keyword, Options, Validator};
///
/// let schema = r#"{
///     "type": "object",
///     "properties": {"text": {"type": "string", "maxLength": 5}},
///     "required": ["text"]
/// }"#;
/// let validator = Validator::compile(schema, &Options::default())?;
/// assert!(validator.check(br#"{"text": "hello"}"#).is_ok());
///
/// let invalid = validator.check(br#"{"text": "hello, world"}"#).unwrap_err();
/// assert_eq!(invalid.keyword(), Keyword::MaxLength);
/// assert_eq!(invalid.pointer().as_str(), "/text");
/// # Ok::<(), portcullis_validate::SchemaError>(())
/// ```
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub struct Validator {
    /// For schemas of the plain keywords: the faster way through a whole message.
    fast: Option<Fast>,
    /// For all others, and for messages in pieces. A switch has none.
    graph: Option<Box<Graph>>,
    /// Of a switch: the cases that need a graph, and where the value lies that they judge.
    late: Option<Box<Late>>,
}

/// The cases of a switch that are judged behind everything else.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
struct Late {
    target: Box<str>,
    /// The capture that the target's place is told by.
    capture: usize,
    cases: Box<[Option<Graph>]>,
}

#[cfg(feature = "alloc")]
impl Validator {
    /// Compiles a JSON Schema.
    ///
    /// # Errors
    /// The text is not JSON, a keyword is not supported, or a keyword's value cannot be used; see [`SchemaError`].
    pub fn compile(schema: &str, options: &Options<'_>) -> Result<Self, SchemaError> {
        let fast = plain(Fast::compile(schema, options))?;
        Ok(Self { fast, graph: Some(Box::new(graph::build(schema, options)?)), late: None })
    }

    /// Compiles a schema one of whose members, `on`, selects the schema that another one, `target`, must meet. The
    /// two may come in either order: a target that comes first is read as plain JSON, and judged when its selector
    /// has come.
    ///
    /// `envelope` is the object's own schema. It declares both members, `target` as `true`. `cases` are the values of
    /// `on` with their schemas; [`Valid::case`] tells the index of the one that applied.
    ///
    /// # Errors
    /// As [`Validator::compile`], or `envelope` is not such a schema, or a case comes twice.
    ///
    /// ```
    /// use portcullis_validate::{Options, Validator};
    ///
    /// let envelope = r#"{"properties": {"action": {"type": "string"}, "payload": true}, "required": ["payload"]}"#;
    /// let cases = [("chat", r#"{"type": "string"}"#), ("roll", r#"{"type": "integer"}"#)];
    /// let validator = Validator::compile_switch(envelope, "action", "payload", &cases, &Options::default())?;
    /// assert_eq!(validator.check(br#"{"payload": 6, "action": "roll"}"#).unwrap().case(), Some(1));
    /// assert!(validator.check(br#"{"action": "chat", "payload": 6}"#).is_err());
    /// # Ok::<(), portcullis_validate::SchemaError>(())
    /// ```
    pub fn compile_switch(
        envelope: &str,
        on: &str,
        target: &str,
        cases: &[(&str, &str)],
        options: &Options<'_>,
    ) -> Result<Self, SchemaError> {
        let (mut plain_cases, mut graphs) =
            (Vec::with_capacity(cases.len()), Vec::with_capacity(cases.len()));
        for &(name, schema) in cases {
            let fast = plain(Fast::compile(schema, options));
            // An error is told by the compiler of the whole, which says in which case it is.
            let graph = match fast {
                Ok(None) => {
                    let inside =
                        options.with_depth_max(options.depth_max.saturating_sub(1)).with_captures(&[]);
                    Some(graph::build(schema, &inside).map_err(|error| error.inside(name))?)
                }
                Ok(Some(_)) | Err(_) => None,
            };
            plain_cases.push((name, if graph.is_some() { "true" } else { schema }));
            graphs.push(graph);
        }
        let is_late = graphs.iter().any(Option::is_some);
        let mut captures = options.captures.to_vec();
        let capture = captures.iter().position(|name| *name == target).unwrap_or_else(|| {
            captures.extend(is_late.then_some(target));
            captures.len().saturating_sub(1)
        });
        let options = options.with_captures(&captures);
        let switch = SwitchSchema { on, target, cases: &plain_cases };
        let fast = Fast::grow(|tables| Compiler::new(tables, &options).schema(envelope, Some(&switch)))?;
        let late = Late { target: target.into(), capture, cases: graphs.into() };
        Ok(Self { fast: Some(fast), graph: None, late: is_late.then(|| Box::new(late)) })
    }

    /// Checks a whole message: JSON as RFC 8259 has it, UTF-8, no duplicate names, and the schema. One pass, no
    /// allocation; time linear in the bytes, by a factor that [`Options::with_steps_per_byte`] bounds where the schema has
    /// more than the plain keywords.
    ///
    /// # Errors
    /// The first place where the message is wrong.
    pub fn check<'m>(&self, message: &'m [u8]) -> Result<Valid<'m>, Invalid> {
        let Some(fast) = &self.fast else {
            let captures = self.graph.as_ref().map_or(Ok([Span::default(); CAPTURES_MAX]), |graph| {
                let mut machine = Stream::new(graph);
                machine.push(message)?;
                machine.finish()
            })?;
            return Ok(Valid { message, captures, case: None });
        };
        let valid = check(fast.program(), message)?;
        match &self.late {
            Some(late) => late.check(&valid).map(|()| valid),
            None => Ok(valid),
        }
    }

    /// For a message that comes in pieces; `None` for a switch, whose target may come before its selector.
    ///
    /// ```
    /// use portcullis_validate::{Options, Validator};
    ///
    /// let validator = Validator::compile(r#"{"type": "array", "items": {"type": "integer"}}"#, &Options::default())?;
    /// let mut checker = validator.checker().expect("this is no switch");
    /// checker.push(b"[1, 2").unwrap();
    /// checker.push(b"5, 3").unwrap();
    /// assert!(checker.push(b", true]").is_err(), "at the first byte that cannot be right");
    /// # Ok::<(), portcullis_validate::SchemaError>(())
    /// ```
    #[must_use]
    pub fn checker(&self) -> Option<Checker<'_>> {
        self.graph.as_ref().map(|graph| Checker::new(graph))
    }

    /// What the schema costs.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let late = self.late.iter().flat_map(|late| late.cases.iter().flatten());
        let graphs = || self.graph.as_deref().into_iter().chain(late.clone());
        Cost {
            is_plain: self.fast.is_some() && self.late.is_none(),
            schemas: graphs().map(|graph| graph.nodes.len()).sum(),
            pattern_bytes: graphs()
                .flat_map(|graph| &graph.patterns)
                .map(crate::graph::Pattern::memory_bytes)
                .sum(),
            beside_max: graphs().map(Graph::beside_max).max().unwrap_or(1),
            stack_bytes: size_of::<Stream<'_>>(),
            steps_per_byte: graphs().map(|graph| graph.steps_per_byte).max().unwrap_or(0),
            steps_free: crate::stream::STEPS_FREE,
        }
    }
}

/// What a schema costs, as far as it can be told beforehand.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// Whether it has only the plain keywords, so that whole messages take the faster way.
    pub is_plain: bool,
    /// Schemas, those inside others counted.
    pub schemas: usize,
    /// Memory of all automata, in bytes.
    pub pattern_bytes: usize,
    /// The most schemas that judge one value beside each other: steps for each value, name or item.
    pub beside_max: usize,
    /// What a check keeps on the stack, or a [`Checker`] wherever it is, in bytes.
    pub stack_bytes: usize,
    /// The steps that a message may take in the graph for each of its bytes, …
    pub steps_per_byte: u32,
    /// … and in addition.
    pub steps_free: u64,
}

#[cfg(feature = "alloc")]
impl Late {
    fn check(&self, valid: &Valid<'_>) -> Result<(), Invalid> {
        let graph = valid.case().and_then(|case| self.cases.get(case)?.as_ref());
        let (Some(graph), Some(span)) = (graph, valid.capture_range(self.capture)) else { return Ok(()) };
        let mut machine = Stream::new(graph);
        let verdict =
            machine.push(valid.bytes().get(span.clone()).unwrap_or_default()).and_then(|()| machine.finish());
        verdict.map(|_| ()).map_err(|invalid| invalid.inside(&self.target, span.start))
    }
}

/// `None` for a schema that needs more than the plain keywords.
#[cfg(feature = "alloc")]
fn plain(compiled: Result<Fast, SchemaError>) -> Result<Option<Fast>, SchemaError> {
    match compiled {
        Ok(fast) => Ok(Some(fast)),
        Err(error) if error.is_beyond_plain() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A program of the plain keywords on the heap.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug)]
pub(crate) struct Fast {
    head: Head,
    nodes: Box<[Node]>,
    properties: Box<[Property]>,
    literals: Box<[Literal]>,
    prefixes: Box<[u16]>,
    bytes: Box<[u8]>,
}

#[cfg(feature = "alloc")]
impl Fast {
    /// Compiles a schema of the plain keywords.
    pub(crate) fn compile(schema: &str, options: &Options<'_>) -> Result<Self, SchemaError> {
        Self::grow(|tables| Compiler::new(tables, options).schema(schema, None))
    }

    /// Compiles into tables of growing size until the program fits.
    fn grow(compile: impl Fn(&mut Tables<'_>) -> Result<Head, SchemaError>) -> Result<Self, SchemaError> {
        let (mut items, mut pool) = (64, 1024);
        loop {
            let mut nodes = vec![Node::ANY; items];
            let mut properties = vec![Property::EMPTY; items];
            let mut literals = vec![Literal::Null; items];
            let mut prefixes = vec![0; items];
            let mut bytes = vec![0; pool];
            let mut tables =
                Tables::new(&mut nodes, &mut properties, &mut literals, &mut prefixes, &mut bytes);
            match compile(&mut tables) {
                Ok(head) => {
                    let lens = tables.lens();
                    nodes.truncate(lens.nodes);
                    properties.truncate(lens.properties);
                    literals.truncate(lens.literals);
                    prefixes.truncate(lens.prefixes);
                    bytes.truncate(lens.bytes);
                    return Ok(Self {
                        head,
                        nodes: nodes.into_boxed_slice(),
                        properties: properties.into_boxed_slice(),
                        literals: literals.into_boxed_slice(),
                        prefixes: prefixes.into_boxed_slice(),
                        bytes: bytes.into_boxed_slice(),
                    });
                }
                Err(error) if error.is_full() && items < usize::from(u16::MAX) => {
                    items = (items * 4).min(usize::from(u16::MAX));
                    pool *= 8;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn program(&self) -> Program<'_> {
        Program {
            head: self.head,
            nodes: &self.nodes,
            properties: &self.properties,
            literals: &self.literals,
            prefixes: &self.prefixes,
            bytes: &self.bytes,
        }
    }
}

/// A schema compiled into itself, for targets without a heap: room for `ITEMS` schemas, properties, values of `enum`
/// and `prefixItems` each, and for `BYTES` of names and values.
///
/// ```
/// use portcullis_validate::{FixedValidator, Options};
///
/// let schema = r#"{"properties": {"led": {"type": "boolean"}}, "required": ["led"]}"#;
/// let validator = FixedValidator::<8, 64>::compile(schema, &Options::default())?;
/// assert!(validator.check(br#"{"led": true}"#).is_ok());
/// # Ok::<(), portcullis_validate::SchemaError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FixedValidator<const ITEMS: usize, const BYTES: usize> {
    head: Head,
    nodes: [Node; ITEMS],
    properties: [Property; ITEMS],
    literals: [Literal; ITEMS],
    prefixes: [u16; ITEMS],
    bytes: [u8; BYTES],
}

impl<const ITEMS: usize, const BYTES: usize> FixedValidator<ITEMS, BYTES> {
    /// Compiles a JSON Schema; the schemas `true` and `false` take two of the items.
    ///
    /// # Errors
    /// The text is not JSON, a keyword is not supported, a keyword's value cannot be used, or the program does not
    /// fit.
    pub fn compile(schema: &str, options: &Options<'_>) -> Result<Self, SchemaError> {
        Self::fill(|tables| Compiler::new(tables, options).schema(schema, None))
    }

    /// Compiles a schema one of whose members selects the schema of another, as `Validator::compile_switch` does.
    ///
    /// # Errors
    /// As [`FixedValidator::compile`], or `envelope` does not declare the two members, or a case comes twice.
    pub fn compile_switch(
        envelope: &str,
        on: &str,
        target: &str,
        cases: &[(&str, &str)],
        options: &Options<'_>,
    ) -> Result<Self, SchemaError> {
        let switch = SwitchSchema { on, target, cases };
        Self::fill(|tables| Compiler::new(tables, options).schema(envelope, Some(&switch)))
    }

    fn fill(compile: impl Fn(&mut Tables<'_>) -> Result<Head, SchemaError>) -> Result<Self, SchemaError> {
        let mut nodes = [Node::ANY; ITEMS];
        let mut properties = [Property::EMPTY; ITEMS];
        let mut literals = [Literal::Null; ITEMS];
        let mut prefixes = [0; ITEMS];
        let mut bytes = [0; BYTES];
        let mut tables = Tables::new(&mut nodes, &mut properties, &mut literals, &mut prefixes, &mut bytes);
        let head = compile(&mut tables)?;
        Ok(Self { head, nodes, properties, literals, prefixes, bytes })
    }

    /// Checks a whole message: JSON as RFC 8259 has it, UTF-8, no duplicate names, and the schema.
    ///
    /// # Errors
    /// The first place where the message is wrong.
    pub fn check<'m>(&self, message: &'m [u8]) -> Result<Valid<'m>, Invalid> {
        let program = Program {
            head: self.head,
            nodes: &self.nodes,
            properties: &self.properties,
            literals: &self.literals,
            prefixes: &self.prefixes,
            bytes: &self.bytes,
        };
        check(program, message)
    }
}

/// A schema compiled when the program was, by the macros of `portcullis-validate-macros`: its tables lie in read-only
/// memory, and nothing is compiled or allocated at the start.
#[derive(Clone, Copy, Debug)]
pub struct StaticValidator {
    program: Program<'static>,
}

impl StaticValidator {
    /// For the macros.
    #[doc(hidden)]
    #[must_use]
    pub const fn of(program: Program<'static>) -> Self {
        Self { program }
    }

    /// The same with random bits for the hashes that find duplicates; see [`Options::with_key_seed`].
    #[must_use]
    pub const fn with_key_seed(self, key_seed: u64) -> Self {
        let Self { mut program } = self;
        program.head.key_seed = key_seed;
        Self { program }
    }

    /// Checks a whole message: JSON as RFC 8259 has it, UTF-8, no duplicate names, and the schema. One pass, no
    /// allocation, linear in the bytes.
    ///
    /// # Errors
    /// The first place where the message is wrong.
    pub fn check<'m>(&self, message: &'m [u8]) -> Result<Valid<'m>, Invalid> {
        check(self.program, message)
    }
}

/// Checks with memory on this stack, as much as the program can need.
pub(crate) fn check<'m>(program: Program<'_>, message: &'m [u8]) -> Result<Valid<'m>, Invalid> {
    let refused = |keyword, offset| Invalid { pointer: Pointer::ROOT, keyword, offset };
    if u32::try_from(message.len()).is_err() {
        return Err(refused(Keyword::MessageLength, 0));
    }
    // RFC 8259 §8.1: "JSON text exchanged between systems that are not part of a closed ecosystem MUST be encoded using
    // UTF-8". All at once, because that is the fastest; the scanner then need not look at bytes above 127.
    if simdutf8::basic::from_utf8(message).is_err() {
        let offset = core::str::from_utf8(message).map_or_else(|error| error.valid_up_to(), str::len);
        return Err(refused(Keyword::Utf8, offset));
    }
    if program.head.depth_max <= FRAMES_USUAL {
        check_open(program, message, &mut [Frame::EMPTY; FRAMES_USUAL])
    } else {
        check_open(program, message, &mut [Frame::EMPTY; DEPTH_LIMIT])
    }
}

/// Checks the text of a schema, which may have many definitions, by `true`.
pub(crate) fn check_schema_text<'m>(program: Program<'_>, text: &'m [u8]) -> Result<Valid<'m>, Invalid> {
    #[cfg(feature = "alloc")]
    if text.len() > 4 * KEYS_MAX && core::str::from_utf8(text).is_ok() && u32::try_from(text.len()).is_ok() {
        // A name takes four bytes at least.
        let (mut hashes, mut starts) = (vec![0; text.len() / 4], vec![0; text.len() / 4]);
        let keys = KeyStore::new(&mut hashes, &mut starts, program.head.key_seed);
        return Machine::new(program, text, &mut [Frame::EMPTY; DEPTH_LIMIT], keys).run();
    }
    check(program, text)
}

fn check_open<'m>(
    program: Program<'_>,
    message: &'m [u8],
    frames: &mut [Frame],
) -> Result<Valid<'m>, Invalid> {
    let seed = program.head.key_seed;
    if program.head.open {
        let (mut hashes, mut starts) = ([0; KEYS_MAX], [0; KEYS_MAX]);
        Machine::new(program, message, frames, KeyStore::new(&mut hashes, &mut starts, seed)).run()
    } else {
        Machine::new(program, message, frames, KeyStore::new(&mut [], &mut [], seed)).run()
    }
}
