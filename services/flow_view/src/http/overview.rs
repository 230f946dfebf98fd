//! `GET /overview`: the fleet at a glance.

use std::time::Duration;

use axum::{Json, extract::State};
use service::problem::Problem;

use super::state::AppState;
use crate::overview::Overview;

/// For so long one answer serves all who ask.
const FRESH: Duration = Duration::from_millis(900);

/// The fleet at a glance.
#[utoipa::path(get, path = "/overview", responses((status = 200, body = Overview, description = "As of a second ago at most")))]
pub async fn overview(State(view): State<AppState>) -> Result<Json<Overview>, Problem> {
    // Locked while it is made: everybody who asks meanwhile gets the same.
    let mut latest = view.overview.lock().await;
    let now = view.database.clock.now();
    if let Some((made_at, overview)) = &*latest
        && now.duration_since(*made_at).unsigned_abs() < FRESH
    {
        return Ok(Json(overview.clone()));
    }
    let overview = Overview::at(now, &view.database.pool, &view.directory, &view.config).await?;
    *latest = Some((now, overview.clone()));
    Ok(Json(overview))
}
