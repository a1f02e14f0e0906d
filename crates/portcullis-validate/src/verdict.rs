//! What a check answers.

use core::{fmt, ops::Range};

use crate::{options::CAPTURES_MAX, pointer::Pointer};

/// A part of a message, as offsets; `end == 0` means that there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) const fn range(self) -> Option<Range<usize>> {
        if self.end == 0 { None } else { Some(self.start as usize..self.end as usize) }
    }
}

/// Proof that a message is JSON (RFC 8259) and meets a schema. Only a check makes one.
#[derive(Clone, Copy, Debug)]
pub struct Valid<'m> {
    pub(crate) message: &'m [u8],
    pub(crate) captures: [Span; CAPTURES_MAX],
    pub(crate) case: Option<u16>,
}

impl<'m> Valid<'m> {
    /// The message that was checked.
    #[must_use]
    pub const fn bytes(&self) -> &'m [u8] {
        self.message
    }

    /// The value of the captured member `index` as raw JSON text (a string with its quotes), if the message has it.
    #[must_use]
    pub fn capture(&self, index: usize) -> Option<&'m [u8]> {
        self.message.get(self.capture_range(index)?)
    }

    /// Where the value of the captured member `index` lies in the message.
    #[must_use]
    pub fn capture_range(&self, index: usize) -> Option<Range<usize>> {
        self.captures.get(index)?.range()
    }

    /// Which case of a switch the message met, by its index; `None` when the schema is no switch.
    #[must_use]
    pub fn case(&self) -> Option<usize> {
        self.case.map(usize::from)
    }
}

/// What a message violated: a schema keyword, or a rule of JSON text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Keyword {
    /// The text is not JSON (RFC 8259 §2).
    Syntax,
    /// The bytes are not UTF-8 (RFC 8259 §8.1).
    Utf8,
    /// An escape names half of a surrogate pair (RFC 8259 §8.2).
    Surrogate,
    /// More arrays and objects are open than `depth_max`.
    Depth,
    /// A member name comes twice in one object (RFC 8259 §4 leaves the meaning open, so that readers differ).
    DuplicateKey,
    /// More undeclared members are open than can be told apart in bounded memory ([`crate::KEYS_MAX`]).
    KeysMax,
    /// A number beyond the range of IEEE 754 double precision (RFC 8259 §6).
    NumberRange,
    /// The message is longer than 4 GiB, beyond what offsets are kept for.
    MessageLength,
    /// A schema that is `false` admits nothing.
    False,
    /// `type`.
    Type,
    /// `enum`, or no case of a switch.
    Enum,
    /// `const`.
    Const,
    /// `required`; the pointer names the missing member.
    Required,
    /// `additionalProperties`; the pointer names the member.
    AdditionalProperties,
    /// `minProperties`.
    MinProperties,
    /// `maxProperties`.
    MaxProperties,
    /// `minItems`.
    MinItems,
    /// `maxItems`.
    MaxItems,
    /// `minLength`.
    MinLength,
    /// `maxLength`.
    MaxLength,
    /// `minimum`.
    Minimum,
    /// `maximum`.
    Maximum,
    /// `exclusiveMinimum`.
    ExclusiveMinimum,
    /// `exclusiveMaximum`.
    ExclusiveMaximum,
    /// `multipleOf`.
    MultipleOf,
    /// `allOf` or `$ref`.
    AllOf,
    /// `anyOf`.
    AnyOf,
    /// `oneOf`.
    OneOf,
    /// `not`.
    Not,
    /// `then`.
    Then,
    /// `else`.
    Else,
    /// `dependentRequired`; the pointer names the missing member.
    DependentRequired,
    /// `dependentSchemas`.
    DependentSchemas,
    /// `propertyNames`; the pointer names the member.
    PropertyNames,
    /// `unevaluatedProperties`.
    UnevaluatedProperties,
    /// `unevaluatedItems`.
    UnevaluatedItems,
    /// `contains`.
    Contains,
    /// `minContains`.
    MinContains,
    /// `maxContains`.
    MaxContains,
    /// `uniqueItems`.
    UniqueItems,
    /// `pattern`.
    Pattern,
    /// `format`.
    Format,
    /// The message needs more work or memory than a check may use.
    Budget,
}

impl Keyword {
    /// The keyword as schemas write it; a rule of JSON text in the same style.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "syntax",
            Self::Utf8 => "utf8",
            Self::Surrogate => "surrogate",
            Self::Depth => "depth",
            Self::DuplicateKey => "duplicateKey",
            Self::KeysMax => "keysMax",
            Self::NumberRange => "numberRange",
            Self::MessageLength => "messageLength",
            Self::False => "false",
            Self::Type => "type",
            Self::Enum => "enum",
            Self::Const => "const",
            Self::Required => "required",
            Self::AdditionalProperties => "additionalProperties",
            Self::MinProperties => "minProperties",
            Self::MaxProperties => "maxProperties",
            Self::MinItems => "minItems",
            Self::MaxItems => "maxItems",
            Self::MinLength => "minLength",
            Self::MaxLength => "maxLength",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::ExclusiveMinimum => "exclusiveMinimum",
            Self::ExclusiveMaximum => "exclusiveMaximum",
            Self::MultipleOf => "multipleOf",
            Self::AllOf => "allOf",
            Self::AnyOf => "anyOf",
            Self::OneOf => "oneOf",
            Self::Not => "not",
            Self::Then => "then",
            Self::Else => "else",
            Self::DependentRequired => "dependentRequired",
            Self::DependentSchemas => "dependentSchemas",
            Self::PropertyNames => "propertyNames",
            Self::UnevaluatedProperties => "unevaluatedProperties",
            Self::UnevaluatedItems => "unevaluatedItems",
            Self::Contains => "contains",
            Self::MinContains => "minContains",
            Self::MaxContains => "maxContains",
            Self::UniqueItems => "uniqueItems",
            Self::Pattern => "pattern",
            Self::Format => "format",
            Self::Budget => "budget",
        }
    }
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The first place where a message leaves JSON or its schema. The peer is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid {
    pub(crate) pointer: Pointer,
    pub(crate) keyword: Keyword,
    pub(crate) offset: usize,
}

impl Invalid {
    /// For a rule that an application checks itself on the top-level member `name`, so that its refusals read like
    /// the validator's.
    #[must_use]
    pub fn at_member(name: &str, keyword: Keyword, offset: usize) -> Self {
        let mut pointer = Pointer::ROOT;
        pointer.push_name(name.chars());
        Self { pointer, keyword, offset }
    }

    /// The same, of a value that lies at `offset` in the top-level member `name`.
    #[cfg(feature = "alloc")]
    pub(crate) fn inside(mut self, name: &str, offset: usize) -> Self {
        let mut pointer = Pointer::ROOT;
        pointer.push_name(name.chars());
        pointer.push_pointer(&self.pointer);
        self.pointer = pointer;
        self.offset += offset;
        self
    }

    /// Where in the document. For `required` and `additionalProperties` the missing or unwanted member itself.
    #[must_use]
    pub const fn pointer(&self) -> &Pointer {
        &self.pointer
    }

    /// What was violated.
    #[must_use]
    pub const fn keyword(&self) -> Keyword {
        self.keyword
    }

    /// Where in the bytes: at the value, name or character in question; for what is missing, at the end of its
    /// container.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// How many steps lead from the root to the place.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.pointer.depth()
    }

    /// The close code for a connection whose peer sends too much of this: 4400.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        4400
    }

    /// The stable code: `invalid_message`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "invalid_message"
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at \"{}\" (byte {})", self.keyword, self.pointer, self.offset)
    }
}

impl core::error::Error for Invalid {}
