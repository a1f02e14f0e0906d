//! The commands, one file each.

pub(crate) mod check;
pub(crate) mod connect;
pub(crate) mod dev;
pub(crate) mod echo;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod token;
