//! What handlers take from a request. What can't be read is answered with problem details: axum's own extractors, which this
//! takes the place of, answer plain text (see `disallowed-types` in `.clippy.toml`).

#![expect(clippy::disallowed_types, reason = "these are made of them")]

use axum::extract::{FromRequest, FromRequestParts};

use crate::problem::Problem;

/// A part of the path, or 404.
#[derive(Clone, Copy, Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Problem))]
pub struct Path<T>(pub T);

/// The query, or 400.
#[derive(Clone, Copy, Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

/// A body that is JSON, or 400, 415 or 422.
#[derive(Clone, Copy, Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub struct JsonBody<T>(pub T);
