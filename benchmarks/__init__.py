"""Every figure in the docs, and the command that prints it."""

import app  # noqa: F401 - turns telemetry off, before anything here imports onnxruntime
