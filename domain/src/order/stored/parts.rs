//! Parts that several payloads share: amounts, customers, lines.
//!
//! Reading checks no rule of today. Texts and ids are taken as they are stored, amounts up to what [`Money`] holds,
//! currencies whether still in use or not. Only a value that does not fit its type is an error.

use crate::order::{Customer, Line};
use crate::{Currency, Email, Money, Name, Reference};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

pub(super) type Read<T> = Result<T, String>;

/// An amount: a [`Money`] when written, a text when read, since its currency is not yet known.
pub(super) enum Amount<'a> {
    Money(Money),
    Text(Cow<'a, str>),
}

impl Amount<'_> {
    pub(super) fn read(&self, currency: Currency) -> Read<Money> {
        match self {
            Self::Money(money) => Ok(*money),
            Self::Text(text) => {
                Money::stored(text, currency).map_err(|error| format!("an amount {error}"))
            }
        }
    }
}

impl Serialize for Amount<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Money(money) => serializer.collect_str(money),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Amount<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// A bare `Cow` always copies; a field with `serde(borrow)` borrows.
        #[derive(Deserialize)]
        struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
        Borrowed::deserialize(deserializer).map(|Borrowed(text)| Self::Text(text))
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredCustomer<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    email: Option<Cow<'a, str>>,
}

impl<'a> StoredCustomer<'a> {
    pub(super) fn of(customer: &'a Customer) -> Self {
        Self {
            id: customer.id.as_str().into(),
            name: customer.name.as_ref().map(|name| name.as_str().into()),
            email: customer.email.as_ref().map(|email| email.as_str().into()),
        }
    }

    pub(super) fn read(self) -> Customer {
        Customer {
            id: Reference::stored(self.id),
            name: self.name.map(Name::stored),
            email: self.email.map(Email::stored),
        }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredLine<'a> {
    line_id: u32,
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    quantity: u32,
    #[serde(borrow)]
    unit_price: Amount<'a>,
}

impl<'a> StoredLine<'a> {
    pub(super) fn of(line: &'a Line) -> Self {
        Self {
            line_id: line.line_id,
            product_id: line.product_id.as_str().into(),
            name: line.name.as_str().into(),
            quantity: line.quantity,
            unit_price: Amount::Money(line.unit_price),
        }
    }

    pub(super) fn read(self, currency: Currency) -> Read<Line> {
        Ok(Line {
            line_id: self.line_id,
            product_id: Reference::stored(self.product_id),
            name: Name::stored(self.name),
            quantity: self.quantity,
            unit_price: self.unit_price.read(currency)?,
            shipped: 0,
            delivered: 0,
        })
    }
}

pub(super) fn read_lines(lines: Vec<StoredLine<'_>>, currency: Currency) -> Read<Vec<Line>> {
    lines.into_iter().map(|line| line.read(currency)).collect()
}
