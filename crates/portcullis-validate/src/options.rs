//! What a schema is compiled with.

/// The most that [`Options::with_depth_max`] can ask for.
pub const DEPTH_LIMIT: usize = 128;

/// The most captures of one validator.
pub const CAPTURES_MAX: usize = 16;

/// How a schema is read and what its validator reports.
///
/// ```
/// use portcullis_validate::{FixedValidator, Options};
///
/// let options = Options::default().with_captures(&["id"]);
/// let schema = r#"{"properties": {"id": {"type": "integer"}}}"#;
/// let validator = FixedValidator::<8, 32>::compile(schema, &options)?;
/// assert_eq!(validator.check(br#"{"id": 7}"#).unwrap().capture(0), Some(&b"7"[..]));
/// # Ok::<(), portcullis_validate::SchemaError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Options<'o> {
    pub(crate) depth_max: usize,
    pub(crate) closed: bool,
    pub(crate) captures: &'o [&'o str],
    pub(crate) key_seed: u64,
    pub(crate) asserts_formats: bool,
    pub(crate) steps_per_byte: u32,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'o> Options<'o> {
    /// Depth 32, closed objects, no captures.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            depth_max: 32,
            closed: true,
            captures: &[],
            key_seed: 0,
            asserts_formats: false,
            steps_per_byte: 64,
        }
    }

    /// How many arrays and objects may be open at once. At most [`DEPTH_LIMIT`]; more is taken as that.
    #[must_use]
    pub const fn with_depth_max(self, depth_max: usize) -> Self {
        let depth_max = if depth_max > DEPTH_LIMIT { DEPTH_LIMIT } else { depth_max };
        Self { depth_max, ..self }
    }

    /// Whether an object schema that has `properties` and no `additionalProperties` refuses undeclared members (the
    /// default) or admits them, as JSON Schema itself does.
    #[must_use]
    pub const fn with_closed(self, closed: bool) -> Self {
        Self { closed, ..self }
    }

    /// The top-level members whose place in the message [`crate::Valid`] tells, by their index in `captures`. At most
    /// [`CAPTURES_MAX`].
    #[must_use]
    pub const fn with_captures<'c>(self, captures: &'c [&'c str]) -> Options<'c> {
        Options {
            depth_max: self.depth_max,
            closed: self.closed,
            captures,
            key_seed: self.key_seed,
            asserts_formats: self.asserts_formats,
            steps_per_byte: self.steps_per_byte,
        }
    }

    /// Whether `format` refuses what is not of the format. JSON Schema leaves that to the application, and says no.
    #[must_use]
    pub const fn with_formats(self, asserts_formats: bool) -> Self {
        Self { asserts_formats, ..self }
    }

    /// The steps that a check may take for each byte of a message, beyond 4,096 for all of it. A step is one look of one
    /// schema at one value, name or item, or one step of one automaton.
    #[must_use]
    pub const fn with_steps_per_byte(self, steps_per_byte: u32) -> Self {
        Self { steps_per_byte, ..self }
    }

    /// Random bits for the hashes that find duplicates among undeclared members, so that a peer cannot choose names
    /// whose hashes collide. Only the time of a check depends on them (within its bound), never its verdict.
    #[must_use]
    pub const fn with_key_seed(self, key_seed: u64) -> Self {
        Self { key_seed, ..self }
    }
}
