"""Networks: detectors behind three calls, and TrackFormer, which has one."""
