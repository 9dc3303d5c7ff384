//! SIGTERM and SIGINT become a cancelled token; a second one ends at once.
