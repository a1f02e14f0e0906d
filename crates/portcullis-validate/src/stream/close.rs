//! What the schemas of a container come to when it closes.

use super::{
    About, Fault, Frame, Stream,
    place::{Eval, ORDINALS_MAX, Role, WHOLE},
    scalar::check_digest,
};
use crate::{
    graph::{ANY, Index, NEVER, Schema, hash},
    verdict::Keyword,
};

/// The bits of so many members or items.
const fn bits_of(count: u32) -> u128 {
    if count >= ORDINALS_MAX { u128::MAX } else { (1 << count) - 1 }
}

impl Stream<'_> {
    /// A closing bracket: settles what the container's schemas come to, the last ones first.
    pub(super) fn close(&mut self) -> Result<(), Fault> {
        let Some(frame) = self.frames.last().cloned() else { return Err(self.syntax()) };
        let seed = self.graph.seed;
        let digest = if frame.is_array { frame.items.finish() } else { hash::object(seed, frame.sum) };
        let evals = self.evals_of_top();
        for index in evals.clone().rev() {
            self.close_eval(index, &frame, digest)?;
        }
        // Their verdicts go up once they are no longer about this container.
        self.frames.pop();
        self.pointer.reset(frame.mark);
        self.names.truncate(usize::from(frame.names_start));
        self.unique.truncate(usize::from(frame.unique_start));
        for index in evals.clone() {
            let Some(eval) = self.evals.get(index).copied() else { continue };
            if matches!(eval.role, Role::Value | Role::Contains { .. } | Role::Unevaluated { .. })
                && eval.up != WHOLE
            {
                let verdict = if eval.ok { Ok(()) } else { Err(Keyword::False) };
                self.settle(eval.up, eval.role, verdict)?;
            }
        }
        self.evals.truncate(evals.start);
        self.at += 1;
        let ended = self.end_value(digest);
        self.at -= 1;
        ended
    }

    fn close_eval(&mut self, index: usize, frame: &Frame, digest: u128) -> Result<(), Fault> {
        let Some(eval) = self.evals.get(index).copied().filter(|eval| eval.ok) else { return Ok(()) };
        let schema = self.graph.node(eval.node);
        if let Err((keyword, about)) = own_keywords(&eval, schema, frame, digest) {
            return self.fail(index, keyword, about);
        }
        let mut evaluated = eval.evaluated;
        if schema.in_place.is_some() {
            match self.beside(index, &eval) {
                Ok(more) => evaluated |= more,
                Err(keyword) => return self.fail(index, keyword, About::Container),
            }
            self.step(self.evals.len() - index)?;
        }
        if let Some((rest, keyword)) = unevaluated_of(schema, frame.is_array) {
            let left = bits_of(frame.count) & !evaluated;
            let is_met = match rest {
                ANY => true,
                NEVER => left == 0,
                _ => left & !eval.speculative == 0,
            };
            // Beyond the bits it cannot be told what has been evaluated.
            if rest != ANY && frame.count > ORDINALS_MAX {
                return Err(self.over_budget());
            }
            if !is_met {
                return self.fail(index, keyword, About::Container);
            }
            evaluated |= bits_of(frame.count);
        }
        if let Some(eval) = self.evals.get_mut(index) {
            eval.evaluated = evaluated;
        }
        Ok(())
    }

    /// What the schemas beside one come to together, and what they have evaluated.
    fn beside(&self, index: usize, eval: &Eval) -> Result<u128, Keyword> {
        let up = u16::try_from(index).unwrap_or(WHOLE);
        let children = self.evals.get(index + 1..).unwrap_or_default().iter().filter(|child| child.up == up);
        let (mut evaluated, mut any, mut one) = (0, None, None);
        let (mut condition, mut then, mut otherwise) = (None, None, None);
        for child in children {
            let seen = if child.ok { child.evaluated } else { 0 };
            match child.role {
                Role::All if !child.ok => return Err(Keyword::AllOf),
                Role::All => evaluated |= seen,
                Role::Any => {
                    any = Some(any.unwrap_or(false) || child.ok);
                    evaluated |= seen;
                }
                Role::One => {
                    one = Some(one.unwrap_or(0) + u32::from(child.ok));
                    evaluated |= seen;
                }
                Role::Not if child.ok => return Err(Keyword::Not),
                Role::If => {
                    condition = Some(child.ok);
                    evaluated |= seen;
                }
                Role::Then => then = Some((child.ok, seen)),
                Role::Else => otherwise = Some((child.ok, seen)),
                Role::Dependent { bit } if eval.seen & bit != 0 => {
                    if !child.ok {
                        return Err(Keyword::DependentSchemas);
                    }
                    evaluated |= seen;
                }
                Role::Not
                | Role::Dependent { .. }
                | Role::Value
                | Role::Contains { .. }
                | Role::Unevaluated { .. } => {}
            }
        }
        let branch = match condition {
            None => None,
            Some(true) => then.map(|branch| (branch, Keyword::Then)),
            Some(false) => otherwise.map(|branch| (branch, Keyword::Else)),
        };
        match (any, one, branch) {
            (Some(false), ..) => Err(Keyword::AnyOf),
            (_, Some(count), _) if count != 1 => Err(Keyword::OneOf),
            (.., Some(((false, _), keyword))) => Err(keyword),
            (.., Some(((true, seen), _))) => Ok(evaluated | seen),
            (.., None) => Ok(evaluated),
        }
    }
}

/// What a schema says by itself to a container that closes.
fn own_keywords(eval: &Eval, schema: &Schema, frame: &Frame, digest: u128) -> Result<(), (Keyword, About)> {
    let container = |keyword| (keyword, About::Container);
    if schema.choices.is_some() || schema.constant.is_some() {
        check_digest(schema, digest).map_err(container)?;
    }
    if let Some(arrays) = schema.arrays.as_ref().filter(|_| frame.is_array) {
        if frame.count < arrays.items_min {
            return Err(container(Keyword::MinItems));
        }
        if let Some(contains) = arrays.contains
            && eval.contains < contains.min
        {
            let keyword = if contains.min == 1 { Keyword::Contains } else { Keyword::MinContains };
            return Err(container(keyword));
        }
    }
    if let Some(objects) = schema.objects.as_ref().filter(|_| !frame.is_array) {
        let missing = objects.required & !eval.seen;
        if missing != 0 {
            return Err((Keyword::Required, About::Missing(eval.node, missing & missing.wrapping_neg())));
        }
        if frame.count < objects.members_min {
            return Err(container(Keyword::MinProperties));
        }
        for dependent in &objects.dependents {
            let missing = dependent.required & !eval.seen;
            if eval.seen & dependent.bit != 0 && missing != 0 {
                let first = missing & missing.wrapping_neg();
                return Err((Keyword::DependentRequired, About::Missing(eval.node, first)));
            }
        }
    }
    Ok(())
}

/// The schema for what nothing else has evaluated, and the keyword that a violation is told by.
fn unevaluated_of(schema: &Schema, is_array: bool) -> Option<(Index, Keyword)> {
    if is_array {
        return Some((schema.arrays.as_ref()?.unevaluated?, Keyword::UnevaluatedItems));
    }
    let objects = schema.objects.as_ref()?;
    let keyword = if objects.is_closed_by_default {
        Keyword::AdditionalProperties
    } else {
        Keyword::UnevaluatedProperties
    };
    Some((objects.unevaluated?, keyword))
}
