//! What makes a controller a controller.
