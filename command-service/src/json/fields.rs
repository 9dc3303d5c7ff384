//! Reads an object's members by name, and checks every other member.

use super::errors::{Errors, Pointer};
use super::tree::Json;
use std::borrow::Cow;

/// The most members that an object may define.
const MAX_NAMES: usize = 32;

/// An object whose unknown and repeated members are recorded.
#[derive(Debug)]
pub struct Object<'a, 'p> {
    members: Vec<(Cow<'a, str>, Json<'a>)>,
    at: &'p Pointer<'p>,
}

impl<'a, 'p> Object<'a, 'p> {
    /// Opens the value as an object with only these members, each at most once.
    pub fn open(
        json: Json<'a>,
        names: &[&str],
        at: &'p Pointer<'p>,
        errors: &mut Errors,
    ) -> Option<Self> {
        debug_assert!(names.len() <= MAX_NAMES, "an object this wide wants a wider set");
        let Json::Object(members) = json else {
            errors.add(at, "wrong-type", "must be an object");
            return None;
        };
        let mut seen = 0_u32;
        for (name, _) in &members {
            if errors.is_full() {
                break;
            }
            match names.iter().position(|known| known == name) {
                None => errors.add(&Pointer::Member(at, name), "unknown-member", unknown(names)),
                Some(place) if seen & (1 << place) != 0 => {
                    let detail = "stands more than once in its object";
                    errors.add(&Pointer::Member(at, name), "repeated-member", detail);
                }
                Some(place) => seen |= 1 << place,
            }
        }
        Some(Self { members, at })
    }

    /// A member that must be present.
    pub fn required<T>(
        &mut self,
        name: &str,
        errors: &mut Errors,
        read: impl FnOnce(Json<'a>, &Pointer<'_>, &mut Errors) -> Option<T>,
    ) -> Option<T> {
        let at = Pointer::Member(self.at, name);
        match self.take(name) {
            Some(value) => read(value, &at, errors),
            None => {
                errors.add(&at, "required", "is required");
                None
            }
        }
    }

    /// A member that may be absent or null. The outer `None` means that the member is broken.
    pub fn optional<T>(
        &mut self,
        name: &str,
        errors: &mut Errors,
        read: impl FnOnce(Json<'a>, &Pointer<'_>, &mut Errors) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.take(name) {
            None | Some(Json::Null) => Some(None),
            Some(value) => read(value, &Pointer::Member(self.at, name), errors).map(Some),
        }
    }

    fn take(&mut self, name: &str) -> Option<Json<'a>> {
        let (_, value) = self.members.iter_mut().find(|(known, _)| known == name)?;
        Some(std::mem::replace(value, Json::Null))
    }
}

fn unknown(names: &[&str]) -> String {
    if names.is_empty() {
        return "is not known here: the object takes no members".to_owned();
    }
    format!("is not known here; known are {}", names.join(", "))
}

/// Reads every element of an array of bounded length; `None` if any is broken.
pub fn elements<'a, T>(
    json: Json<'a>,
    longest: usize,
    at: &Pointer<'_>,
    errors: &mut Errors,
    read: impl Fn(Json<'a>, &Pointer<'_>, &mut Errors) -> Option<T>,
) -> Option<Vec<T>> {
    let Json::Array(array) = json else {
        errors.add(at, "wrong-type", "must be an array");
        return None;
    };
    if array.len() > longest {
        errors.add(at, "too-many", format!("must have at most {longest} elements"));
        return None;
    }
    let expected = array.len();
    let mut values = Vec::with_capacity(expected);
    for (index, element) in array.into_iter().enumerate() {
        values.extend(read(element, &Pointer::Element(at, index), errors));
        if errors.is_full() {
            break;
        }
    }
    (values.len() == expected).then_some(values)
}
