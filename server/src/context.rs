//! The request's context: correlation id and trace, made or checked once, carried everywhere.

/// Extension on every request; an axum extractor. Set by the layer in `serve`/[`layer`].
#[derive(Debug, Clone, Default)]
pub struct RequestContext {
    /// `X-Correlation-Id`, or made (UUID v7): at most 128 visible characters (else replaced... see contract: 400).
    pub correlation_id: String,
    /// `traceparent`, if it was well-formed.
    pub traceparent: Option<String>,
}
