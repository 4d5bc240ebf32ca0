//! Whole sessions through the trackers.
