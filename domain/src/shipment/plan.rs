//! What is planned: which goods go from where to whom, and under which id.

use crate::{Label, Name, Reference};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What the ids of shipments are derived under.
const NAMESPACE: &[u8] = b"orderlog shipment\n";

/// A shipment has at most this many lines.
pub const MAX_LINES: usize = 2_000;

/// The id of a checkout's `number`-th shipment: a UUID of version 8 (RFC 9562), from the SHA-256 of both. Whoever asks for
/// the same parcel names the same stream.
pub fn stream_id(checkout_id: Uuid, number: u32) -> Uuid {
    let digest = Sha256::new()
        .chain_update(NAMESPACE)
        .chain_update(checkout_id.as_bytes())
        .chain_update(number.to_be_bytes())
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// A parcel to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentPlan {
    /// The checkout that asks for it.
    pub checkout_id: Uuid,
    /// The order whose goods are in it.
    pub order_id: Uuid,
    /// Whose order it is. The texts about a person are sealed for this customer.
    pub customer_id: Reference,
    /// Which parcel of the checkout, from 1.
    pub number: u32,
    /// Who is asked first to carry it.
    pub carrier: Reference,
    /// What is in it.
    pub lines: Vec<ShipmentLine>,
    /// Where it goes.
    pub to: Destination,
}

/// Some units of a product in a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentLine {
    /// The caller's id of the product.
    pub product_id: Reference,
    /// Units, at least 1.
    pub quantity: u32,
    /// Where they are taken from.
    pub warehouse: Reference,
}

/// Where a parcel goes. All but the country is about a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// Who gets it.
    pub name: Name,
    /// Street and house number.
    pub street: Label,
    /// What else the address needs: company, floor, door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra: Option<Label>,
    /// The postal code; some countries have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<Label>,
    /// The place.
    pub city: Label,
    /// The country's code, ISO 3166-1 alpha-2.
    pub country: Reference,
    /// A telephone number for the driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Label>,
}
