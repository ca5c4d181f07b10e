"""Errors of the trainer, each with one sentence for the person at the shell."""

from app.errors import FarsightError


class SettingsError(FarsightError):
    """An option, or the file that options come from, is invalid."""

    code = "training_settings"
    title = "The options cannot be used"


class DataError(FarsightError):
    """The training data is not what it should be."""

    code = "training_data"
    title = "The training data cannot be used"


class TeacherError(FarsightError):
    """The teacher does not map crops to embeddings."""

    code = "teacher"
    title = "The teacher cannot be used"


class NonFiniteLossError(FarsightError):
    """A loss became infinite or not a number; the files on disk are from before."""

    code = "non_finite_loss"
    title = "The training diverged"


class CollapseError(FarsightError):
    """Strangers became similar to each other; the stage was stopped."""

    code = "collapsed"
    title = "The network no longer tells people apart"


class StoppedError(FarsightError):
    """Somebody pressed Ctrl-C; a checkpoint was written."""

    code = "stopped"
    title = "Stopped on request"


class RunError(FarsightError):
    """The run's folder is not what the command needs."""

    code = "run_invalid"
    title = "The run cannot be used"


class WorseError(FarsightError):
    """Weights that must not be published."""

    code = "worse"
    title = "The weights are not published"


class ParityError(FarsightError):
    """The same crops got different embeddings from the exported networks."""

    code = "parity"
    title = "The exported networks answer differently"


class NotReloadedError(FarsightError):
    """The bundle is published, but the service does not serve it."""

    code = "not_reloaded"
    title = "The service still uses its previous weights"
