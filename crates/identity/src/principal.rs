//! Who sent a request, and which orders that caller sees.

use crate::role::{Role, Roles};
use std::sync::Arc;

/// The most characters of a token's subject.
pub const MAX_SUBJECT: usize = 200;

/// An authenticated caller. Cheap to share: the edge keeps one for each token it has checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// `jwt:<sub>` or `key:<name>`: stands on every event that the caller causes.
    pub actor: Arc<str>,
    /// What the caller may do.
    pub roles: Roles,
    /// The customer whose orders the caller owns.
    pub customer: Option<Arc<str>>,
}

impl Principal {
    /// Whether it may know how the system is.
    pub fn operates(&self) -> bool {
        self.roles.meets(const { Roles::of(&[Role::Operator, Role::Admin]) })
    }

    /// Whether it may see all that is held about a customer: as an admin, or as that customer.
    pub fn may_ask_about(&self, customer: &str) -> bool {
        self.roles.meets(const { Roles::of(&[Role::Admin]) })
            || self.roles.meets(const { Roles::of(&[Role::Customer]) })
                && self.customer.as_deref() == Some(customer)
    }

    /// The orders that this caller sees.
    pub fn scope(&self) -> Scope {
        if self.roles.meets(const { Roles::of(&[Role::Staff, Role::Admin]) }) {
            return Scope::All;
        }
        Scope::Customer(self.customer.clone())
    }
}

/// Which orders a caller sees. To the caller, all others do not exist.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Scope {
    /// All orders: staff, or a server without authentication.
    #[default]
    All,
    /// Those of this customer; `None` = no order.
    Customer(Option<Arc<str>>),
}

impl Scope {
    /// Whether the orders of this customer are in the scope.
    pub fn sees(&self, customer: &str) -> bool {
        match self {
            Self::All => true,
            Self::Customer(own) => own.as_deref() == Some(customer),
        }
    }
}

/// Whether a text may be the name of a caller: it is stored on events and written to logs.
pub(crate) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_SUBJECT && text.chars().all(|c| !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(roles: &[Role], customer: Option<&str>) -> Scope {
        let (actor, roles) = ("jwt:ada".into(), Roles::of(roles));
        Principal { actor, roles, customer: customer.map(Into::into) }.scope()
    }

    #[test]
    fn a_customer_sees_its_own_orders_and_no_others() {
        let own = scope(&[Role::Customer], Some("c-1"));
        assert!(own.sees("c-1") && !own.sees("c-10") && !own.sees("") && !own.sees("C-1"));
        let none = scope(&[Role::Customer], None);
        assert!(!none.sees("c-1") && !none.sees(""));
    }

    #[test]
    fn staff_sees_all_orders_even_with_a_customer_of_its_own() {
        for role in [Role::Staff, Role::Admin] {
            assert_eq!(scope(&[role, Role::Customer], Some("c-1")), Scope::All);
        }
        for role in [Role::Import, Role::Operator] {
            assert!(!scope(&[role], None).sees("c-1"), "{role}");
        }
    }
}
