"""Label Studio's json."""
