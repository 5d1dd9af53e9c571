//! Converts an error into a response.

use ::axum::http::StatusCode;
use ::axum::response::{IntoResponse, Response};

use super::Error;

/// The status is [`http_status`](Error::http_status). The message is the body of 404, 409 and 422, which the
/// client can act on. Any other error names tables, columns and statements: it is logged, and the body is
/// empty.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.http_status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::error!(error = %self, "answered with {status}");
            return status.into_response();
        }
        (status, self.to_string()).into_response()
    }
}
