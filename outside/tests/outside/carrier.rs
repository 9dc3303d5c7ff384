//! The carrier: booked once, cancelled until the parcel leaves, in process and over HTTP.

use crate::world::{START, http, served};
use outside::carrier::{Booking, Carrier, ParcelState};
use outside::{Failure, Secret};
use sandbox::Shared;
use sandbox::core::carrier as other_side;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

fn booking(country: &str) -> Booking {
    Booking {
        reference: Uuid::new_v4(),
        country: country.to_owned(),
        parcels: 1,
        deliver_to: Secret::new("Ada, 1 Analytical Row"),
    }
}

async fn both(plan: Value) -> [(Shared, Carrier); 2] {
    let follow = |shared: &Shared| {
        shared.lock().follow(serde_json::from_value(plan.clone()).unwrap()).unwrap();
    };
    let (here, there) = (Shared::new(START), Shared::new(START));
    follow(&here);
    follow(&there);
    let over_http =
        Carrier::over_http(http(served(&there).await, "sk_carrier", Duration::from_millis(500)));
    [(here.clone(), Carrier::sandbox(here)), (there, over_http)]
}

#[tokio::test]
async fn the_same_reference_is_the_same_booking() {
    for (_, carrier) in both(json!({})).await {
        let booking = booking("DE");
        let first = carrier.book(&booking).await.unwrap();
        assert_eq!((first.state, first.reference), (ParcelState::Booked, booking.reference));
        assert!(first.tracking.is_some());
        assert_eq!(carrier.book(&booking).await, Ok(first.clone()));
        assert_eq!(carrier.read(booking.reference).await, Ok(first));
        let other = Booking { parcels: 2, ..booking };
        let refused = carrier.book(&other).await.unwrap_err();
        assert!(matches!(refused, Failure::Refused { .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn a_parcel_is_cancelled_until_it_leaves() {
    for (shared, carrier) in both(json!({})).await {
        let stays = carrier.book(&booking("DE")).await.unwrap().reference;
        for _ in 0..2 {
            assert_eq!(carrier.cancel(stays).await.unwrap().state, ParcelState::Cancelled);
        }
        let leaves = carrier.book(&booking("DE")).await.unwrap().reference;
        let moved = |state| shared.lock().move_parcel(&leaves.to_string(), state);
        assert!(moved(other_side::ParcelState::InTransit));
        let refused = carrier.cancel(leaves).await.unwrap_err();
        let gone = Failure::Refused { code: "parcel-on-its-way".to_owned(), is_final: true };
        assert_eq!(refused, gone);
        for (state, seen) in [
            (other_side::ParcelState::InTransit, ParcelState::InTransit),
            (other_side::ParcelState::Arrived, ParcelState::Arrived),
            (other_side::ParcelState::DeliveryFailed, ParcelState::DeliveryFailed),
        ] {
            assert!(moved(state));
            assert_eq!(carrier.read(leaves).await.unwrap().state, seen);
        }
    }
}

#[tokio::test]
async fn refusals_of_the_carrier_are_final() {
    let final_with = |code: &str| Failure::Refused { code: code.to_owned(), is_final: true };
    for (_, carrier) in both(json!({})).await {
        let refused = carrier.book(&booking(other_side::NOT_SERVED)).await;
        assert_eq!(refused, Err(final_with("country-not-served")));
        let unknown = Uuid::new_v4();
        assert_eq!(carrier.read(unknown).await, Err(final_with("booking-unknown")));
        assert_eq!(carrier.cancel(unknown).await, Err(final_with("booking-unknown")));
    }
}

#[tokio::test]
async fn a_silent_booking_is_found_by_reading() {
    let rule = json!({ "call": "carrier_book", "fault": { "kind": "silence_after" }, "times": 1 });
    for (_, carrier) in both(json!({ "rules": [rule] })).await {
        let booking = booking("DE");
        assert!(carrier.book(&booking).await.unwrap_err().is_doubt());
        assert_eq!(carrier.read(booking.reference).await.unwrap().state, ParcelState::Booked);
    }
}
