"""What can go wrong for a user, and under which name.

TrackFormerError        one line for the user: what, where, what was expected
├── ConfigError         a setting is unknown, of the wrong type or out of range
├── DataError           a video, frame, annotation or result file cannot be used
└── CheckpointError     a file of weights cannot be read or belongs to another model
"""


class TrackFormerError(Exception):
    """Base of all errors a user can cause; the command line prints it as one line."""


class ConfigError(TrackFormerError):
    """A setting is unknown, of the wrong type or out of range."""


class DataError(TrackFormerError):
    """A video, frame, annotation or result file is missing, damaged or malformed."""


class CheckpointError(TrackFormerError):
    """A file of weights is missing, damaged or belongs to another model."""
