//! `/openapi.json` and `/docs`.
