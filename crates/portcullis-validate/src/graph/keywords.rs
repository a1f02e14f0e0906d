//! The keywords of draft 2020-12, one by one.

use alloc::{boxed::Box, vec::Vec};

use super::{
    Arrays, BITS_MAX, Contains, Dependent, Format, InPlace, Limit, Name, Numeric, Objects, Schema,
    build::Builder, hash, refs::text_of,
};
use crate::compile::{
    Place, SchemaError, SchemaReason,
    json::Value,
    keyword::{check_names, count_of, decimal, is_dialect, types_of},
};

/// The parts of a schema while its keywords are read.
#[derive(Default)]
struct Draft {
    numeric: Numeric,
    objects: Objects,
    arrays: Arrays,
    in_place: InPlace,
    names: Vec<Name>,
    bits: u32,
    contains_min: Option<u32>,
    contains_max: Option<u32>,
}

impl Draft {
    /// The place of a name among those that the schema knows.
    fn name(&mut self, seed: u64, key: &Value<'_>) -> Option<&mut Name> {
        let text = text_of(key)?;
        let at = match self.names.iter().position(|name| *name.text == *text) {
            Some(at) => at,
            None => {
                let digest = hash::text(seed, text.bytes());
                self.names.push(Name { digest, text: text.into(), schema: None, bit: 0 });
                self.names.len() - 1
            }
        };
        self.names.get_mut(at)
    }

    /// The bit that says that the member has come.
    fn bit(&mut self, seed: u64, key: &Value<'_>, place: &Place<'_>) -> Result<u64, SchemaError> {
        let next = self.bits;
        let name = self.name(seed, key).ok_or(place.error(SchemaReason::InvalidValue))?;
        if name.bit == 0 {
            if next as usize >= BITS_MAX {
                return Err(place.error(SchemaReason::TooManyProperties));
            }
            name.bit = 1 << next;
            let bit = name.bit;
            self.bits += 1;
            return Ok(bit);
        }
        Ok(name.bit)
    }
}

impl<'t> Builder<'_, 't> {
    /// One schema that is an object.
    pub(super) fn schema(&mut self, place: &Place<'t>) -> Result<Schema, SchemaError> {
        let (mut schema, mut draft) = (Schema::any(), Draft::default());
        let contains = place.value.members().find(|(key, _)| key.is("contains"));
        for (key, value) in place.value.members() {
            let at = place.member(&key, value);
            let taken = self.scalar_keyword(&mut schema, &mut draft, &key, &at)?
                || self.container_keyword(&mut draft, &key, &at)?
                || self.in_place_keyword(&mut draft, &key, &at)?;
            if !taken {
                return Err(at.error(SchemaReason::UnsupportedKeyword));
            }
        }
        if let Some((key, value)) = contains {
            let at = place.member(&key, value);
            draft.arrays.contains = Some(Contains {
                schema: self.node(&at, true)?,
                min: draft.contains_min.unwrap_or(1),
                max: draft.contains_max,
            });
        }
        draft.names.sort_unstable_by_key(|name| name.digest);
        draft.objects.names = draft.names.into();
        schema.numeric = Some(Box::new(draft.numeric)).filter(|numeric| numeric.is_something());
        schema.objects = Some(Box::new(draft.objects)).filter(|objects| objects.is_something());
        schema.arrays = Some(Box::new(draft.arrays)).filter(|arrays| arrays.is_something());
        let is_composed = draft.in_place.all_of_them().next().is_some();
        schema.in_place = Some(Box::new(draft.in_place)).filter(|_| is_composed);
        Ok(schema)
    }

    /// Keywords without schemas inside.
    fn scalar_keyword(
        &mut self,
        schema: &mut Schema,
        draft: &mut Draft,
        key: &Value<'t>,
        at: &Place<'t>,
    ) -> Result<bool, SchemaError> {
        let invalid = at.error(SchemaReason::InvalidValue);
        let limit = || decimal(at.value.text()).map(|number| Limit::of(&number)).ok_or(invalid);
        match key.string().unwrap_or_default() {
            b"$id" | b"$anchor" | b"$dynamicAnchor" | b"$comment" | b"title" | b"description"
            | b"default" | b"examples" | b"deprecated" | b"readOnly" | b"writeOnly" | b"contentEncoding"
            | b"contentMediaType" | b"contentSchema" | b"$defs" => {}
            b"$schema" if is_dialect(&at.value) => {}
            b"$schema" => return Err(at.error(SchemaReason::UnknownDialect)),
            b"type" => schema.types &= types_of(at)?,
            b"enum" if at.value.is_array() => {
                let mut choices: Vec<u128> = at.value.items().map(|value| self.digest(&value)).collect();
                choices.sort_unstable();
                schema.choices = Some(choices.into());
            }
            b"const" => schema.constant = Some(self.digest(&at.value)),
            b"minimum" => draft.numeric.minimum = Some(limit()?),
            b"maximum" => draft.numeric.maximum = Some(limit()?),
            b"exclusiveMinimum" => draft.numeric.exclusive_minimum = Some(limit()?),
            b"exclusiveMaximum" => draft.numeric.exclusive_maximum = Some(limit()?),
            b"multipleOf" => {
                let is_usable = decimal(at.value.text()).is_some_and(|number| {
                    !number.is_zero() && !number.is_negative() && number.digits().count() <= 18
                });
                draft.numeric.multiple_of = Some(limit().ok().filter(|_| is_usable).ok_or(invalid)?);
            }
            b"minLength" => schema.strings.length_min = count_of(at)?,
            b"maxLength" => schema.strings.length_max = Some(count_of(at)?),
            b"pattern" => {
                let text = text_of(&at.value).ok_or(invalid)?;
                schema.strings.pattern = Some(self.pattern(text, at)?);
            }
            b"format" => {
                let text = text_of(&at.value).ok_or(invalid)?;
                if self.options.asserts_formats {
                    let format = Format::named(&text).ok_or(at.error(SchemaReason::UnsupportedFormat))?;
                    schema.strings.format = Some(format);
                }
            }
            b"minItems" => draft.arrays.items_min = count_of(at)?,
            b"maxItems" => draft.arrays.items_max = Some(count_of(at)?),
            b"uniqueItems" => draft.arrays.unique = at.value.boolean().ok_or(invalid)?,
            b"minContains" => draft.contains_min = Some(count_of(at)?),
            b"maxContains" => draft.contains_max = Some(count_of(at)?),
            b"minProperties" => draft.objects.members_min = count_of(at)?,
            b"maxProperties" => draft.objects.members_max = Some(count_of(at)?),
            b"required" => {
                check_names(at)?;
                for name in at.value.items() {
                    draft.objects.required |= draft.bit(self.options.key_seed, &name, at)?;
                }
            }
            b"dependentRequired" if at.value.is_object() => {
                let mut dependents = Vec::new();
                for (name, others) in at.value.members() {
                    let inside = at.member(&name, others);
                    check_names(&inside)?;
                    let bit = draft.bit(self.options.key_seed, &name, at)?;
                    let mut required = 0;
                    for other in others.items() {
                        required |= draft.bit(self.options.key_seed, &other, &inside)?;
                    }
                    dependents.push(Dependent { bit, required });
                }
                draft.objects.dependents = dependents.into();
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Keywords with schemas for the parts of a value.
    fn container_keyword(
        &mut self,
        draft: &mut Draft,
        key: &Value<'t>,
        at: &Place<'t>,
    ) -> Result<bool, SchemaError> {
        let seed = self.options.key_seed;
        match key.string().unwrap_or_default() {
            b"properties" if at.value.is_object() => {
                draft.objects.has_properties = true;
                for (name, value) in at.value.members() {
                    let node = self.node(&at.member(&name, value), true)?;
                    let known = draft.name(seed, &name).ok_or(at.error(SchemaReason::InvalidValue))?;
                    known.schema = Some(node);
                }
            }
            b"patternProperties" if at.value.is_object() => {
                let mut patterns = Vec::new();
                for (name, value) in at.value.members() {
                    let inside = at.member(&name, value);
                    let text = text_of(&name).ok_or(inside.error(SchemaReason::InvalidValue))?;
                    patterns.push((self.pattern(text, &inside)?, self.node(&inside, true)?));
                }
                draft.objects.patterns = patterns.into();
            }
            b"additionalProperties" => draft.objects.additional = Some(self.node(at, true)?),
            b"propertyNames" => draft.objects.property_names = Some(self.node(at, true)?),
            b"unevaluatedProperties" => draft.objects.unevaluated = Some(self.node(at, true)?),
            b"prefixItems" if at.value.is_array() => draft.arrays.prefix = self.list(at, true)?.into(),
            b"items" => draft.arrays.items = Some(self.node(at, true)?),
            b"unevaluatedItems" => draft.arrays.unevaluated = Some(self.node(at, true)?),
            // Taken when its counts are known.
            b"contains" => {}
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Keywords with schemas for the value itself.
    fn in_place_keyword(
        &mut self,
        draft: &mut Draft,
        key: &Value<'t>,
        at: &Place<'t>,
    ) -> Result<bool, SchemaError> {
        match key.string().unwrap_or_default() {
            b"allOf" if at.value.is_array() => draft.in_place.all.extend(self.list(at, false)?),
            b"anyOf" if at.value.is_array() => draft.in_place.any = self.list(at, false)?,
            b"oneOf" if at.value.is_array() => draft.in_place.one = self.list(at, false)?,
            b"not" => draft.in_place.not = Some(self.node(at, false)?),
            b"if" => draft.in_place.condition = Some(self.node(at, false)?),
            b"then" => draft.in_place.then = Some(self.node(at, false)?),
            b"else" => draft.in_place.otherwise = Some(self.node(at, false)?),
            b"dependentSchemas" if at.value.is_object() => {
                for (name, value) in at.value.members() {
                    let bit = draft.bit(self.options.key_seed, &name, at)?;
                    let node = self.node(&at.member(&name, value), false)?;
                    draft.in_place.dependents.push((bit, node));
                }
            }
            b"$ref" | b"$dynamicRef" => {
                let reference = text_of(&at.value).ok_or(at.error(SchemaReason::InvalidValue))?;
                let is_dynamic = key.is("$dynamicRef");
                if is_dynamic && !self.names.is_static(&reference) {
                    return Err(at.error(SchemaReason::UnsupportedKeyword));
                }
                let from = at.parent;
                let target = self.names.find(from, &reference);
                let target = target.ok_or(at.error(SchemaReason::UnresolvedReference))?;
                self.names.adopt(&target, from);
                let node = self.node(&target, false)?;
                draft.in_place.all.push(node);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn list(&mut self, at: &Place<'t>, alone: bool) -> Result<Vec<super::Index>, SchemaError> {
        let list: Result<Vec<_>, _> = (0..)
            .zip(at.value.items())
            .map(|(index, value)| self.node(&at.item(index, value), alone))
            .collect();
        list.and_then(
            |list| {
                if list.is_empty() { Err(at.error(SchemaReason::InvalidValue)) } else { Ok(list) }
            },
        )
    }
}

impl Numeric {
    const fn is_something(&self) -> bool {
        self.minimum.is_some()
            || self.maximum.is_some()
            || self.exclusive_minimum.is_some()
            || self.exclusive_maximum.is_some()
            || self.multiple_of.is_some()
    }
}

impl Objects {
    const fn is_something(&self) -> bool {
        self.has_properties
            || !self.names.is_empty()
            || !self.patterns.is_empty()
            || self.additional.is_some()
            || self.property_names.is_some()
            || self.members_min > 0
            || self.members_max.is_some()
            || self.unevaluated.is_some()
    }
}

impl Arrays {
    const fn is_something(&self) -> bool {
        !self.prefix.is_empty()
            || self.items.is_some()
            || self.contains.is_some()
            || self.items_min > 0
            || self.items_max.is_some()
            || self.unique
            || self.unevaluated.is_some()
    }
}
