//! Why a schema cannot be compiled. Its author is at fault, not a peer.

use core::fmt;

use crate::{pointer::Pointer, program::PROPERTIES_MAX, verdict::Keyword};

/// What is wrong with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SchemaReason {
    /// The text is no acceptable JSON.
    Json(Keyword),
    /// The keyword at the pointer's end is not supported; a check that left it out would pass what it forbids.
    UnsupportedKeyword,
    /// Arrays and objects as values of `enum` and `const` are not supported.
    UnsupportedValue,
    /// The keyword's value is not what JSON Schema allows there.
    InvalidValue,
    /// `pattern` is no regular expression, or one that needs more than an automaton of bounded size: look-around, references
    /// to what was matched.
    UnsupportedPattern,
    /// A `format` that is not checked here, where formats are to be asserted.
    UnsupportedFormat,
    /// A reference to what is not in the document.
    UnresolvedReference,
    /// Schemas refer to each other, or stand beside each other, in a chain that is too long.
    TooDeep,
    /// A schema refers to itself beside itself: a check would never end.
    ReferenceCycle,
    /// `$schema` names another dialect than draft 2020-12.
    UnknownDialect,
    /// A required member is not in `properties` of an object that is closed by default: nothing could ever pass.
    RequiredUndeclared,
    /// A captured member is not in `properties` of a closed object.
    CaptureUndeclared,
    /// More captures than [`crate::CAPTURES_MAX`].
    TooManyCaptures,
    /// An object with more than 64 declared and required members.
    TooManyProperties,
    /// The envelope of a switch does not declare both members, or declares the target as more than `true`.
    SwitchUndeclared,
    /// A case of a switch comes twice, or there are none or more than 64.
    SwitchCases,
    /// The program does not fit into its memory.
    Full,
}

/// Why and where a schema cannot be compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SchemaError {
    pub(crate) reason: SchemaReason,
    pub(crate) pointer: Pointer,
    pub(crate) offset: usize,
}

impl SchemaError {
    /// What is wrong.
    #[must_use]
    pub const fn reason(&self) -> SchemaReason {
        self.reason
    }

    /// Where in the schema; within a case of a switch, behind the case's name.
    #[must_use]
    pub const fn pointer(&self) -> &Pointer {
        &self.pointer
    }

    /// Where in the schema's text.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The same, of a schema inside the case `name` of a switch.
    #[cfg(feature = "alloc")]
    pub(crate) fn inside(mut self, name: &str) -> Self {
        let mut pointer = Pointer::ROOT;
        pointer.push_name(name.chars());
        pointer.push_pointer(&self.pointer);
        self.pointer = pointer;
        self
    }

    /// Whether the schema has more than the plain keywords.
    #[cfg(feature = "alloc")]
    pub(crate) fn is_beyond_plain(&self) -> bool {
        matches!(self.reason, SchemaReason::UnsupportedKeyword | SchemaReason::UnsupportedValue)
    }

    #[cfg(feature = "alloc")]
    pub(crate) fn is_full(&self) -> bool {
        self.reason == SchemaReason::Full
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.pointer.as_str().rsplit('/').next().unwrap_or_default();
        match self.reason {
            SchemaReason::Json(keyword) => write!(f, "the schema is not acceptable JSON ({keyword})")?,
            SchemaReason::UnsupportedKeyword => write!(f, "the keyword `{name}` is not supported")?,
            SchemaReason::UnsupportedValue => {
                write!(f, "arrays and objects are not supported as a value of `{name}`")?;
            }
            SchemaReason::InvalidValue => write!(f, "`{name}` has a value that JSON Schema does not allow")?,
            SchemaReason::UnsupportedPattern => {
                f.write_str("the pattern has no automaton of bounded size")?
            }
            SchemaReason::UnsupportedFormat => f.write_str("the format is not supported")?,
            SchemaReason::UnresolvedReference => {
                f.write_str("the reference leads to nothing in this document")?
            }
            SchemaReason::TooDeep => f.write_str("a chain of schemas is too long")?,
            SchemaReason::ReferenceCycle => f.write_str("a schema refers to itself in a circle")?,
            SchemaReason::UnknownDialect => f.write_str("`$schema` is not draft 2020-12")?,
            SchemaReason::RequiredUndeclared => {
                f.write_str("a required member is not declared in `properties`, and the object is closed")?;
            }
            SchemaReason::CaptureUndeclared => {
                f.write_str("a captured member is not declared in `properties`, and the object is closed")?;
            }
            SchemaReason::TooManyCaptures => write!(f, "more than {} captures", crate::CAPTURES_MAX)?,
            SchemaReason::TooManyProperties => {
                write!(f, "more than {PROPERTIES_MAX} members are declared in one object")?;
            }
            SchemaReason::SwitchUndeclared => {
                f.write_str("the envelope does not declare the selector, or the target as `true`")?;
            }
            SchemaReason::SwitchCases => {
                write!(f, "the cases are not 1 to {PROPERTIES_MAX} different ones")?;
            }
            SchemaReason::Full => f.write_str("the compiled schema does not fit")?,
        }
        write!(f, " at \"{}\" (byte {})", self.pointer, self.offset)
    }
}

impl core::error::Error for SchemaError {}
