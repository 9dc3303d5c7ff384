//! The three statuses of an order: one is its lifecycle, two are derived from its counters.
//!
//! Each has a name on the wire and a code in storage. Both are stated only here and never change their meaning.

macro_rules! status {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal $wire:literal,)+ }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $wire)] $variant = $code,)+
        }

        impl $name {
            /// All of them, in the order of their codes.
            pub const ALL: [Self; [$($code),+].len()] = [$(Self::$variant),+];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $wire,)+ }
            }

            /// The inverse of [`Self::as_str`].
            pub fn from_wire(name: &str) -> Option<Self> {
                match name { $($wire => Some(Self::$variant),)+ _ => None }
            }

            /// The code in storage.
            pub const fn code(self) -> i16 {
                self as i16
            }

            /// The inverse of [`Self::code`].
            pub const fn from_code(code: i16) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

status! {
    /// The lifecycle. `completed`, `cancelled` and `discarded` are final.
    Status {
        /// May still change; not yet an order in any count.
        Draft = 0 "draft",
        /// The customer committed to it.
        Placed = 1 "placed",
        /// The shop accepted it.
        Confirmed = 2 "confirmed",
        /// Everything is delivered and paid.
        Completed = 3 "completed",
        /// Cancelled before anything was shipped.
        Cancelled = 4 "cancelled",
        /// A draft that was discarded.
        Discarded = 5 "discarded",
    }
}

status! {
    /// What was paid, compared with the total.
    PaymentStatus {
        /// Nothing.
        Unpaid = 0 "unpaid",
        /// Less than the total.
        PartiallyPaid = 1 "partially_paid",
        /// The total.
        Paid = 2 "paid",
        /// More than the total.
        Overpaid = 3 "overpaid",
        /// Some of it went back.
        PartiallyRefunded = 4 "partially_refunded",
        /// All of it went back.
        Refunded = 5 "refunded",
    }
}

status! {
    /// What was shipped and delivered, compared with what was ordered.
    FulfillmentStatus {
        /// Nothing has left.
        Unfulfilled = 0 "unfulfilled",
        /// Some has left, nothing has arrived.
        PartiallyShipped = 1 "partially_shipped",
        /// All has left, nothing has arrived.
        Shipped = 2 "shipped",
        /// Some has arrived.
        PartiallyDelivered = 3 "partially_delivered",
        /// All has arrived.
        Delivered = 4 "delivered",
    }
}
