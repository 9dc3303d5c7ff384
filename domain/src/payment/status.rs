//! Where a payment stands, in one word. Each word has its name on the wire, which never changes its meaning.

/// Lists each status once: its name here and on the wire.
macro_rules! payment_status {
    ($($(#[$doc:meta])* $variant:ident = $wire:literal,)+) => {
        /// Where a payment stands. Whether a call is stuck is not part of it; see [`super::stuck_calls`].
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
        )]
        pub enum PaymentStatus {
            $($(#[$doc])* #[serde(rename = $wire)] $variant,)+
        }

        impl PaymentStatus {
            /// All of them, in the order of the enum.
            pub const ALL: [Self; [$($wire),+].len()] = [$(Self::$variant),+];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $wire,)+ }
            }

            /// The inverse of [`Self::as_str`].
            pub fn from_wire(name: &str) -> Option<Self> {
                match name { $($wire => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for PaymentStatus {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

payment_status! {
    /// Wanted here; the provider's id is not known yet.
    Requested = "requested",
    /// The provider knows it; nobody has paid.
    Opened = "opened",
    /// The provider waits for the customer.
    ActionRequired = "action_required",
    /// The money is held for us.
    Authorized = "authorized",
    /// We asked for the money that is held.
    CaptureRequested = "capture_requested",
    /// The money is ours.
    Captured = "captured",
    /// We asked that nothing be taken.
    VoidRequested = "void_requested",
    /// Nothing was taken, and nothing is held.
    Voided = "voided",
    /// The provider or the customer's bank said no.
    Declined = "declined",
    /// The money was held, but is so no longer.
    Expired = "expired",
    /// Some of the money went back.
    PartiallyRefunded = "partially_refunded",
    /// All of the money went back.
    Refunded = "refunded",
}
