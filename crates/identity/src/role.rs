//! The five roles, and sets of them.

use std::fmt;

/// What a principal may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Role {
    /// Its own orders.
    Customer,
    /// Every command and view of orders.
    Staff,
    /// Imports.
    Import,
    /// The operation of the system.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// All roles, from the least to the most powerful.
    pub const ALL: [Self; 5] =
        [Self::Customer, Self::Staff, Self::Import, Self::Operator, Self::Admin];

    /// The name in a claim, on the command line and in the documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Staff => "staff",
            Self::Import => "import",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Roles(u8);

impl Roles {
    /// The set of these roles.
    pub const fn of(roles: &[Role]) -> Self {
        let (mut set, mut next) = (0, 0);
        while next < roles.len() {
            set |= 1 << roles[next] as u8;
            next += 1;
        }
        Self(set)
    }

    /// The set of the known roles among these names. Identity providers put names of other systems in the same claim.
    pub fn of_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(
            names
                .into_iter()
                .filter_map(Role::from_name)
                .fold(0, |set, role| set | 1 << role as u8),
        )
    }

    /// Whether the role is in the set.
    pub const fn has(self, role: Role) -> bool {
        self.0 & 1 << role as u8 != 0
    }

    /// The roles of either set.
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether both sets have a role in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The roles of the set.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_one_name() {
        for role in Role::ALL {
            assert_eq!(Role::from_name(role.as_str()), Some(role));
        }
        for name in ["", "Admin", "admin ", "root"] {
            assert_eq!(Role::from_name(name), None, "{name:?}");
        }
    }

    #[test]
    fn names_of_other_systems_are_passed_over() {
        let roles = Roles::of_names(["offline_access", "staff", "uma_authorization", "import"]);
        assert_eq!(roles, Roles::of(&[Role::Staff, Role::Import]));
        assert_eq!(roles.iter().collect::<Vec<_>>(), [Role::Staff, Role::Import]);
        assert!(Roles::of_names(["openid", "profile"]).is_empty());
    }
}
